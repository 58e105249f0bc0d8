"""`arcli serve`: the ARCloud and Tupu protocols and our own calls over any Gallery.

One package per protocol (`arcloud`, `tupu`, `extensions`: parse, admit, call the gallery, write the answer),
over what they share: the `ladder` that every call goes through, `lookup` (photos and counts of the caller's
channels), `service` (the backend and the threads), `requests` (bodies, credentials, rates). `app` assembles
the routes, `process` runs them.
"""
