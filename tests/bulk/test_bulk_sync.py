"""A channel is made equal to a folder, a manifest or another channel; a plan can be reviewed in between."""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from arcli.bulk.add_plan import Defaults, PlanEntry, plan_manifest, plan_words
from arcli.bulk.channel_state import all_known, known_of, targets
from arcli.bulk.identifiers import IdFrom
from arcli.bulk.manifest import open_manifest
from arcli.bulk.sync.actions import Action, Do, Head, action_line, head_line, read_actions, read_head
from arcli.bulk.sync.applied_actions import apply, planned_result
from arcli.bulk.sync.channel_source import ChannelSource
from arcli.bulk.sync.differences import Tally, compare
from arcli.bulk.sync.listing import ChannelListing
from arcli.errors import BadAnswer, EmptyInput, InvalidManifest
from arcli.models import AddItem, AddOptions, ListQuery, Picture, TargetChanges, TargetPage
from tests.fakes.gallery import FakeGallery

Draw = Callable[..., Path]
Entries = Iterable[PlanEntry]


def of_folder(folder: Path) -> Entries:
    return plan_words([str(folder)], IdFrom.STEM, Defaults()).entries()


def actions(
    gallery: FakeGallery, entries: Entries, *, remove: bool = False, again: bool = False
) -> list[Action]:
    with listing(gallery) as known:
        return list(compare(entries, known, Tally(), remove=remove, again=again))


def listing(gallery: FakeGallery) -> ChannelListing:
    return ChannelListing(all_known(gallery, "c"))


def run(gallery: FakeGallery, planned: Iterable[Action], *, reviewed: bool = False) -> dict[str, str]:
    planned = list(planned)
    names = frozenset(action.identifier for action in planned)
    now = known_of(gallery, "c", names) if reviewed else None
    results = apply(gallery, channel="c", actions=planned, options=AddOptions(), now=now)
    return {result.identifier: result.status for result in results}


def sync(gallery: FakeGallery, entries: Entries, **how: bool) -> dict[str, str]:
    return run(gallery, actions(gallery, entries, **how))


def test_a_folder_is_followed_and_nothing_is_left_to_do_then(
    gallery: FakeGallery, folder: Path, draw: Draw
) -> None:
    draw("keep.jpg"), draw("change.jpg"), draw("gone.jpg")
    assert set(sync(gallery, of_folder(folder)).values()) == {"added"}
    draw("change.jpg", "changed"), draw("new.jpg"), (folder / "gone.jpg").unlink()
    assert sync(gallery, of_folder(folder), remove=True) == {
        "change": "replaced",
        "keep": "unchanged",
        "new": "added",
        "gone": "removed",
    }
    gallery.sent.clear()
    gallery.calls.clear()
    assert set(sync(gallery, of_folder(folder), remove=True).values()) == {"unchanged"}
    assert gallery.sent == gallery.calls == []


def test_without_delete_nothing_is_removed(gallery: FakeGallery, folder: Path, draw: Draw) -> None:
    draw("abc.jpg"), draw("def.jpg")
    sync(gallery, of_folder(folder))
    (folder / "def.jpg").unlink()
    assert sync(gallery, of_folder(folder)) == {"abc": "unchanged"}
    assert sorted(gallery.targets["c"]) == ["abc", "def"]


def test_an_empty_source_empties_no_channel(gallery: FakeGallery, folder: Path, draw: Draw) -> None:
    draw("abc.jpg")
    sync(gallery, of_folder(folder))
    (folder / "abc.jpg").unlink()
    with pytest.raises(EmptyInput):
        of_folder(folder)
    assert sync(gallery, [], remove=True) == {"abc": "held"}
    assert sorted(gallery.targets["c"]) == ["abc"]


def manifest_entries(tmp_path: Path, *lines: str) -> Entries:
    path = tmp_path / "m.jsonl"
    path.write_text("\n".join(lines))
    return plan_manifest(open_manifest(path), IdFrom.STEM, Defaults()).entries()


def test_words_are_updated_without_sending_pictures(gallery: FakeGallery, tmp_path: Path, draw: Draw) -> None:
    draw("abc.jpg")
    sync(gallery, manifest_entries(tmp_path, '{"image": "pictures/abc.jpg", "metadata": [1]}'))
    gallery.sent.clear()
    entries = manifest_entries(
        tmp_path, '{"image": "pictures/abc.jpg", "metadata": [2], "matchratio": 0.5, "active": false}'
    )
    (action,) = actions(gallery, entries)
    assert action.changes == ("metadata", "matchratio", "active")
    assert run(gallery, [action]) == {"abc": "updated"}
    target = gallery.get(channel="c", identifier="abc")
    assert (target.metadata, target.matchratio, target.active, gallery.sent) == ("[2]", 0.5, False, [])


def test_a_broken_row_removes_nothing_for_it_may_name_a_target(
    gallery: FakeGallery, tmp_path: Path, draw: Draw
) -> None:
    draw("abc.jpg"), draw("def.jpg")
    sync(gallery, of_folder(tmp_path / "pictures"))
    entries = manifest_entries(tmp_path, '{"image": "pictures/abc.jpg"}', '{"image": "pictures/d')
    assert sync(gallery, entries, remove=True) == {"abc": "unchanged", "": "failed", "def": "held"}
    assert sorted(gallery.targets["c"]) == ["abc", "def"]


