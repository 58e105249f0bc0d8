"""What `arcli sync` does: compare and apply, or compare and write a plan, or apply a plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from arcli.bulk.channel_state import SIZES, all_known, known_of
from arcli.bulk.identifiers import IdFrom
from arcli.bulk.sync.actions import Action, Do, Head, action_line, head_line, read_actions, read_head
from arcli.bulk.sync.applied_actions import HELD, KEPT, SyncResult, apply, planned_result
from arcli.bulk.sync.differences import Tally, compare
from arcli.bulk.sync.listing import ChannelListing
from arcli.bulk.sync.removals import MaxDelete, Planned
from arcli.commands.sync.wanted_targets import Source, Wanted, opened_source, other_channel
from arcli.console.faults import interruptible
from arcli.console.items import ItemView, Record
from arcli.console.session import Session
from arcli.console.text import plural
from arcli.errors import ConfirmationRequired, Conflict, EmptyInput, FileExists, RemovalHeld, TooManyRemovals
from arcli.files import replacing
from arcli.models import AddOptions, ListQuery

COUNTED = ("added", "replaced", "updated", "removed", HELD, KEPT, "failed")
AGAIN = "the same command continues: what is already equal is left as it is"
PLANNED = ("would-add", "would-replace", "would-update", "would-remove", "would-hold", KEPT, "would-fail")


def _record(result: SyncResult) -> Record:
    return {
        "image": result.image,
        "identifier": result.identifier or None,
        "status": result.status,
        "changes": list(result.changes),
        "level": result.level,
        "hints": [asdict(hint) for hint in result.hints],
    }


RESULTS: ItemView[SyncResult] = ItemView(
    key="items",
    record=_record,
    columns=("image", "identifier", "status", "changes", "level", "hints"),
    names=lambda result: [result.identifier] if result.error is None else [],
    headings=("identifier", "status", "changes", "picture"),
    lines=lambda result: [
        (result.identifier, result.status, ", ".join(result.changes), result.image),
    ],
)


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """The options besides the source. `plan`: a file to write the actions to, instead of doing them."""

    delete: bool
    most: MaxDelete
    again: bool
    dry_run: bool
    plan: Path | None
    options: AddOptions

    @property
    def only_said(self) -> bool:
        return self.dry_run or self.plan is not None


def sync_source(session: Session, wanted: Wanted, how: How) -> None:
    """Compare a source with the channel, and do, or only show or write down, what makes them equal."""
    if how.plan is not None and how.plan.exists():
        hint = f"apply it: arcli sync --plan {how.plan}; or remove it"
        raise FileExists(f"the plan {how.plan} exists already", hint=hint, item=str(how.plan))
    with ExitStack() as stack:
        source = stack.enter_context(opened_source(session, wanted))
        for note in source.notes:
            session.warn(note)
        if how.delete and not source.total:
            hint = "arcli rm --all empties a channel"
            raise EmptyInput(f"{source.name} holds no picture, so nothing is removed", hint=hint)
        known = stack.enter_context(ChannelListing(all_known(session.gallery, session.channel)))
        notes = _permitted(session, source, known, how) if how.delete else []
        tally = Tally()
        actions = compare(
            source.entries,
            known,
            tally,
            remove=how.delete,
            again=how.again,
            complete=not source.unread,
            total=source.total,
        )
        if how.plan is not None:
            actions = _written(how.plan, _head(session, wanted, source), actions)
        results = map(planned_result, actions) if how.only_said else _applied(session, actions, how)
        _report(session, results, source, tally, how, notes)


def _permitted(session: Session, source: Source, known: ChannelListing, how: How) -> list[str]:
    """Return if the removals may be done or will be held; return notes if they are only announced."""
    if source.unread or source.faults:
        return []
    removals = known.count_missing(source.identifiers())
    if not how.only_said:
        _permit(session, session.channel, removals, len(known), how.most)
    elif not how.most.allows(removals, len(known)):
        return [f"removing {removals:,} of {len(known):,} targets needs --max-delete {removals}"]
    return []


def _permit(session: Session, channel: str, removals: int, targets: int, most: MaxDelete) -> None:
    """Return if so many targets may be removed. Raises TooManyRemovals, or Declined."""
    if most.allows(removals, targets):
        return
    what = f"{removals:,} of {plural(targets, 'target')}"
    refusal = TooManyRemovals(
        f"this would remove {what} from channel {channel}, so nothing was changed",
        hint=f"to see what would be removed: --dry-run; to remove it: --max-delete {removals}",
    )
    if most.given:
        raise refusal
    try:
        session.confirm(f"The source does not have {what}. Remove them from channel {channel}?", yes=False)
    except ConfirmationRequired as error:
        raise refusal from error


def _head(session: Session, wanted: Wanted, source: Source) -> Head:
    return Head(
        profile=session.settings.profile.value,
        channel=session.channel,
        source=source.name,
        from_profile=wanted.from_profile,
        pictures=None if wanted.pictures is None else str(Path(wanted.pictures).absolute()),
    )


def _written(path: Path, head: Head, actions: Iterable[Action]) -> Iterator[Action]:
    """Write actions to a file as they pass; the file appears when all have passed."""
    with replacing(path) as file:
        file.write(head_line(head))
        for action in actions:
            if action.do is not Do.KEEP:
                file.write(action_line(action))
            yield action


def _applied(session: Session, actions: Iterable[Action], how: How) -> Iterator[SyncResult]:
    return apply(session.gallery, channel=session.channel, actions=actions, options=how.options)


def apply_plan(session: Session, path: Path, how: How) -> None:
    """Do what a plan says, unless something has changed since. Raises Conflict for another profile's plan."""
    head, actions = read_head(path), read_actions(path)
    profile, channel = session.settings.profile.value, session.channel
    if head.profile != profile or (session.named("channel") and head.channel != channel):
        meant = f"channel {head.channel} of profile {head.profile}"
        raise Conflict(f"the plan {path} is for {meant}", hint=f"add --profile {head.profile}")
    with ExitStack() as stack:
        if head.from_profile is not None:
            wanted = Wanted(
                source=head.source,
                from_profile=head.from_profile,
                pictures=head.pictures,
                id_from=IdFrom.STEM,
                encoding=None,
                trust_ratio=True,
            )
            actions = stack.enter_context(other_channel(session, wanted)).attached(actions)
        if how.dry_run:
            results: Iterable[SyncResult] = map(planned_result, actions)
        else:
            results = _reviewed(session, head.channel, path, actions, how)
        _show(session, results, None, {}, planned=how.dry_run)


