"""The client of an ARCloud service, the vendor's or an `arcli serve`, as a `Gallery`.

`gallery` is the door; what a call carries and answers is in `arcli.protocols.arcloud`, what our own server
adds to it in `service`. A call that the vendor documents anew is added to `calls` and used from
`gallery`.
"""
