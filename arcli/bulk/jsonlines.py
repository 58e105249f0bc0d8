"""One JSON object a line, as reports, exports and sync plans have it."""

from __future__ import annotations

import json
from typing import Any

_LINE_ENDS = {ord(c): f"\\u{ord(c):04x}" for c in "\x85\u2028\u2029"}  # to some readers of text


def json_line(record: dict[str, Any]) -> bytes:
    """Return `record` as one line of UTF-8; an odd byte of a file name becomes its JSON escape."""
    text = json.dumps(record, ensure_ascii=False, allow_nan=False)
    return text.translate(_LINE_ENDS).encode("utf-8", "backslashreplace") + b"\n"
