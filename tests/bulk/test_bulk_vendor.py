"""To and from a vendor's service, on the command line: what is moved, and what is reported as not moved."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bulk.conftest import Arcli
from tests.fakes.arcloud import CREDENTIALS, FakeVendor


@pytest.fixture
def vendor(arcli: Arcli) -> Iterator[FakeVendor]:
    """A service that does what the vendor's document says, under the profile `vendor`."""
    service = FakeVendor(channels=("posters",), page=3)
    Path("secret").write_text(CREDENTIALS["secretkey"])
    Path("secret").chmod(0o600)
    words = ["--url", service.url, "--username", CREDENTIALS["username"], "--secretkey-file", "secret"]
    ran = arcli("profile", "add", "vendor", "--kind", "arcloud", *words)
    assert ran.status == 0, ran.err
    yield service
    service.stop()


def to_vendor(arcli: Arcli, *words: str | Path) -> dict[str, str]:
    return arcli("--profile", "vendor", *words, "-c", "posters", "--json").statuses


def test_a_folder_is_kept_in_step_with_a_vendor_s_channel(
    arcli: Arcli, posters: Path, vendor: FakeVendor
) -> None:
    Path("m.jsonl").write_text(
        "".join(
            json.dumps({"image": f"posters/p{n}_.png", "metadata": {"n": n}, "matchratio": n / 10}) + "\n"
            for n in range(4)
        )
    )
    assert set(to_vendor(arcli, "sync", "m.jsonl").values()) == {"added"}
    again = arcli("--profile", "vendor", "sync", "m.jsonl", "-c", "posters", "--json")
    assert (again.status, again.data["counts"]["unchanged"]) == (0, 4)
    assert "cannot be compared" in again.err
    Path("m.jsonl").write_text('{"image": "posters/p0_.png", "metadata": {"n": 5}}\n')
    assert to_vendor(arcli, "sync", "m.jsonl", "--delete") == {
        "p0_": "updated",
        "p1_": "removed",
        "p2_": "removed",
        "p3_": "removed",
    }
    assert list(vendor.channels["posters"].images) == ["p0_"]


def test_moving_away_from_a_vendor(arcli: Arcli, posters: Path, vendor: FakeVendor) -> None:
    to_vendor(arcli, "add", posters, "--metadata", '{"a": 1}', "--match-ratio", "0.4")
    (posters / "p3_.png").unlink()
    ran = arcli("sync", "posters", "--from-profile", "vendor", "--pictures", posters, "-c", "own", "--json")
    assert ran.status == 3
    assert ran.statuses == {"p0_": "added", "p1_": "added", "p2_": "added", "p3_": "failed"}
    (error,) = json.loads(ran.out)["errors"]
    assert error["code"] == "not_supported"
    assert "p3_" in error["message"]
    told = " ".join(ran.data["notes"])
    assert "4 matchratios" in told
    assert "--pictures" in told
    targets = arcli("ls", "-c", "own", "--json").data["targets"]
    assert {(t["metadata"], t["matchratio"]) for t in targets} == {('{"a": 1}', None)}


def test_moving_to_a_vendor(arcli: Arcli, posters: Path, vendor: FakeVendor) -> None:
    arcli("add", posters, "--metadata", '{"a": 1}', "-c", "own")
    arcli("update", "p1_", "--inactive", "-c", "own")
    ran = arcli("--profile", "vendor", "sync", "own", "--from-profile", "local", "-c", "posters", "--json")
    assert (ran.status, ran.data["counts"]["added"], ran.data["counts"]["failed"]) == (3, 3, 1)
    assert "inactive" in ran.err
    assert sorted(vendor.channels["posters"].images) == ["p0_", "p1_", "p2_", "p3_"]


def test_a_load_into_a_vendor_s_channel_continues(arcli: Arcli, posters: Path, vendor: FakeVendor) -> None:
    """The last line is lost: its item is found in the channel again, and not sent."""
    words = ["--profile", "vendor", "add", posters, "-c", "posters", "--report", "r.jsonl"]
    assert arcli(*words).status == 0
    whole = Path("r.jsonl").read_bytes()
    Path("r.jsonl").write_bytes(whole[:-50])
    sent = vendor.calls.count("AddImage")
    assert arcli(*words, "--resume").status == 0
    assert Path("r.jsonl").read_bytes() == whole
    assert vendor.calls.count("AddImage") == sent


def test_an_export_from_a_vendor_has_the_words_and_says_what_is_missing(
    arcli: Arcli, posters: Path, vendor: FakeVendor
) -> None:
    to_vendor(arcli, "add", posters, "--metadata", '{"a": 1}')
    ran = arcli("--profile", "vendor", "export", "out", "-c", "posters", "--json")
    assert (ran.status, ran.data["counts"]) == (3, {"exported": 0, "failed": 4})
    rows = [json.loads(line) for line in Path("out/manifest.jsonl").read_text().splitlines()]
    assert [(row["image"], row["metadata"]) for row in rows] == [(None, '{"a": 1}')] * 4


def test_check_compares_pictures_also_for_a_vendor(arcli: Arcli, posters: Path, vendor: FakeVendor) -> None:
    (posters / "twice.png").write_bytes((posters / "p0_.png").read_bytes())
    ran = arcli("--profile", "vendor", "check", posters, "-c", "posters", "--json")
    found = {Path(item["image"]).name: len(item["duplicates"]) for item in ran.data["items"]}
    assert found == {"p0_.png": 0, "p1_.png": 0, "p2_.png": 0, "p3_.png": 0, "twice.png": 1}
    assert "not searched for duplicates" in ran.err
