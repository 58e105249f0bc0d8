"""Programs that measure arcli through its public seams, for the figures in docs (`make
bench…`).
"""
