"""The galleries that the contract suite runs over. To add one: a function that opens it, and a line below."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from arcli.engine import LocalGallery
from arcli.engine.cluster.gallery import ClusterGallery
from arcli.gallery import Gallery
from arcli.models import ChannelSettings
from arcli.protocols.arcloud.requests import Credentials
from arcli.remote.arcloud.gallery import ArcloudGallery
from arcli.remote.http.transport import HttpTransport
from arcli.store.accounts import Accounts
from arcli.store.postgres.access import PostgresAccounts
from tests.cluster.servers import fresh_cluster
from tests.contract.subject import CHANNELS, Difference, Harness
from tests.fakes.arcloud import CREDENTIALS, FakeVendor
from tests.fakes.gallery import FakeGallery
from tests.fakes.pictures import Keypoints
from tests.server.threaded import threaded_folder, threaded_place


@contextmanager
def local(folder: Path) -> Iterator[Gallery]:
    """The embedded engine."""
    with LocalGallery(folder / "data") as gallery:
        for channel in CHANNELS:
            gallery.create_channel(name=channel)
        yield gallery


@contextmanager
def vendor(folder: Path) -> Iterator[Gallery]:
    """Our client with a service that does only what the vendor's document says."""
    service = FakeVendor(channels=CHANNELS)
    try:
        with ArcloudGallery(HttpTransport(service.url), Credentials(**CREDENTIALS)) as gallery:
            yield gallery
    finally:
        service.stop()


@contextmanager
def served(folder: Path) -> Iterator[Gallery]:
    """Our client with `arcli serve` over the embedded engine."""
    data_dir = folder / "data"
    with Accounts(data_dir) as accounts, LocalGallery(data_dir) as engine:
        secretkey = accounts.add_account(username="shop").secretkey
        for channel in CHANNELS:
            engine.create_channel(name=channel, settings=ChannelSettings(owner="shop"))
    credentials = Credentials(username="shop", secretkey=secretkey)
    with threaded_folder(data_dir) as url, ArcloudGallery(HttpTransport(url), credentials) as gallery:
        yield gallery


@contextmanager
def cluster(folder: Path) -> Iterator[Gallery]:
    """The engine over PostgreSQL and Milvus."""
    with fresh_cluster() as place, ClusterGallery(place.postgres, place.milvus) as gallery:
        for channel in CHANNELS:
            gallery.create_channel(name=channel)
        yield gallery


@contextmanager
def served_cluster(folder: Path) -> Iterator[Gallery]:
    """Our client with `arcli serve` over PostgreSQL and Milvus."""
    with fresh_cluster() as place:
        with (
            PostgresAccounts(place.postgres) as accounts,
            ClusterGallery(place.postgres, place.milvus) as engine,
        ):
            secretkey = accounts.add_account(username="shop").secretkey
            for channel in CHANNELS:
                engine.create_channel(name=channel, settings=ChannelSettings(owner="shop"))
        credentials = Credentials(username="shop", secretkey=secretkey)
        with threaded_place(place) as url, ArcloudGallery(HttpTransport(url), credentials) as gallery:
            yield gallery


@contextmanager
def fake(folder: Path) -> Iterator[Gallery]:
    """The gallery in memory that other tests run over, with real pictures."""
    with FakeGallery(pictures=Keypoints()) as gallery:
        for channel in CHANNELS:
            gallery.create_channel(name=channel)
        yield gallery


_OWNED = {Difference.CHANNEL_MUST_EXIST: "a channel has an owner there, so it is made on purpose"}
_SEVEN_CALLS = "the vendor's seven calls have no field for it"
HARNESSES = {
    "local": Harness(local),
    "served": Harness(served, _OWNED),
    "cluster": Harness(cluster),
    "served cluster": Harness(served_cluster, _OWNED),
    "fake": Harness(fake, {Difference.NO_WEAK_PHOTOS: "it compares keypoints at one size"}),
    "vendor": Harness(
        vendor,
        {
            Difference.CHANNEL_MUST_EXIST: "AddImage answers 20003; no call makes a channel",
            Difference.REMOVE_ALWAYS_TRUE: "RemoveImage documents no 20014",
            Difference.NO_FIND_OPTIONS: _SEVEN_CALLS,
            Difference.NO_GEOMETRY: "FindImage answers the identifier only",
            Difference.NO_PICTURE: "no call downloads a picture",
            Difference.NO_STATE: "UpdateImageInfo changes matchratio and metadata only",
            Difference.NO_LEVEL_IN_LISTS: "GetImages answers no level",
            Difference.OWN_LEVELS: "how the vendor measures them is not documented",
            Difference.NO_TIMES: _SEVEN_CALLS,
            Difference.NO_DUPLICATES: "no call compares pictures",
            Difference.NO_CHANNEL_ADMIN: "no call administers channels",
            Difference.NO_MISSES: "Statistics counts what was found",
        },
    ),
}
