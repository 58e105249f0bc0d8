"""`rm`, `get` and `update` as their users see them."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.fakes.gallery import FakeGallery


def test_rm_needs_yes_where_nobody_can_be_asked(run: Run, filled: FakeGallery) -> None:
    ran = run("rm", "alpha", "--json")
    assert ran.status == 2
    assert ran.json["errors"][0]["code"] == "confirmation_required"
    assert "alpha" in filled.targets["default"]


def test_rm_tells_removed_from_absent(run: Run, filled: FakeGallery) -> None:
    ran = run("rm", "alpha", "nobody", "alpha", "--yes", "--json")
    assert ran.status == 3
    assert ran.data == {
        "counts": {"removed": 1, "absent": 1, "failed": 0},
        "items": [
            {"identifier": "alpha", "status": "removed"},
            {"identifier": "nobody", "status": "absent"},
        ],
    }


def test_rm_takes_identifiers_from_stdin(run: Run, filled: FakeGallery) -> None:
    ran = run("rm", "-", "alpha", "--yes", "-f", "ids", stdin=b"beta_1\r\n\nbeta_2")
    assert ran.status == 0
    assert ran.out.split() == ["beta_1", "beta_2", "alpha"]
    assert filled.targets["default"] == {}


def test_rm_all(run: Run, filled: FakeGallery) -> None:
    assert run("rm", "--all", "--yes").status == 0
    assert filled.targets["default"] == {}
    assert run("rm", "--all", "--yes").status == 0


@pytest.mark.parametrize("words", [["--yes"], ["alpha", "--all", "--yes"]])
def test_rm_wants_identifiers_or_all(run: Run, filled: FakeGallery, words: list[str]) -> None:
    assert run("rm", *words).status == 2
    assert len(filled.targets["default"]) == 3


def test_get_shows_all_of_a_target(run: Run, filled: FakeGallery) -> None:
    out = run("get", "alpha").out
    assert '{"lang": "en"}' in out
    assert "active" in out


def test_get_writes_the_picture_and_overwrites_only_when_told(
    run: Run, filled: FakeGallery, tmp_path: Path
) -> None:
    file = tmp_path / "kept.jpg"
    assert run("get", "alpha", "--image", file).status == 0
    assert file.read_bytes() == b"alpha"
    assert stat.S_IMODE(file.stat().st_mode) & 0o400
    file.write_bytes(b"precious")
    ran = run("get", "alpha", "--image", file, "--json")
    assert (ran.status, ran.json["errors"][0]["code"]) == (6, "file_exists")
    assert file.read_bytes() == b"precious"
    assert run("get", "alpha", "--image", file, "--force").status == 0
    assert file.read_bytes() == b"alpha"
    assert [path.name for path in tmp_path.glob("*kept*")] == ["kept.jpg"]


def test_get_to_stdout_is_the_picture_alone(run: Run, filled: FakeGallery) -> None:
    assert run("get", "alpha", "--image", "-").out == "alpha"


def test_get_into_a_folder_that_is_not_there(run: Run, filled: FakeGallery, tmp_path: Path) -> None:
    ran = run("get", "alpha", "--image", tmp_path / "no" / "kept.jpg")
    assert ran.status == 2
    assert "no such folder" in ran.err


def test_get_a_picture_that_is_not_kept(run: Run, filled: FakeGallery, tmp_path: Path) -> None:
    filled.set_channel(name="default", changes={"keep_pictures": False})
    ran = run("get", "alpha", "--image", tmp_path / "kept.jpg", "--json")
    assert (ran.status, ran.json["errors"][0]["code"]) == (4, "picture_not_kept")
    assert list(tmp_path.glob("*kept*")) == []


def test_update_changes_what_is_named(run: Run, filled: FakeGallery, tmp_path: Path) -> None:
    (tmp_path / "new.json").write_text('\ufeff{"a": 1}')
    (tmp_path / "new.jpg").write_bytes(b"new photo")
    ran = run(
        *("update", "alpha", "--metadata", f"@{tmp_path}/new.json", "--match-ratio", "0.25", "--inactive"),
        *("--image", tmp_path / "new.jpg", "--rename", "omega", "--json"),
    )
    assert ran.status == 0
    assert ran.data["identifier"] == "omega"
    assert (ran.data["metadata"], ran.data["matchratio"], ran.data["active"]) == ('{"a": 1}', 0.25, False)
    assert filled.kept["default"]["omega"] == b"new photo"
    assert run("update", "omega", "--active", "--json").data["metadata"] == '{"a": 1}'


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> None:
    """The profile is a service's (whose gallery is in memory here)."""
    monkeypatch.setenv("ARCLI_URL", "https://ar.example")


@pytest.mark.parametrize("ratio", ["vendor", "7", "nan", "-0.1", "1e1"])
@pytest.mark.parametrize("call", ["update alpha", "add PHOTO"])
def test_a_match_ratio_that_is_none_is_refused_at_home(
    run: Run, filled: FakeGallery, call: str, ratio: str
) -> None:
    ran = run(*call.split(), f"--match-ratio={ratio}", "--json")
    assert (ran.status, ran.json["errors"][0]["code"]) == (2, "usage")
    assert "from 0 to 1" in ran.err


