"""The settings of a channel as options."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from inspect import Signature, signature
from typing import Annotated, Any, cast

import typer

from arcli.console.names import accounts
from arcli.errors import UsageError
from arcli.models import IndexKind, ListKind, SettingsChanges
from arcli.protocols.strict import ratio, whole_number

KindOption = Annotated[
    ListKind | None,
    typer.Option(
        "--kind",
        help="What a match in the channel means to a Tupu client:"
        " nothing (plain), refuse (black), let pass (white).",
    ),
]
ThresholdOption = Annotated[
    str | None,
    typer.Option(
        "--threshold",
        metavar="SCORE",
        help="Lowest score that counts as found, 0 to 1, or default."
        " A score says how certain it is that a photo shows a target.",
    ),
]
IndexOption = Annotated[
    IndexKind | None,
    typer.Option(
        "--index",
        help="How it is searched: flat compares with every target, hnsw uses a graph, ivf inverted lists;"
        " auto chooses by size.",
    ),
]
QuotaOption = Annotated[
    str | None,
    typer.Option("--quota", metavar="N", help="The most targets it may hold, or none for no limit."),
]
KeepOption = Annotated[
    bool | None,
    typer.Option(
        "--keep-pictures/--no-keep-pictures", help="Whether a small version of each picture is kept."
    ),
]
PrivateOption = Annotated[
    bool | None,
    typer.Option("--private/--public", help="Whether `serve` hides its targets from strangers."),
]
FormatsOption = Annotated[
    bool | None,
    typer.Option("--any-format/--jpeg-png", help="Which pictures `serve` accepts for it."),
]
OwnerOption = Annotated[
    str | None,
    typer.Option(
        "--owner", metavar="ACCOUNT", help="Account of `serve` that owns it.", autocompletion=accounts
    ),
]


def named_settings(
    kind: KindOption = None,
    threshold: ThresholdOption = None,
    index: IndexOption = None,
    quota: QuotaOption = None,
    keep_pictures: KeepOption = None,
    private: PrivateOption = None,
    any_format: FormatsOption = None,
    owner: OwnerOption = None,
) -> SettingsChanges:
    """Return the given settings. Raises UsageError for an invalid threshold or quota."""
    others = {
        "kind": kind,
        "index": index,
        "keep_pictures": keep_pictures,
        "private": private,
        "any_format": any_format,
        "owner": owner,
    }
    named = cast("SettingsChanges", {key: value for key, value in others.items() if value is not None})
    if threshold is not None:
        named["threshold"] = None if threshold == "default" else _score(threshold)
    if quota is not None:
        named["quota"] = None if quota == "none" else _count(quota)
    return named


def with_settings(verb: Callable[..., None]) -> Callable[..., None]:
    """Make a command of `verb` with the options of `named_settings`, which `verb` gets as `changes`."""
    parameters = signature(verb, eval_str=True).parameters
    own = [parameters[name] for name in parameters if name != "changes"]

    @wraps(verb)
    def command(**given: Any) -> None:
        mine = {each.name: given.pop(each.name) for each in own}
        verb(**mine, changes=named_settings(**given))

    options = signature(named_settings, eval_str=True).parameters.values()
    command.__signature__ = Signature([*own, *options])  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in (*own, *options)}
    return command


def _score(text: str) -> float:
    try:
        return ratio(text, "--threshold")
    except UsageError:
        hint = "a number from 0 to 1, or default"
        raise UsageError(f"--threshold {text[:40]!r} is not a score", hint=hint) from None


def _count(text: str) -> int:
    try:
        return whole_number(text, "--quota", least=0, most=sys.maxsize)
    except UsageError:
        hint = "a whole number, or none"
        raise UsageError(f"--quota {text[:40]!r} is not a number of targets", hint=hint) from None
