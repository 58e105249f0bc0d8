"""Settings → Gallery: the only file that names the backends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from arcli.errors import NotSupported, ShellHint, UsageError
from arcli.gallery import (
    AccountAdmin,
    ChannelAdmin,
    Gallery,
    Gatekeeper,
    Maintenance,
    ServiceProbe,
    Upgrades,
)
from arcli.models import Finding
from arcli.protocols.reading import real
from arcli.settings import ClusterPlace, DataPlace, Kind, Settings

if TYPE_CHECKING:
    from arcli.engine import LocalGallery
    from arcli.engine.channels import Channels
    from arcli.engine.migrating import Migration
    from arcli.remote.http.transport import HttpTransport
    from arcli.store.protocols import FailureLog
    from arcli.store.repair.backup_folder import Backups


def open_gallery(settings: Settings) -> Gallery:
    """Open the gallery that the profile names; the caller closes it."""
    return _OPENERS[Kind(settings.kind.value)](settings)


def _local(settings: Settings) -> Gallery:
    from arcli.engine import LocalGallery

    gallery: Gallery = LocalGallery(data_dir=settings.data_path)
    return gallery


def _cluster(settings: Settings) -> Gallery:
    from arcli.engine.cluster.gallery import ClusterGallery

    gallery: Gallery = ClusterGallery(settings.need("postgres"), settings.need("milvus"))
    return gallery


def _arcloud(settings: Settings) -> Gallery:
    from arcli.protocols.arcloud.requests import Credentials
    from arcli.remote.arcloud.gallery import ArcloudGallery

    credentials = Credentials(username=settings.need("username"), secretkey=settings.read_secret())
    gallery: Gallery = ArcloudGallery(_transport(settings), credentials, jobs=_jobs(settings))
    return gallery


def _tupu(settings: Settings) -> Gallery:
    from arcli.protocols.tupu.keys import VENDOR_PUBLIC_KEY, load_private_key, load_public_key
    from arcli.remote.tupu.calls import TupuAccount, TupuOptions
    from arcli.remote.tupu.gallery import TupuGallery

    verified = settings.need("verify") != "false"
    public_key = _text_or_file(settings.get("public_key") or VENDOR_PUBLIC_KEY)
    account = TupuAccount(
        secret_id=settings.need("secret_id"),
        private_key=load_private_key(settings.read_secret()),
        public_key=load_public_key(public_key) if verified else None,
    )
    options = TupuOptions(
        as_json=settings.get("form") == "json",
        tags=_words(settings.get("tags")),
        tasks=_words(settings.get("tasks")),
        uid=settings.get("uid"),
    )
    gallery: Gallery = TupuGallery(_transport(settings), account, options, jobs=_jobs(settings))
    return gallery


def _transport(settings: Settings) -> HttpTransport:
    from arcli.remote.http.transport import HttpTransport, Timeouts

    idle = _positive(settings, "timeout")
    return HttpTransport(settings.need("url"), timeouts=Timeouts() if idle is None else Timeouts(idle=idle))


def _jobs(settings: Settings) -> int | None:
    jobs = _positive(settings, "jobs")
    return None if jobs is None else max(int(jobs), 1)


def _positive(settings: Settings, key: str) -> float | None:
    """Return a setting as a number over 0, None if it is not set. Raises UsageError."""
    value = settings.get(key)
    return None if value is None else _number_over_0(key, value)


def _number_over_0(key: str, value: str) -> float:
    number = real(value)
    if number is None or number <= 0:
        raise UsageError(f"{key} is not a number above 0: {value!r}", item=key)
    return number


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(text.split()) if text else ()


def _text_or_file(text: str) -> str:
    """Return the content of the file of that name, or the text itself if there is no such file."""
    try:
        path = Path(text).expanduser()
        return path.read_text(encoding="utf-8-sig") if path.is_file() else text
    except (OSError, ValueError, RuntimeError):  # a long text is no file's name
        return text


_OPENERS = {Kind.LOCAL: _local, Kind.ARCLOUD: _arcloud, Kind.TUPU: _tupu, Kind.CLUSTER: _cluster}


def refuse_profile(kind: Kind, values: Mapping[str, str]) -> None:
    """Raise UsageError for a value of a remote profile that opening it would refuse."""
    if "url" in values:
        from arcli.remote.http.addresses import base_url

        base_url(values["url"])
    for key in ("timeout", "jobs"):
        if key in values:
            _number_over_0(key, values[key])
    if values.get("form", "json") not in ("json", "multipart"):
        raise UsageError(f"form is neither json nor multipart: {values['form']!r}", item="form")
    if kind is Kind.TUPU and "public_key" in values:
        from arcli.protocols.tupu.keys import load_public_key

        load_public_key(_text_or_file(values["public_key"]))


def scratch(folder: Path) -> Gallery:
    """Open an embedded gallery in a folder of its own, to be thrown away; the caller closes it."""
    from arcli.engine import LocalGallery

    gallery: Gallery = LocalGallery(data_dir=folder)
    return gallery


def channel_admin(gallery: Gallery) -> ChannelAdmin:
    """Return the gallery's channel administration. Raises NotSupported if it has none."""
    if not isinstance(gallery, ChannelAdmin):
        raise NotSupported(f"{gallery.capabilities().backend} does not administer channels")
    return gallery


