"""`arcli serve`: the ARCloud and Tupu protocols and our own calls over any Gallery.

A wing a protocol (`arcloud`, `tupu`, `extensions`: parse, admit, ask, word the answer), over what they share:
the `ladder` that every call goes through, `lookup` (what callers may ask of their channels), `service` (the
backend and the threads), `requests` (bodies, credentials, rates). `app` puts the routes together, `process`
runs them.
"""
