"""A command line of arcli, run in this process."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from arcli.app import main


def ran_here(capfdbinary: Any, words: Sequence[str | Path]) -> tuple[int, str, str]:
    """Run arcli; return its exit status and what it wrote to stdout and stderr, and nothing of before."""
    capfdbinary.readouterr()
    status = main([str(word) for word in words])
    sys.stdout.flush()
    out, err = capfdbinary.readouterr()
    return status, out.decode(), err.decode()
