"""What the figures in docs come from: programs that measure arcli through its public seams (`make
bench…`).
"""