def _reviewed(
    session: Session, channel: str, path: Path, actions: Iterable[Action], how: How
) -> Iterator[SyncResult]:
    """Apply the actions of a reviewed plan; its removals are held like any others."""
    gallery, planned = session.gallery, Planned.of(read_actions(path))
    if planned.removals and not planned.faults:
        count = gallery.list(channel=channel, query=ListQuery(limit=1)).totalcount
        _permit(session, channel, planned.removals, count, how.most)
    if planned.actions <= SIZES.few:
        few = known_of(gallery, channel, planned.identifiers)
        yield from apply(gallery, channel=channel, actions=actions, options=how.options, now=few)
        return
    with ChannelListing(all_known(gallery, channel)) as now:
        yield from apply(gallery, channel=channel, actions=actions, options=how.options, now=now)


def _report(
    session: Session,
    results: Iterable[SyncResult],
    source: Source,
    tally: Tally,
    how: How,
    notes: list[str],
) -> None:
    def noted() -> Iterator[SyncResult]:
        yield from results
        notes.extend(_notes(source, tally, how))

    data: dict[str, object] = {"notes": notes}
    _show(session, noted(), source.total, data, planned=how.only_said, unread=source.unread)
    for note in notes:
        session.warn(note)


def _notes(source: Source, tally: Tally, how: How) -> Iterator[str]:
    """Yield notes on what a sync could not do, and why."""
    if source.channel is not None:
        yield from source.channel.not_moved()
    if tally.unknown:
        what = "were replaced" if how.again else "were left as they are (--replace-unknown)"
        yield f"{tally.unknown:,} pictures cannot be compared with what the channel has: they {what}"


def _show(
    session: Session,
    results: Iterable[SyncResult],
    total: int | None,
    data: dict[str, object],
    *,
    planned: bool,
    unread: tuple[str, ...] = (),
) -> None:
    counts = Counter(dict.fromkeys(PLANNED if planned else COUNTED, 0))
    answer = session.answer(RESULTS, changes=not planned)
    label = "comparing" if planned else "syncing"
    with interruptible(lambda: _counted(counts), AGAIN), session.progress(label, total) as advance:
        for result in results:
            counts[result.status] += 1
            if result.status != KEPT:
                answer.item(result, result.error)
            advance()
    if held := counts[HELD] + counts["would-hold"]:
        answer.fault(_held(held, counts["failed"] + counts["would-fail"], unread))
    session.end(answer, {"counts": dict(counts), **data})
    session.say(_counted(counts))


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {status}" for status, count in counts.items() if count) or "nothing to do"


def _held(held: int, failed: int, unread: tuple[str, ...]) -> RemovalHeld:
    reasons = [f"{plural(failed, 'item')} failed"] if failed else []
    reasons += [f"{name} is a link to a folder and was not entered" for name in unread[:3]]
    reasons += [f"so were {len(unread) - 3:,} more"] if len(unread) > 3 else []
    why = "; ".join(reasons) or "the source was not read completely, or was changed in the meantime"
    return RemovalHeld(
        f"nothing was removed: {plural(held, 'target')} that the source does not have stay, because {why}",
        hint="fix that and run it again; --exclude PATTERN leaves out a folder on purpose",
    )
