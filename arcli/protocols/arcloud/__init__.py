"""ARCloud (Kivicube) REST: seven calls, `POST {base}/{Call}`, form in, JSON with a `returncode` out."""
