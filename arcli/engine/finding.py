"""Looking photos up in open channels: one read transaction per channel, the recipe, then the answer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING

from arcli.engine.counting import note
from arcli.engine.indexing.coverage import INDEXING
from arcli.engine.recognition.candidates import Codes, Loaded, RowVotes, VerifiedCandidate
from arcli.engine.recognition.recognize import largest_side, recognize
from arcli.errors import UNREADABLE, ArcliError, DataDamaged, PictureRefused, UsageError, naming
from arcli.features import Features
from arcli.models import Candidate, FindOptions, FindResult, ListKind, Match, Picture, usable_matchratio
from arcli.parallel import default_jobs, in_order
from arcli.store.connections import STORE, idle_limit
from arcli.timings import PhaseTimes, phase, recording
from arcli.vision.decoding.decode import Decoded, decode
from arcli.vision.decoding.limits import LOCAL, DecodeLimits
from arcli.vision.features.presets import load_preset
from arcli.vision.opencv import many_threads
from arcli.vision.scoring.score import HIGHEST_THRESHOLD, default_threshold

if TYPE_CHECKING:
    from arcli.engine.channels import OpenChannel
    from arcli.store.rows import TargetRow
    from arcli.store.snapshot import Snapshot


Read = Callable[[], "AbstractContextManager[Snapshot]"]
LeftOut = Callable[[str, ArcliError], None]


class ChannelFailed(Exception):
    """A channel cannot be read although it could be opened: it was damaged meanwhile, or further inside."""

    def __init__(self, channel: OpenChannel, error: ArcliError) -> None:
        super().__init__(error.message)
        self.channel, self.error = channel, error


@contextmanager
def _reading(channel: OpenChannel) -> Iterator[None]:
    """Raise what is wrong with a channel itself as ChannelFailed."""
    try:
        yield
    except UNREADABLE as error:
        raise ChannelFailed(channel, error) from error


class StoredChannel:
    """A channel as one read transaction sees it (a `SearchedChannel` of the recipe).

    left_out: row ids that are not searched, as if their targets were removed. alone: nothing but the best
    target of this channel is looked for.
    """

    def __init__(
        self, open_channel: OpenChannel, read: Read, left_out: Collection[int] = (), *, alone: bool = False
    ) -> None:
        self._open, self._read, self._left_out = open_channel, read, left_out
        self._early = alone
        self._shortlister = open_channel.shortlister()
        self._rows: dict[int, TargetRow] = {}

    @property
    def name(self) -> str:
        return self._open.name

    @property
    def kind(self) -> ListKind:
        return self._open.settings.kind

    def shortlist(self, query: Features, limit: int) -> Sequence[RowVotes]:
        early, self._early = self._early, False  # where the first view leaves doubt, so do others, mostly
        with phase("shortlist"), _reading(self._open), self._read() as snapshot:
            return self._search(snapshot, query, limit, INDEXING.neighbours, early=early)

    def relatives(self, voters: Features, most: int) -> Sequence[RowVotes]:
        with phase("shortlist"), _reading(self._open), self._read() as snapshot:
            if self._left_out:
                return self._search(snapshot, voters, most, most)
            key = voters.codes.tobytes(), voters.preset, most, snapshot.changes()
            return self._open.known_relatives.of(key, lambda: self._search(snapshot, voters, most, most))

    def _search(
        self, snapshot: Snapshot, query: Features, limit: int, neighbours: int, *, early: bool = False
    ) -> Sequence[RowVotes]:
        return self._shortlister.search(
            snapshot,
            query.codes,
            limit=limit,
            alike=load_preset(query.preset).alike,
            neighbours=neighbours,
            left_out=self._left_out,
            early=early,
        )

    def load(self, row_ids: Sequence[int], asked: float | None) -> dict[int, Loaded]:
        """Load targets. One whose features do not decode is left out; `doctor` reports it."""
        with phase("load"), _reading(self._open), self._read() as snapshot:
            self._rows.update(snapshot.rows(row_ids))
            features, small = snapshot.features(row_ids), snapshot.thumbnails(row_ids)
        loaded: dict[int, Loaded] = {}
        for row_id, data in features.items():
            if row_id in self._rows:
                with suppress(DataDamaged):
                    decoded = Features.from_bytes(data)
                    loaded[row_id] = decoded, self._threshold(row_id, asked), small.get(row_id)
        return loaded

    def picture(self, row_id: int) -> bytes | None:
        """Return a target's picture; None also if it is damaged, which `doctor` reports."""
        with phase("load"), _reading(self._open), self._read() as snapshot, suppress(DataDamaged):
            return snapshot.picture(row_id)
        return None

    def codes(self, row_id: int, search: Callable[[], Codes]) -> Codes:
        return self._open.known_codes.of((row_id, self._rows[row_id].created), search)

    def row(self, row_id: int) -> TargetRow:
        """Return the row of a target whose features were loaded."""
        return self._rows[row_id]

    def _threshold(self, row_id: int, asked: float | None) -> float:
        """Return the lowest score that counts as found: the target's own, the lookup's or the channel's."""
        own = usable_matchratio(self._rows[row_id].matchratio)
        first = own if own is not None else asked if asked is not None else self._open.settings.threshold
        return default_threshold(self._open.preset) if first is None else min(first, HIGHEST_THRESHOLD)


def held(snapshot: Snapshot) -> Read:
    """Return a `Read` for a transaction that the caller holds."""
    return lambda: nullcontext(snapshot)


