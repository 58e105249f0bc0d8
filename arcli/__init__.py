"""arcli: image-recognition galleries at a shell, in process and over the wire."""

import os
import sys

__version__ = "0.1.0"


def _multiply_in_one_thread() -> None:
    """Keep BLAS from using threads: over matrices as small as arcli's they cost ten times what they give.

    The variable is read when numpy is first imported. Where that was before arcli, its OpenBLAS is told; who
    has set the variable keeps what it says.
    """
    if "OPENBLAS_NUM_THREADS" in os.environ:
        return
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    if "numpy" not in sys.modules:
        return
    import ctypes
    from pathlib import Path

    shipped = Path(str(sys.modules["numpy"].__file__)).parents[1] / "numpy.libs"
    for library in shipped.glob("*openblas*"):
        loaded = ctypes.CDLL(str(library))
        for name in ("scipy_openblas_set_num_threads64_", "openblas_set_num_threads64_"):
            if hasattr(loaded, name):
                getattr(loaded, name)(1)


_multiply_in_one_thread()