def maintenance(gallery: Gallery) -> Maintenance:
    """Return the gallery's maintenance. Raises NotSupported if it has none."""
    if not isinstance(gallery, Maintenance):
        raise NotSupported(f"{gallery.capabilities().backend} keeps no index that could be maintained")
    return gallery


def upgrades(gallery: Gallery) -> Upgrades:
    """Return what moves the gallery's channels to another preset. Raises NotSupported if it has none."""
    if not isinstance(gallery, Upgrades):
        raise NotSupported(f"{gallery.capabilities().backend} cannot move channels to another preset")
    return gallery


def examine(gallery: Gallery, *, channel: str | None, repair: bool) -> Iterator[Finding]:
    """Check a backend: its stores and indexes, or whether a service answers and accepts the credentials.

    Raises NotSupported when a service is to be repaired, and whatever keeps a service from answering.
    """
    if not isinstance(gallery, ServiceProbe):
        kept = maintenance(gallery)
        return kept.repair(channel=channel) if repair else kept.verify(channel=channel)
    if repair:
        raise NotSupported("a service's data can be repaired only on its own machine")
    return gallery.probe(channel=channel)


def compare_samples(settings: Settings, channel: str | None) -> Iterator[Finding]:
    """Compare a sample of kept pictures with stored features. Raises NotSupported for a service."""
    from arcli.engine.channels import Channels
    from arcli.engine.doctor import compare_samples

    channels = Channels(local_data_dir(settings))
    try:
        yield from compare_samples(channels, channel)
    finally:
        channels.close()


def salvage(settings: Settings, channel: str | None, folder: Path) -> Iterator[Finding]:
    """Write what can be read of damaged channels into a folder. Raises NotSupported for a service."""
    from arcli.store.repair.salvage import salvage

    yield from salvage(local_data_dir(settings), channel, folder)


def account_admin(settings: Settings) -> AccountAdmin:
    """Open a profile's accounts; the caller closes them. Raises NotSupported for a service."""
    return accounts_of(own_place(settings))


def accounts_of(place: DataPlace) -> AccountAdmin:
    """Open the accounts of a data folder or cluster, for commands and a server; the caller closes them."""
    if isinstance(place, ClusterPlace):
        from arcli.store.postgres.access import PostgresAccounts

        shared: AccountAdmin = PostgresAccounts(place.postgres)
        return shared
    from arcli.store.accounts import Accounts

    accounts: AccountAdmin = Accounts(place)
    return accounts


def own_place(settings: Settings) -> DataPlace:
    """Return the data folder or cluster of a profile. Raises NotSupported for a remote service."""
    return settings.place if settings.kind.value == Kind.CLUSTER else local_data_dir(settings)


def local_data_dir(settings: Settings) -> Path:
    """Return the data folder of a local profile. Raises NotSupported for a profile of another kind."""
    if settings.kind.value == Kind.CLUSTER:
        raise NotSupported(
            f"profile {settings.profile.value} is a cluster: this is for the files of a data folder",
            hint="PostgreSQL's own tools check and repair its data",
        )
    if settings.kind.value != Kind.LOCAL:
        raise NotSupported(
            f"profile {settings.profile.value} is a remote service: it keeps its own accounts",
            hint="use a local profile, on the machine whose data folder is served",
        )
    return settings.data_path


def backups(settings: Settings) -> Backups:
    """Open the backups of a local profile's data folder. Raises NotSupported for another profile."""
    from arcli.features import Features
    from arcli.store.repair.backup_folder import Backups

    if settings.kind.value == Kind.CLUSTER:
        raise NotSupported(
            f"profile {settings.profile.value} is a cluster: PostgreSQL's own tools back it up",
            hint=ShellHint("pg_dump --schema=arcli, or pg_basebackup; Milvus is filled again from there"),
        )
    if settings.kind.value != Kind.LOCAL:
        raise NotSupported(
            f"profile {settings.profile.value} is a remote service: it is backed up on its own machine",
            hint=ShellHint(
                "use a local profile there; arcli export writes a channel's pictures and metadata"
            ),
        )
    return Backups(settings.data_path, Features.from_bytes)


