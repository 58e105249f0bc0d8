"""One HTTP transport for every remote gallery, and the guarded fetch of picture URLs.

Here live connections, time limits, retries, requests side by side, and which addresses are public. Nothing
here knows a protocol.
"""
