"""What every request goes through: bodies within limits, credentials, rates, memory, the log, JSON
answers.
"""
