"""arcli for Python programs: `arcli.open` and the channel that it returns (docs/how-to/python.md)."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePath

from arcli.bulk.channel_state import listed
from arcli.bulk.identifiers import IdFrom, identifier_for, original_name
from arcli.connect import open_gallery
from arcli.errors import InvalidIdentifier, UsageError
from arcli.gallery import Gallery
from arcli.models import (
    AddItem,
    AddOptions,
    AddResult,
    CheckResult,
    FindOptions,
    FindResult,
    MatchRatio,
    OnExists,
    Picture,
    StatisticsQuery,
    StatRecord,
    Target,
    valid_channel_name,
)
from arcli.settings import ProfileFile, resolve


def open_channel(
    folder: str | Path | None = None, *, profile: str | None = None, channel: str | None = None
) -> Channel:
    """Open a channel of the gallery in `folder`, or of the one that `profile` names; close it when done.

    With a folder neither environment nor profiles count. With neither, the settings are those of the command
    line: ARCLI_PROFILE and its like, the profile in use, the user's data folder. channel: the one to work
    with; None: the profile's, else `default`. Nothing is written before the first `add`, which makes a
    channel that does not exist. Raises UsageError, ProfileNotFound, InvalidChannelName, WrongCredentials.
    """
    if folder is not None and profile is not None:
        raise UsageError("either a folder or a profile can be opened")
    flags = {"data_dir": None if folder is None else str(folder), "profile": profile, "channel": channel}
    given = {key: value for key, value in flags.items() if value is not None}
    settings = resolve(
        flags=given,
        environ=os.environ if folder is None else {},
        profiles=None if folder is None else ProfileFile(None),
    )
    return Channel(open_gallery(settings), valid_channel_name(settings.channel.value))


class Channel:
    """One channel of a gallery: put pictures in, look photos up. A context manager; threads may share it.

    gallery: all that the backend can do (`arcli.gallery.Gallery`), also in other channels. name: the
    channel's. Pictures are paths, or the bytes of an encoded picture.
    """

    def __init__(self, gallery: Gallery, name: str) -> None:
        self.gallery = gallery
        self.name = name

    def __enter__(self) -> Channel:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Write the counts of lookups that are still in memory, and let go of files and connections."""
        self.gallery.close()

    def add(
        self,
        picture: str | Path | bytes,
        identifier: str | None = None,
        *,
        metadata: str | None = None,
        match_ratio: MatchRatio | None = None,
        on_exists: OnExists | str = OnExists.FAIL,
    ) -> AddResult:
        """Register a picture; it is durable when this returns.

        identifier: None: made from the file's name, as `arcli add` does. metadata: JSON text. match_ratio:
        the target's own threshold, 0 to 1. on_exists: fail, skip or replace. Raises TargetExists,
        InvalidIdentifier, InvalidMetadata, a PictureRefused, QuotaExceeded.
        """
        item = item_of(picture, identifier, metadata=metadata, match_ratio=match_ratio)
        return self.gallery.add(
            channel=self.name, item=item, options=AddOptions(on_exists=OnExists(on_exists))
        )

    def add_many(
        self, pictures: Iterable[str | Path | AddItem], *, on_exists: OnExists | str = OnExists.FAIL
    ) -> Iterator[AddResult]:
        """Register pictures, read lazily; yield a result for each, in order, when it is durable.

        A picture's failure is in its result (`error`). More than eight pictures are read by several
        processes, which run arcli alone: the program needs no `if __name__ == "__main__":`.
        """
        items = (one if isinstance(one, AddItem) else item_of(one) for one in pictures)
        options = AddOptions(on_exists=OnExists(on_exists))
        return self.gallery.add_many(channel=self.name, items=items, options=options)

    def remove(self, identifier: str) -> bool:
        """Remove a target; return whether there was one (True from a service that does not say)."""
        return self.gallery.remove(channel=self.name, identifier=identifier)

    def get(self, identifier: str) -> Target:
        """Return a target. Raises TargetNotFound, ChannelNotFound."""
        return self.gallery.get(channel=self.name, identifier=identifier)

    def list(self, prefix: str | None = None) -> Iterator[Target]:
        """Yield all targets whose identifiers begin with `prefix`, by identifier.

        Raises ChannelNotFound, and BadAnswer where a service ends the listing early.
        """
        return listed(self.gallery, self.name, prefix)

    def find(
        self,
        photo: str | Path | bytes,
        *,
        limit: int | None = 1,
        threshold: float | None = None,
        count: bool = True,
    ) -> FindResult:
        """Say which targets a photo shows; none is an answer, too.

        limit: targets at most; None: all. threshold: lowest score that counts as found, 0 to 1; None: the
        channel's. count: whether `statistics` counts it. Raises ChannelNotFound, a PictureRefused.
        """
        options = FindOptions(limit=limit, threshold=threshold, count=count)
        return self.gallery.find(picture=picture_of(photo), channels=[self.name], options=options)

    def find_many(
        self, photos: Iterable[str | Path | bytes], *, limit: int | None = 1, count: bool = True
    ) -> Iterator[FindResult]:
        """Look photos up; yield a result for each, in order. A photo's failure is in its result."""
        options = FindOptions(limit=limit, count=count)
        pictures = (picture_of(photo) for photo in photos)
        return self.gallery.find_many(pictures=pictures, channels=[self.name], options=options)

    def check(self, picture: str | Path | bytes) -> CheckResult:
        """Rate a picture (level 1 to 5, and why) and look for duplicates; writes nothing.

        Raises a PictureRefused.
        """
        (result,) = self.gallery.check(pictures=[picture_of(picture)], channel=self.name)
        if result.error is not None:
            raise result.error
        return result

    def statistics(self, start: dt.date, end: dt.date | None = None) -> Sequence[StatRecord]:
        """Return how often targets were found, by UTC day from `start` to `end` (None: `start`), included.

        Raises ChannelNotFound.
        """
        query = StatisticsQuery(start=start, end=start if end is None else end, channel=self.name)
        return list(self.gallery.statistics(query=query))


def picture_of(picture: str | Path | bytes) -> Picture:
    """Return a picture that is read when it is needed. Raises UsageError for another type."""
    if isinstance(picture, bytes | bytearray | memoryview):
        return Picture(name="picture", data=bytes(picture))
    if isinstance(picture, str | PurePath):
        return Picture.from_path(picture)
    raise UsageError(f"a picture is a path or bytes, not {type(picture).__name__}")


def item_of(
    picture: str | Path | bytes,
    identifier: str | None = None,
    *,
    metadata: str | None = None,
    match_ratio: MatchRatio | None = None,
) -> AddItem:
    """Return what `add_many` takes. Raises InvalidIdentifier for bytes without an identifier."""
    source = picture_of(picture)
    name = None
    if identifier is None:
        if source.path is None:
            raise InvalidIdentifier("a picture in memory needs an identifier")
        identifier = identifier_for(source.path)
        name = original_name(source.path, IdFrom.STEM, identifier)
    return AddItem(
        picture=source, identifier=identifier, metadata=metadata, matchratio=match_ratio, name=name
    )
