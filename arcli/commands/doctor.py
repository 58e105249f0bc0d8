"""`arcli doctor`: is everything intact?"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from arcli.console.items import ItemView
from arcli.console.session import Session
from arcli.console.text import plural
from arcli.errors import ArcliError, DataDamaged, NotFound, UsageError
from arcli.models import Finding
from arcli.settings import Kind, examine_settings

COLUMNS = ("subject", "ok", "message", "hint", "repaired")
FINDINGS: ItemView[Finding] = ItemView(
    key="findings",
    record=lambda f: {name: getattr(f, name) for name in COLUMNS},
    columns=COLUMNS,
    names=lambda finding: [] if finding.ok else [finding.subject],
    headings=("", "subject", "finding"),
    lines=lambda f: [("ok" if f.ok else "BAD", f.subject, f.message)],
    wrap=True,
)


def doctor(
    ctx: typer.Context,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Rebuild what is derived; carry over what can be read of the rest."),
    ] = False,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Extract features of some kept pictures again, and compare."),
    ] = False,
    salvage: Annotated[
        Path | None,
        typer.Option(
            "--salvage",
            metavar="DIR",
            help="Write what damaged channels still hold into a new folder, as pictures and manifests"
            " that add --manifest reads; change nothing.",
        ),
    ] = None,
) -> None:
    """Check stores, indexes and settings, of all channels or of --channel.

    With a remote profile: whether the service answers, accepts the credentials and has the channel. The kind
    of a profile is what it talks to: a folder on this machine, or a service.

    Example: arcli doctor --repair
    """
    session = Session.of(ctx)
    channel = session.channel if session.named("channel") else None
    if salvage is not None and repair:
        raise UsageError("--salvage changes nothing, --repair does: one after the other")
    findings = session.examine(channel, repair=repair)
    if verify:
        findings = chain(findings, session.compare_samples(channel))
    if salvage is not None:
        findings = session.salvage(channel, salvage)
    answer = session.answer(FINDINGS, changes=repair)
    bad = 0
    for finding in chain(examine_settings(session.settings), _data_folder(session), findings):
        bad += not finding.ok
        answer.item(finding, None if finding.ok else _error(finding))
    session.end(answer, {}, single=True)
    session.say("all sound" if not bad else f"{plural(bad, 'problem')} to deal with")


def _data_folder(session: Session) -> Iterator[Finding]:
    """Report the data folder and what is in it: a wrong one is usually new or empty."""
    if session.settings.kind.value != Kind.LOCAL:
        return
    folder, source = session.settings.data_path, session.settings.values["data_dir"].source
    try:
        channels = len(session.channels.settings())
    except ArcliError:  # a catalog that cannot be read is a separate finding
        return
    state = plural(channels, "channel") if channels else "empty: it has no channel"
    if not folder.is_dir():
        state = "new: nothing has been added to it yet"
    yield Finding(subject="data folder", ok=True, message=f"{folder} ({source}): {state}")


def _error(finding: Finding) -> ArcliError:
    """Return what was caught, so that a full disk is not taken for damage; missing data are damage."""
    kind: type[ArcliError] = DataDamaged
    if finding.error is not None and not isinstance(finding.error, NotFound):
        kind = type(finding.error)
    return kind(finding.message, hint=finding.hint, item=finding.subject)
