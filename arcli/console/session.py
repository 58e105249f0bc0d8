"""One run of arcli: its settings, its gallery, and its messages to the user."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from functools import cached_property
from time import perf_counter
from typing import TYPE_CHECKING, Any

import typer

from arcli.console.answer import ItemStream
from arcli.console.formats import envelope, make_sink, to_json
from arcli.console.items import Item, ItemView, Record, record_view
from arcli.console.streams import ClosedPipe, Streams
from arcli.console.tables import TABLES
from arcli.errors import ArcliError, Interrupted, NotFound, UsageError
from arcli.settings import Format, Kind, Settings, resolve, resolve_other

if TYPE_CHECKING:
    from pathlib import Path

    from arcli.console.faults import WarningHandler
    from arcli.console.progress import Advance
    from arcli.engine.migrating import Migration
    from arcli.gallery import ChannelAdmin, Gallery, Maintenance, Upgrades
    from arcli.models import Finding
    from arcli.store.repair.backup_folder import Backups


class Session:
    """What a command works with.

    `flags`: the common options that were given, as text; `began`: when the process began, by `perf_counter`.
    """

    def __init__(
        self, arguments: Sequence[str], environ: Mapping[str, str], began: float | None = None
    ) -> None:
        self.began = perf_counter() if began is None else began
        self.command = ""
        self.flags: dict[str, str] = {}
        self.environ = environ
        self.streams = Streams(environ)
        self.status = 0
        self._arguments = arguments
        self._answer: ItemStream[Any] | None = None
        self._gallery: Gallery | None = None
        self._warnings: WarningHandler | None = None
        self._hints: set[str] = set()

    @classmethod
    def of(cls, ctx: typer.Context) -> Session:
        """Return the session of `ctx`."""
        assert isinstance(ctx.obj, cls)
        return ctx.obj

    @cached_property
    def settings(self) -> Settings:
        return resolve(flags=self.flags, environ=self.environ)

    @property
    def format(self) -> Format:
        return Format(self.settings.format.value)

    @property
    def for_people(self) -> bool:
        """Whether words beside the answer are wanted: the format is a table, and --quiet was not given."""
        return self.format is Format.TABLE and "quiet" not in self.flags

    @property
    def verbose(self) -> bool:
        return "verbose" in self.flags or bool(self.environ.get("ARCLI_DEBUG"))

    @property
    def asked_verbose(self) -> bool:
        """Whether the command line has --verbose, even if it has not been parsed yet."""
        return any(word in ("-v", "--verbose") for word in self._arguments)

    @property
    def channel(self) -> str:
        """The channel to work with. Raises InvalidChannelName."""
        from arcli.models import valid_channel_name

        return valid_channel_name(self.settings.channel.value)

    @property
    def gallery(self) -> Gallery:
        """The gallery that the settings name, opened at first use."""
        if self._gallery is None:
            from arcli.connect import open_gallery

            self._pass_warnings_on()
            self._gallery = open_gallery(self.settings)
        return self._gallery

    @property
    def channels(self) -> ChannelAdmin:
        from arcli.connect import channel_admin

        return channel_admin(self.gallery)

    @property
    def maintenance(self) -> Maintenance:
        from arcli.connect import maintenance

        return maintenance(self.gallery)

    @property
    def upgrades(self) -> Upgrades:
        from arcli.connect import upgrades

        return upgrades(self.gallery)

    @property
    def backups(self) -> Backups:
        from arcli.connect import backups

        return backups(self.settings)

    def migration(self, profile: str) -> Migration:
        """Open what moves channels from another profile to this one; the caller closes it."""
        from arcli.connect import migration

        self._pass_warnings_on()
        return migration(resolve_other(profile, self.environ), self.settings)

    def _pass_warnings_on(self) -> None:
        """Show what the layers below log as a warning."""
        from arcli.console.faults import WarningHandler

        self._warnings = self._warnings or WarningHandler(self.warn)

    def compare_samples(self, channel: str | None) -> Iterator[Finding]:
        from arcli.connect import compare_samples

        return compare_samples(self.settings, channel)

    def salvage(self, channel: str | None, folder: Path) -> Iterator[Finding]:
        from arcli.connect import salvage

        return salvage(self.settings, channel, folder)

    def index(self, channels: Sequence[str]) -> None:
        """Build the indexes of channels that were restored."""
        from arcli.connect import build_indexes

        build_indexes(self.settings, channels)

    def examine(self, channel: str | None, *, repair: bool) -> Iterator[Finding]:
        from arcli.connect import examine

        return examine(self.gallery, channel=channel, repair=repair)

    def confirm(self, question: str, *, yes: bool) -> None:
        """Return if a person says yes. Raises ConfirmationRequired, Declined, Interrupted."""
        from arcli.console.inputs import confirm

        with self.streams.away():
            confirm(question, yes=yes)

    def progress(self, label: str, total: int | None, done: int = 0) -> AbstractContextManager[Advance]:
        """Show a bar on stderr that begins at `done`.

        With ARCLI_PROGRESS=jsonl, write lines of JSON instead. Raises UsageError for another value.
        """
        from arcli.console.progress import progress, progress_lines

        asked = self.environ.get("ARCLI_PROGRESS")
        if asked == Format.JSONL:
            return progress_lines(self.streams, label, total, done=done)
        if asked:
            raise UsageError(f"ARCLI_PROGRESS is {asked!r}", hint="jsonl, or leave it unset for a bar")
        return progress(self.streams, label, total, done=done)

    def answer(self, view: ItemView[Item], *, changes: bool = False) -> ItemStream[Item]:
        """Begin the answer. `changes`: the command changes data, and goes on even if its reader leaves.

        The table of such a command is not shown with --quiet, and for many items only with --verbose.
        """
        self.streams.quiet = "quiet" in self.flags
        self.streams.keep_going = changes
        most = None
        if changes and view.key and not self.verbose and not self.named("format"):
            most = 0 if self.streams.quiet else TABLES.brief
        sink = make_sink(self.format, view, self.streams, most=most)
        late = self.format is Format.TABLE
        answer: ItemStream[Item] = ItemStream(self.command, sink, self.report, late=late)
        self._answer = answer
        return answer

    def show(
        self, view: ItemView[Item], items: Iterable[Item], *, changes: bool = False, **data: object
    ) -> None:
        """Answer with items; `data`: what JSON has besides them."""
        answer = self.answer(view, changes=changes)
        for item in items:
            answer.item(item)
        self.end(answer, data)

    def end(
        self, answer: ItemStream[Item], data: Record, *, single: bool = False, otherwise: int = 0
    ) -> None:
        """Close the answer (see ItemStream.close); its exit status is the run's."""
        answer.close(data, single=single, otherwise=otherwise)
        self.status = answer.status

    def record(self, record: Record, *, name: str, lines: Iterable[tuple[str, object]] | None = None) -> None:
        """Answer with one object: `lines` are its labels and values for people."""
        answer = self.answer(record_view(record, name, lines), changes=True)
        answer.item(record)
        self.end(answer, {})

    def binary(self, data: bytes) -> None:
        """Answer with bytes on stdout. Raises UsageError for a terminal."""
        if self.streams.terminal("stdout"):
            raise UsageError(
                "a picture cannot be written to a terminal", hint="redirect stdout, or name a file"
            )
        self.streams.write_bytes(data)

    def named(self, setting: str) -> bool:
        """Say whether the user named a setting in this run, on the command line or in the environment."""
        source: str = getattr(self.settings, setting).source
        return source.startswith(("flag", "environment"))

    def say(self, text: str) -> None:
        """Write a summary for people on stderr, only if the format is a table."""
        if self.for_people:
            self.streams.complain(text)

    def warn(self, text: str) -> None:
        if "quiet" not in self.flags:
            self.streams.complain(text, label="warning")

    def report(self, error: ArcliError) -> ArcliError:
        """Report an error on stderr, each hint once per run; return it as it was shown."""
        sentence = str(error)
        if error.item and error.item not in sentence:
            sentence = f"{error.item}: {sentence}"
        self.streams.complain(sentence, label="error")
        if error.hint is None and isinstance(error, NotFound):
            error = error.hinting(self._nearest(error))
        if error.hint and error.hint not in self._hints:
            self._hints.add(error.hint)
            self.streams.complain(error.hint, label="hint")
        return error

    def fail(self, error: ArcliError, telling: AbstractContextManager[None]) -> None:
        """End the run with the error that stopped it; inside `telling` the user is informed."""
        if isinstance(error, Interrupted):
            self.streams.begin_line()
        unfinished = self._answer is not None and not self._answer.closed
        if self._answer is not None and unfinished and self.format is Format.TABLE:
            with suppress(ClosedPipe, OSError):  # the items first: a person reads the end
                self._answer.abort(error)
        with telling:
            error = self.report(error)
        if self._answer is not None and not self._answer.closed:
            self._answer.abort(error)
        elif self._answer is None and self.json_wanted:
            self.streams.write(to_json(envelope(self.command, "error", None, [error])) + "\n")

    def _nearest(self, error: NotFound) -> str | None:
        """Return a hint with a name similar to the missing one, only if finding it costs no request."""
        if self._gallery is None or self.settings.kind.value != Kind.LOCAL or self._hints:
            return None
        from arcli.console.names import hint_for

        return hint_for(self, self._gallery, error)

    @property
    def json_wanted(self) -> bool:
        """Whether JSON was requested, even if the command line or a profile cannot be read."""
        try:
            asked = format_in(self._arguments) or self.settings.format.value
        except Exception:  # whatever made the settings fail has been or is being reported
            asked = self.environ.get("ARCLI_FORMAT", "")
        return asked in (Format.JSON, Format.JSONL)

    def close(self) -> None:
        if self._gallery is not None:
            self._gallery.close()
        if self._warnings is not None:
            self._warnings.close()


def format_in(arguments: Sequence[str]) -> str | None:
    """Return the last --format, -f or --json of a command line, which may be invalid."""
    found = None
    for word, following in zip(arguments, [*arguments[1:], ""], strict=False):
        if word == "--":
            break
        if word == "--json":
            found = Format.JSON.value
        elif word in ("-f", "--format"):
            found = following
        elif match := re.match(r"(?:--format=|-f=?)(\w+)$", word):
            found = match.group(1)
    return found
