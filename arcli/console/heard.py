"""Passes on to the user what the layers below warn of."""

from __future__ import annotations

import logging
from collections.abc import Callable


class Heard(logging.Handler):
    """Gives each warning under the logger "arcli" to `tell`, until closed."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell
        logging.getLogger("arcli").addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self._tell(record.getMessage())

    def close(self) -> None:
        logging.getLogger("arcli").removeHandler(self)
        super().close()