def migration(source: Settings, target: Settings) -> Migration:
    """Open what moves channels from one profile's data to another's; the caller closes it.

    Raises NotSupported for a service, UsageError for one and the same place.
    """
    from arcli.engine.migrating import Migration

    from_place, place = own_place(source), own_place(target)
    if from_place == place:
        raise UsageError("source and destination are the same place", item=source.profile.value)
    return Migration(_channels_of(from_place), _channels_of(place))


def upgrade_tables(settings: Settings) -> int:
    """Make a cluster's tables or bring them up to date; return how many steps that took.

    Raises NotSupported for another profile, Unreachable, DataTooNew.
    """
    from arcli.store.postgres.catalog import PostgresCatalog

    if settings.kind.value != Kind.CLUSTER:
        raise NotSupported(
            f"profile {settings.profile.value} is not a cluster",
            hint="files of a data folder are brought up to date when they are opened",
        )
    with PostgresCatalog(settings.need("postgres")) as catalog:
        return catalog.upgrade()


def _channels_of(place: DataPlace) -> Channels:
    if isinstance(place, ClusterPlace):
        from arcli.engine.cluster.channels import ClusterChannels

        return ClusterChannels(place.postgres, place.milvus)
    from arcli.engine.channels import Channels

    return Channels(place)


def build_indexes(settings: Settings, channels: Sequence[str]) -> None:
    """Build the indexes of channels that were restored into a local profile's data folder."""
    from arcli.engine import LocalGallery

    with LocalGallery(data_dir=settings.data_path) as gallery:
        for channel in channels:
            gallery.compact(channel=channel)


def served_gallery(place: DataPlace, *, index_memory: int | None) -> LocalGallery:
    """Open the embedded engine for a server: strangers' pictures are decoded in processes of their own.

    index_memory: bytes that opened indexes take together.
    """
    from arcli.engine import LocalGallery
    from arcli.vision.decoding.limits import SERVE

    if isinstance(place, ClusterPlace):
        from arcli.engine.cluster.gallery import ClusterGallery

        return ClusterGallery(place.postgres, place.milvus, background=True, limits=SERVE)
    return LocalGallery(data_dir=place, background=True, limits=SERVE, index_memory=index_memory)


def gatekeeper(place: DataPlace) -> Gatekeeper:
    """Open the server's accounts and grants, making the data folder or the tables if there are none."""
    if isinstance(place, ClusterPlace):
        from arcli.store.postgres.access import PostgresGatekeeper

        shared: Gatekeeper = PostgresGatekeeper(place.postgres)
        return shared
    from arcli.store.gatekeeper import CatalogGatekeeper

    keeper: Gatekeeper = CatalogGatekeeper(place)
    return keeper


def failure_log(place: DataPlace) -> FailureLog | None:
    """Open what servers on several machines tell each other of failed attempts; None on one machine."""
    if not isinstance(place, ClusterPlace):
        return None
    from arcli.store.postgres.access import PostgresFailures

    shared: FailureLog = PostgresFailures(place.postgres)
    return shared


def server_pepper(place: DataPlace) -> bytes:
    """Return the server's own secret, made at first use."""
    if isinstance(place, ClusterPlace):
        from arcli.store.postgres.catalog import PostgresCatalog
        from arcli.store.secret_keys import PEPPER_FILE, new_pepper

        with PostgresCatalog(place.postgres) as shared:
            return shared.secret(PEPPER_FILE, new_pepper)
    from arcli.store.catalog import Catalog
    from arcli.store.secret_keys import pepper

    with Catalog.open(place, create=True) as catalog:
        return pepper(catalog)


def server_signing_key(place: DataPlace) -> str:
    """Return the RSA key (PEM) that the server signs Tupu answers with, made at first use."""
    from arcli.protocols.tupu.keys import new_private_key
    from arcli.store.catalog import Catalog
    from arcli.store.secret_keys import SIGNING_KEY_FILE, key_file

    if isinstance(place, ClusterPlace):
        from arcli.store.postgres.catalog import PostgresCatalog

        with PostgresCatalog(place.postgres) as shared:
            return shared.secret(SIGNING_KEY_FILE, lambda: new_private_key().encode()).decode()
    with Catalog.open(place, create=True) as catalog:
        return key_file(catalog, SIGNING_KEY_FILE, lambda: new_private_key().encode()).decode()


def acting_as(who: str) -> AbstractContextManager[None]:
    """Have the audit trail name `who` for the changes made inside."""
    from arcli.store.audit import acting_as

    return acting_as(who)