def test_metadata_and_match_ratio_can_be_taken_away(run: Run, filled: FakeGallery) -> None:
    run("update", "alpha", "--match-ratio", "0.4")
    data = run("update", "alpha", "--clear", "metadata", "--json").data
    assert (data["metadata"], data["matchratio"]) == (None, 0.4)
    run("update", "alpha", "--metadata", "{}")
    data = run("update", "alpha", "--clear", "match-ratio", "--json").data
    assert (data["metadata"], data["matchratio"]) == ("{}", None)


def test_several_targets_are_changed_and_shown(run: Run, filled: FakeGallery) -> None:
    ran = run("update", "alpha", "nobody", "beta_1", "x", "--inactive", "--json")
    assert ran.status == 3
    assert [target["identifier"] for target in ran.data["targets"]] == ["alpha", "beta_1"]
    assert [(e["code"], e["item"]) for e in ran.json["errors"]] == [
        ("target_not_found", "nobody"),
        ("invalid_identifier", "x"),
    ]
    assert run("ls", "--inactive", "-f", "ids").out.split() == ["alpha", "beta_1"]
    assert "2 of 2 targets changed" in run("update", "-", "--active", stdin=b"alpha\nbeta_1\n").err
    assert run("update", "alpha", "beta_1", "--rename", "new_1").status == 2
    assert run("update", "alpha", "beta_1", "--active", "-c", "nowhere").status == 4


def test_several_targets_are_read(run: Run, filled: FakeGallery, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    ran = run("get", "beta_1", "nobody", "alpha", "--image", tmp_path / "kept", "--json")
    assert ran.status == 3
    assert [target["identifier"] for target in ran.data["targets"]] == ["beta_1", "alpha"]
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["alpha.jpg", "beta_1.jpg"]
    assert run("get", "beta_1", "alpha", "--image", tmp_path / "kept").status == 3, "they are there already"
    assert run("get", "beta_1", "alpha", "--image", tmp_path / "none").status == 2
    assert run("get", "alpha", "--image", tmp_path / "kept", "--force").status == 0


def test_targets_named_on_stdin_are_read(run: Run, filled: FakeGallery, tmp_path: Path) -> None:
    ran = run("get", "-", "--json", stdin=b"\xef\xbb\xbfbeta_1\r\nalpha\n\nalpha")
    assert (ran.status, [t["identifier"] for t in ran.data["targets"]]) == (0, ["beta_1", "alpha"])
    assert [t["identifier"] for t in run("get", "-", "--json", stdin=b"alpha").data["targets"]] == ["alpha"]
    assert run("get", "-", "-f", "ids", stdin=b"alpha\nnobody\n").status == 3
    assert run("get", "-", "--image", tmp_path, stdin=b"alpha\nbeta_1\n").status == 0
    assert sorted(path.name for path in tmp_path.glob("*.jpg")) == ["alpha.jpg", "beta_1.jpg"]
    for nothing in (b"", b"\n\n"):
        ran = run("get", "-", "--json", stdin=nothing)
        assert (ran.status, ran.json["errors"][0]["code"]) == (2, "empty_input")


def test_a_match_ratio_that_no_search_uses_is_kept_and_flagged(
    run: Run, filled: FakeGallery, service: None
) -> None:
    ran = run("update", "alpha", "--match-ratio", "vendor", "--json")
    assert ran.data["matchratio"] == "vendor"
    assert "uses numbers from 0 to 1" in ran.err
    assert run("update", "beta_1", "--match-ratio", "7", "--json").data["matchratio"] == 7
    out = run("ls").out
    assert "vendor (not used)" in out
    assert "7 (not used)" in out


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ([], 2),
        (["--metadata", "{"], 2),
        (["--metadata", "@nowhere.json"], 2),
        (["--rename", "a b"], 7),
        (["--rename", "beta_1"], 6),
        (["--image", "nowhere.jpg"], 7),
        (["--metadata", '"' + "x" * 65536 + '"'], 2),
    ],
)
def test_update_refuses(run: Run, filled: FakeGallery, words: list[str], status: int) -> None:
    before = dict(filled.targets["default"])
    assert run("update", "alpha", *words).status == status
    assert filled.targets["default"] == before


def test_channel_settings(run: Run, filled: FakeGallery) -> None:
    words = "--threshold 0.5 --quota 10 --kind black --index flat --no-keep-pictures --private --owner me"
    assert run("channel", "set", "default", *words.split()).status == 0
    back = run("channel", "set", "default", "--threshold", "default", "--quota", "none", "--json").data
    assert (back["threshold"], back["quota"], back["kind"], back["private"]) == (None, None, "black", True)
    assert (back["keep_pictures"], back["owner"], back["index"]) == (False, "me", "flat")


@pytest.mark.parametrize(
    "words", [[], ["--threshold", "2"], ["--threshold", "nan"], ["--quota", "-1"], ["--index", "x"]]
)
def test_channel_set_refuses(run: Run, filled: FakeGallery, words: list[str]) -> None:
    assert run("channel", "set", "default", *words).status == 2


def test_channel_create_twice_and_rm_unknown(run: Run, filled: FakeGallery) -> None:
    assert run("channel", "create", "default").status == 6
    assert run("channel", "rm", "nowhere", "--yes").status == 4
    assert run("channel", "show", "nowhere").status == 4
    assert run("channel", "create", "../x").status == 2


def test_rm_says_what_is_wrong_with_its_words(run: Run, filled: FakeGallery) -> None:
    assert "nothing to remove" in run("rm", "--yes").err
    assert "exclude each other" in run("rm", "alpha", "--all", "--yes").err
