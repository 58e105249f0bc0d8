"""OpenCV as arcli uses it: silent, and one thread a call (callers run processes and threads of their own)."""

from __future__ import annotations

import cv2

# A damaged picture is reported by an error of ours, not by a line on stderr.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
cv2.setNumThreads(1)

__all__ = ["cv2", "use_threads"]


def use_threads(count: int) -> None:
    """Let OpenCV use `count` threads a call: for a process that looks up one photo at a time."""
    cv2.setNumThreads(count)
