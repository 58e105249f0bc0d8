"""The client of an ARCloud service, the vendor's or an `arcli serve`, as a `Gallery`.

`gallery` is the entry point; what a call sends and returns is in `arcli.protocols.arcloud`, and what our own
server adds to it in `service`. A new call of the vendor's is added to `calls` and used from `gallery`.
"""
