"""ARCloud (Kivicube) REST: seven calls, `POST {base}/{Call}`, form in, JSON with a `returncode` out.

A new return code is a line in `codes`, which maps codes to errors both ways, and an error in arcli.errors
where none says the same.
"""
