"""`arcli eval` against services: one that answers like arcli serve, and one with only the seven calls."""

import json
from pathlib import Path

import pytest

from arcli.app import main
from arcli.engine import LocalGallery
from arcli.models import ChannelSettings
from arcli.store.accounts import Accounts
from tests.fakes.arcloud import CREDENTIALS, FakeVendor
from tests.remote.conftest import vendor
from tests.server.threaded import threaded_folder

from ..engine.conftest import item, poster
from .listing import write_listing

__all__ = ["vendor"]


@pytest.fixture
def listing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Photos and their listing, in a home without profiles."""
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    return write_listing(tmp_path, unlike="poster1")


def profile(monkeypatch: pytest.MonkeyPatch, url: str, username: str, secretkey: str) -> None:
    settings = {"KIND": "arcloud", "URL": url, "USERNAME": username, "SECRETKEY": secretkey}
    for name, value in settings.items():
        monkeypatch.setenv(f"ARCLI_{name}", value)


def test_an_arcli_server_is_measured_as_the_engine_is(
    listing: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    data_dir = listing.parent / "data"
    with Accounts(data_dir) as accounts, LocalGallery(data_dir) as engine:
        secretkey = accounts.add_account(username="shop").secretkey
        engine.create_channel(name="default", settings=ChannelSettings(owner="shop"))
        items = [item(seed) for seed in (1, 2, 3)]
        assert all(r.error is None for r in engine.add_many(channel="default", items=items))
    with threaded_folder(data_dir) as url:
        profile(monkeypatch, url, "shop", secretkey)
        assert main(["eval", str(listing), "--json"]) == 0
        data = json.loads(capfd.readouterr().out)["data"]
        assert main(["stats", "--json"]) == 0
        assert json.loads(capfd.readouterr().out)["data"]["records"] == []
    assert (data["right"], data["found"], data["shown"], data["missed"]) == (2, 3, 4, 1)
    assert (data["false_accepts"], data["without_targets"]) == (0, 1)
    (miss,) = data["misses"]
    assert miss["reason"] not in ("candidates_not_named", "photo_failed")


def test_a_service_that_knows_the_seven_calls_only(
    listing: Path, vendor: FakeVendor, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    profile(monkeypatch, vendor.url, *CREDENTIALS.values())
    for seed in (1, 2, 3):
        (listing.parent / f"poster{seed}.png").write_bytes(poster(seed))
    assert main(["add", *(str(listing.parent / f"poster{seed}.png") for seed in (1, 2, 3))]) == 0
    capfd.readouterr()
    html = listing.parent / "report.html"
    assert main(["eval", str(listing), "--json", "--html", str(html)]) == 0
    printed = capfd.readouterr()
    data = json.loads(printed.out)["data"]
    assert (data["right"], data["missed"], data["false_accepts"]) == (2, 1, 0)
    assert {miss["reason"] for miss in data["misses"]} == {"candidates_not_named"}
    assert data["thresholds"][0]["recall"] == 0  # it tells no scores
    assert "counts each lookup" in printed.err
    assert "<svg" in html.read_text()
