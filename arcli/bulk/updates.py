"""Many targets changed by a manifest: each row has an identifier and its changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from arcli.bulk.add_plan import resolved
from arcli.bulk.manifest import Manifest, Row
from arcli.bulk.walk import picture_named
from arcli.errors import ArcliError, ChannelNotFound, EmptyInput, InvalidManifest, Unreachable
from arcli.gallery import Gallery
from arcli.models import Picture, Target, TargetChanges, is_url


@dataclass(frozen=True, slots=True, kw_only=True)
class Updated:
    """What became of one row: the target as it is now, or the error."""

    identifier: str | None
    target: Target | None = None
    error: ArcliError | None = None


def count_rows(manifest: Manifest) -> int:
    """Return how many rows there are. Raises EmptyInput for none, InvalidManifest."""
    total = sum(1 for _ in manifest.rows())
    if not total:
        raise EmptyInput(f"{manifest.path} lists no targets", item=str(manifest.path))
    return total


def update_rows(
    gallery: Gallery, *, channel: str, manifest: Manifest, also: TargetChanges
) -> Iterator[Updated]:
    """Change the targets that rows name, in order; what a row leaves out is taken from `also`, or stays.

    A row that fails is a result with its error. Raises what stops the whole run: Unreachable (then run it
    again: repeating changes does no harm), ChannelNotFound.
    """
    for row in manifest.rows():
        try:
            identifier, changes = _changes(row, manifest.path, also)
            target = gallery.update(channel=channel, identifier=identifier, changes=changes)
        except (Unreachable, ChannelNotFound):
            raise
        except ArcliError as error:
            located = error.reworded(f"{manifest.path}, line {row.line}: {error.message}")
            yield Updated(identifier=row.identifier, error=located.about(row.identifier))
        else:
            yield Updated(identifier=target.identifier, target=target)


def _changes(row: Row, path: Path, also: TargetChanges) -> tuple[str, TargetChanges]:
    """Return a row's identifier and changes.

    Raises the row's error, InvalidManifest if it changes nothing.
    """
    if row.error is not None:
        raise row.error
    assert row.identifier is not None, "a row without an error has an identifier"
    changes = TargetChanges(
        metadata=also.metadata if row.metadata is None else row.metadata,
        matchratio=also.matchratio if row.matchratio is None else row.matchratio,
        active=also.active if row.active is None else row.active,
        picture=None if row.image is None else _picture(row.image, path),
        rename=row.rename,
        clear=also.clear,
    )
    if changes == TargetChanges():
        raise InvalidManifest("the row changes nothing")
    return row.identifier, changes


def _picture(image: str, manifest: Path) -> Picture:
    return picture_named(image if is_url(image) else str(resolved(manifest.parent, image)))
