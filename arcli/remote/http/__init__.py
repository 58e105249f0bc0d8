"""One HTTP transport for every remote gallery, and the guarded fetch of picture URLs.

Here live connections, time limits, retries, simultaneous requests, and which addresses are public. Nothing
here depends on a protocol.
"""