@contextmanager
def searched(channels: Sequence[OpenChannel], *, limit: int | None = None) -> Iterator[list[StoredChannel]]:
    """Open one read transaction per channel; if there are too many channels, one for each query to a channel.

    In that case a target that is removed during the lookup drops out when it is loaded. limit: how many
    targets are looked for.
    """
    if len(channels) > max(2, idle_limit() // STORE.lookup_share):
        yield [StoredChannel(channel, channel.store.read) for channel in channels]
        return
    with ExitStack() as stack:
        opened, alone = list[StoredChannel](), len(channels) == 1 and limit == 1
        for channel in channels:
            with _reading(channel):
                snapshot = stack.enter_context(channel.store.read())
                opened.append(StoredChannel(channel, held(snapshot), alone=alone))
        yield opened


def find(
    picture: Picture,
    channels: Sequence[OpenChannel],
    options: FindOptions,
    limits: DecodeLimits = LOCAL,
) -> FindResult:
    """Look one photo up. Raises a PictureRefused, Busy; ChannelFailed for a channel that cannot be read."""
    with recording() as times, many_threads(options.jobs):
        with phase("decode"):
            photo = read_photo(picture, options, limits)
        with naming(picture.name), searched(channels, limit=options.limit) as opened:
            found = recognize(photo, opened, options)
            result = _Answer(opened, options).to(picture.name, found, times)
    if options.count:
        note(result, channels, options.day)
    return result


def find_sound(
    picture: Picture,
    channels: Sequence[OpenChannel],
    options: FindOptions,
    limits: DecodeLimits = LOCAL,
    *,
    left_out: LeftOut | None = None,
) -> FindResult:
    """Look one photo up as `find` does; with `left_out`, in those of the channels that can be read.

    left_out: called for each channel that cannot. Without it, and if none can be read, its error is raised.
    """
    while True:
        try:
            return find(picture, channels, options, limits)
        except ChannelFailed as failed:
            if left_out is None or len(channels) == 1:
                raise failed.error.about(picture.name) from failed.error.__cause__
            left_out(failed.channel.name, failed.error)
            channels = [channel for channel in channels if channel is not failed.channel]


def read_photo(picture: Picture, options: FindOptions, limits: DecodeLimits = LOCAL) -> Decoded:
    """Decode a photo as large as the cascade will need it."""
    return decode(picture.read(), name=picture.name, limits=limits, max_side=largest_side(options))


def find_many(
    pictures: Iterable[Picture],
    channels: Sequence[OpenChannel],
    options: FindOptions,
    limits: DecodeLimits = LOCAL,
    *,
    left_out: LeftOut | None = None,
) -> Iterator[FindResult]:
    """Look photos up in threads and yield one result each, in order.

    Threads, not processes: OpenCV and hnswlib release the interpreter lock, and the index is loaded once.
    """
    look_up = partial(_one_of_many, channels=channels, options=options, limits=limits, left_out=left_out)
    return in_order(look_up, pictures, threads=options.jobs or default_jobs())


def _one_of_many(
    picture: Picture,
    channels: Sequence[OpenChannel],
    options: FindOptions,
    limits: DecodeLimits,
    left_out: LeftOut | None,
) -> FindResult:
    try:
        return find_sound(picture, channels, options, limits, left_out=left_out)
    except (PictureRefused, UsageError) as error:
        return FindResult(image=picture.name, error=error)


class _Answer:
    """Turns the recogniser's candidates into the public models, with the rows of their channels."""

    def __init__(self, opened: Sequence[StoredChannel], options: FindOptions) -> None:
        self._channels = {channel.name: channel for channel in opened}
        self._options = options

    def to(self, image: str, found: Sequence[VerifiedCandidate], times: PhaseTimes) -> FindResult:
        accepted = [one for one in found if one.reason is None]
        others = [one for one in found if one.reason is not None]
        unsure = any(one.ambiguous for one in accepted)
        rivals = sum(one.reason == "rival" for one in others) if unsure else 0
        spent = times.milliseconds()
        return FindResult(
            image=image,
            matches=tuple(self._match(one) for one in accepted),
            candidates=tuple(self._candidate(one) for one in others[: max(self._options.candidates, rivals)]),
            elapsed_ms=sum(spent.values()),
            timings_ms=spent,
        )

    def _match(self, one: VerifiedCandidate) -> Match:
        name, row_id = one.target.key
        row, kind = self._channels[name].row(row_id), self._channels[name].kind
        return Match(
            identifier=row.identifier,
            channel=row.channel,
            score=one.score,
            inliers=one.inliers,
            quad=one.quad,
            level=row.level,
            metadata=row.metadata if self._options.metadata else None,
            label=None if kind is ListKind.PLAIN else kind.value,
            ambiguous=one.ambiguous,
            name=row.name,
        )

    def _candidate(self, one: VerifiedCandidate) -> Candidate:
        name, row_id = one.target.key
        row = self._channels[name].row(row_id)
        assert one.reason is not None, "a candidate was refused"
        return Candidate(
            identifier=row.identifier,
            channel=row.channel,
            reason=one.reason,
            why=_why(one),
            score=one.score,
            inliers=one.inliers,
            votes=one.votes,
            quad=one.quad,
        )


def _why(one: VerifiedCandidate) -> str:
    """Return the reason as a sentence."""
    sentences = {
        "too_few_matches": "too few of its keypoints have a match in the photo",
        "no_homography": "no single plane explains its matches",
        "implausible_quad": "its place in the photo is not one that a flat picture can have",
        "too_few_inliers": f"only {one.inliers} keypoints agree on where it is",
        "below_threshold": f"its score {one.score:.3f} is below {one.target.threshold:.3f}",
        "rival": "another target at the same place fits better",
        "other_code": "its code has other modules than the one in the photo",
        "beyond_limit": "it was found too, but the limit allows no more",
        "untried": "it had too few votes to be tried, and was verified only to be listed",
    }
    return sentences[str(one.reason)]
