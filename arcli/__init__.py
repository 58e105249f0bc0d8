"""arcli: image-recognition galleries at a shell, in process and over the wire."""

import os

# Its matrices are small: BLAS threads would cost ten times what they give. Read when numpy is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

__version__ = "0.1.0"
