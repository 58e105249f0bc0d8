"""How arcli makes Typer applications."""

from __future__ import annotations

from typing import Any

import typer


def new_app(**settings: Any) -> typer.Typer:
    """Return a Typer without what costs start time: rich's help alone takes 100 ms of CPU."""
    plain: dict[str, Any] = {"rich_markup_mode": None, "pretty_exceptions_enable": False}
    return typer.Typer(**{**plain, "add_completion": False, **settings})
