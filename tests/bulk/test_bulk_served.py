"""The bulk commands over an arcli server: what is unchanged is neither sent nor extracted again."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bulk.conftest import Arcli
from tests.bulk.proxy import FaultyNetwork
from tests.bulk.servers import KillableServer
from tests.engine.conftest import poster

Uploads = Callable[[], int]


@pytest.fixture
def uploads(arcli: Arcli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Uploads]:
    """Let commands work over a server; say how many pictures were sent to it."""
    with KillableServer(tmp_path / "served") as server:
        network = FaultyNetwork(server.url, rate=0)
        for name, value in (server.login() | {"ARCLI_URL": network.url}).items():
            monkeypatch.setenv(name, value)
        yield lambda: sum(request.path.endswith("/AddImage") for request in network.requests)
        network.stop()


def test_what_is_unchanged_is_not_sent_again(arcli: Arcli, posters: Path, uploads: Uploads) -> None:
    assert set(arcli("add", posters, "--json").statuses.values()) == {"added"}
    assert uploads() == 4
    again = arcli("add", posters, "--on-exists", "replace", "--json")
    assert set(again.statuses.values()) == {"skipped"}
    words = arcli("add", posters, "--on-exists", "replace", "--metadata", "[1]", "--json")
    assert set(words.statuses.values()) == {"replaced"}
    synced = arcli("sync", posters, "--delete", "--json")
    assert (synced.status, synced.data["counts"]["unchanged"]) == (0, 4)
    assert uploads() == 4
    (posters / "p1_.png").write_bytes(poster(11))
    assert arcli("add", posters, "--on-exists", "replace", "--json").data["counts"]["replaced"] == 1
    assert uploads() == 5


def test_a_dry_run_and_a_check_write_nothing_there(arcli: Arcli, posters: Path, uploads: Uploads) -> None:
    arcli("add", posters / "p0_.png", "--id", "known")
    before = arcli("ls", "--json").data["targets"]
    (posters / "text.jpg").write_text("no picture")
    ran = arcli("add", posters, "--dry-run", "--no-duplicates", "--json")
    expected = {"p0_": "would-fail", "text": "would-fail", "p1_": "would-add"}
    assert (ran.status, {name: ran.statuses[name] for name in expected}) == (3, expected)
    checked = arcli("check", posters / "p0_.png", "--json").data["items"]
    assert [d["identifier"] for d in checked[0]["duplicates"]] == ["known"]
    assert arcli("ls", "--json").data["targets"] == before
