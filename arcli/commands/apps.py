"""How arcli makes Typer applications."""

from __future__ import annotations

from typing import Any

import typer


def new_app(**settings: Any) -> typer.Typer:
    """Return a Typer without what costs start time: rich's help alone takes 100 ms of CPU."""
    return typer.Typer(
        rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False, **settings
    )