def test_a_row_that_fails_removes_nothing_also_where_its_identifier_is_known(
    gallery: FakeGallery, tmp_path: Path, draw: Draw
) -> None:
    draw("abc.jpg"), draw("def.jpg")
    sync(gallery, of_folder(tmp_path / "pictures"))
    for line in (
        '{"image": "pictures/abc.jpg", "identifier": "not valid"}',
        '{"image": "pictures/nowhere.jpg"}',
    ):
        statuses = sync(gallery, manifest_entries(tmp_path, line), remove=True)
        assert {statuses["abc"], statuses["def"]} == {"held"}
    assert sorted(gallery.targets["c"]) == ["abc", "def"]


def test_a_picture_that_the_gallery_refuses_holds_the_removals(
    gallery: FakeGallery, folder: Path, draw: Draw
) -> None:
    draw("abc.jpg"), draw("def.jpg")
    sync(gallery, of_folder(folder))
    (folder / "def.jpg").unlink(), (folder / "new.jpg").write_bytes(b"no picture")
    statuses = sync(gallery, of_folder(folder), remove=True)
    assert statuses == {"abc": "unchanged", "new": "failed", "def": "held"}
    (folder / "new.jpg").unlink()
    assert sync(gallery, of_folder(folder), remove=True) == {"abc": "unchanged", "def": "removed"}


