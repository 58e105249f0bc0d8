"""What all tests share."""

import signal

from hypothesis import settings

settings.register_profile("arcli", deadline=None)  # no test asserts a time
settings.load_profile("arcli")

# A job of a shell script, or one under nohup, ignores Ctrl-C, and so would the processes that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