def test_a_folder_that_cannot_be_read_removes_nothing(
    gallery: FakeGallery, folder: Path, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw("abc.jpg"), draw("locked/def.jpg")
    sync(gallery, of_folder(folder))
    scan = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert sync(gallery, of_folder(folder), remove=True) == {"abc": "unchanged", "": "failed", "def": "held"}
    assert sorted(gallery.targets["c"]) == ["abc", "def"]


def test_a_picture_that_cannot_be_read_keeps_its_target(
    gallery: FakeGallery, tmp_path: Path, draw: Draw
) -> None:
    path = draw("abc.jpg")
    line = '{"image": "pictures/abc.jpg"}'
    sync(gallery, manifest_entries(tmp_path, line))
    path.unlink()
    (action,) = actions(gallery, manifest_entries(tmp_path, line), remove=True)  # and no removal
    assert f"{tmp_path}/m.jsonl, line 1" in str(action.error)
    assert planned_result(action).status == "would-fail"


def test_a_gallery_that_tells_no_hashes_keeps_pictures_unless_told_otherwise(
    folder: Path, draw: Draw
) -> None:
    gallery = FakeGallery(hashes=False)
    draw("abc.jpg")
    sync(gallery, of_folder(folder))
    draw("abc.jpg", "changed")
    tally = Tally()
    with listing(gallery) as known:
        list(compare(of_folder(folder), known, tally, remove=False))
    assert tally.unknown == 1
    assert sync(gallery, of_folder(folder)) == {"abc": "unchanged"}
    assert sync(gallery, of_folder(folder), again=True) == {"abc": "replaced"}


def save(path: Path, planned: Iterable[Action]) -> None:
    head = Head(profile="p", channel="c", source="pictures")
    path.write_bytes(head_line(head) + b"".join(map(action_line, planned)))


@pytest.fixture
def reviewed(gallery: FakeGallery, folder: Path, draw: Draw, tmp_path: Path) -> Path:
    """A plan of each kind of action over a channel of four."""
    for name in ("keep", "change", "gone", "broken"):
        draw(f"{name}.jpg")
    sync(gallery, of_folder(folder))
    (folder / "gone.jpg").unlink(), draw("change.jpg", "changed"), draw("new.jpg")
    planned = actions(gallery, of_folder(folder), remove=True)
    path = tmp_path / "plan.jsonl"
    save(path, planned)
    return path


EXPECTED = {
    "broken": "unchanged",
    "change": "replaced",
    "keep": "unchanged",
    "new": "added",
    "gone": "removed",
}


def test_a_plan_is_applied_as_it_was_made(gallery: FakeGallery, reviewed: Path) -> None:
    assert read_head(reviewed) == Head(profile="p", channel="c", source="pictures")
    assert run(gallery, read_actions(reviewed), reviewed=True) == EXPECTED


def test_a_plan_does_nothing_about_what_has_changed_since(
    gallery: FakeGallery, reviewed: Path, draw: Draw
) -> None:
    gallery.update(channel="c", identifier="gone", changes=TargetChanges(metadata="[9]"))
    gallery.remove(channel="c", identifier="change")
    draw("new.jpg", "changed meanwhile")
    expected = EXPECTED | {"change": "failed", "new": "failed", "gone": "failed"}
    assert run(gallery, read_actions(reviewed), reviewed=True) == expected
    assert "gone" in gallery.targets["c"]


@pytest.mark.parametrize(
    "content",
    ["", "text", "[]", "{}", '{"arcli_sync": 1}', '{"arcli_sync": 2, "channel": "c", "source": "s"}'],
)
def test_a_file_that_is_no_plan_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "plan.jsonl"
    path.write_text(content)
    with pytest.raises(InvalidManifest):
        read_head(path)


def test_a_line_that_is_no_action_is_named(reviewed: Path) -> None:
    lines = reviewed.read_text().splitlines()
    lines[2] = json.dumps({"do": "explode", "identifier": "abc"})
    reviewed.write_text("\n".join(lines))
    with pytest.raises(InvalidManifest, match="line 3"):
        list(read_actions(reviewed))


def fill(gallery: FakeGallery) -> None:
    for name, ratio in [("abc", None), ("def", 0.4), ("ghi", "0.70")]:
        picture = Picture(name=name, data=f"picture 3 {name}".encode())
        gallery.add(
            channel="s",
            item=AddItem(picture=picture, identifier=name, metadata=f'["{name}"]', matchratio=ratio),
        )


def content(gallery: FakeGallery, channel: str) -> list[object]:
    return [replace(t, channel="", created="", updated="") for t in targets(gallery, channel)]


def test_a_channel_moves_to_another_gallery(gallery: FakeGallery) -> None:
    other = FakeGallery()
    fill(other)
    other.update(channel="s", identifier="def", changes=TargetChanges(active=False))
    source = ChannelSource(other, "s", label="other:s")
    assert set(sync(gallery, source.entries()).values()) == {"added"}
    assert content(gallery, "c") == content(other, "s")
    gallery.sent.clear()
    assert set(sync(gallery, source.entries(), remove=True).values()) == {"unchanged"}
    assert gallery.sent == []


def test_from_a_vendor_only_words_move_and_what_cannot_is_told(
    gallery: FakeGallery, folder: Path, draw: Draw
) -> None:
    vendor = FakeGallery(vendor=True)
    fill(vendor)
    gallery.add(channel="c", item=AddItem(picture=Picture(name="x", data=b"picture 2"), identifier="abc"))
    draw("def.jpg")
    source = ChannelSource(vendor, "s", label="vendor:s", pictures={"def": folder / "def.jpg"})
    planned = actions(gallery, source.entries())
    assert run(gallery, planned) == {"abc": "updated", "def": "added", "ghi": "failed"}
    assert "--pictures" in str(planned[-1].error and planned[-1].error.hint)
    assert [t.metadata for t in targets(gallery, "c")] == ['["abc"]', '["def"]']
    assert {t.matchratio for t in targets(gallery, "c")} == {None}
    told = " ".join(source.not_moved())
    assert "2 matchratios" in told
    assert "pictures" in told


def test_matchratio_of_a_vendor_is_taken_over_when_trusted(
    gallery: FakeGallery, folder: Path, draw: Draw
) -> None:
    vendor = FakeGallery(vendor=True)
    fill(vendor)
    pictures = {name: draw(f"{name}.jpg") for name in ("abc", "def", "ghi")}
    source = ChannelSource(vendor, "s", label="v", pictures=pictures, trust_ratio=True)
    sync(gallery, source.entries())
    assert [t.matchratio for t in targets(gallery, "c")] == [None, 0.4, "0.70"]


def test_to_a_vendor_an_inactive_target_is_told(gallery: FakeGallery) -> None:
    fill(gallery)
    gallery.update(channel="s", identifier="def", changes=TargetChanges(active=False))
    vendor = FakeGallery(vendor=True)
    counts = Counter(sync(vendor, ChannelSource(gallery, "s", label="g:s").entries()).values())
    assert counts == {"added": 2, "failed": 1}


def test_a_plan_over_channels_fetches_the_pictures_when_it_is_applied(
    gallery: FakeGallery, tmp_path: Path
) -> None:
    other = FakeGallery()
    fill(other)
    source = ChannelSource(other, "s", label="other:s")
    save(tmp_path / "plan", actions(gallery, source.entries()))
    later = ChannelSource(other, "s", label="other:s")
    planned = later.attached(read_actions(tmp_path / "plan"))
    assert set(run(gallery, planned, reviewed=True).values()) == {"added"}


def test_a_listing_that_ends_early_is_an_error_never_a_shorter_truth(gallery: FakeGallery) -> None:
    fill(gallery)
    whole = gallery.list

    def short(*, channel: str, query: ListQuery = ListQuery()) -> TargetPage:
        page = whole(channel=channel, query=query)
        return replace(page, targets=page.targets[:2] if query.position == 0 else ())

    gallery.list = short  # type: ignore[method-assign]
    with pytest.raises(BadAnswer, match="2 of 3"):
        list(targets(gallery, "s"))


def test_a_source_that_changes_while_it_is_read_removes_nothing(
    gallery: FakeGallery, folder: Path, draw: Draw
) -> None:
    draw("abc.jpg"), draw("def.jpg")
    sync(gallery, of_folder(folder))
    entries = list(of_folder(folder))[:1]
    with listing(gallery) as known:
        planned = list(compare(entries, known, Tally(), remove=True, total=2))
    assert [action.do for action in planned] == [Do.KEEP, Do.HOLD]
