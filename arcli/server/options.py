"""What an operator can set on a server, each setting with its default and its origin."""

from __future__ import annotations

import datetime as dt
import ipaddress
import tomllib
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_type_hints
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from arcli.errors import FileExists, UsageError
from arcli.parallel import machine_memory
from arcli.settings import DataPlace

MIB = 1024 * 1024


_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104
"""Hosts that mean every address of the machine, and the address at which a local client reaches them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """The settings of one `arcli serve`; the fields are also the keys of its --config file."""

    data_dir: DataPlace
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    public_url: str | None = None
    trusted_proxies: tuple[str, ...] = ()  # addresses or networks whose X-Forwarded-For counts
    tls_cert: Path | None = None
    tls_key: Path | None = None
    cors_origins: tuple[str, ...] = ()
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = None  # None: the port after `port`; 0: no metrics
    metrics_by_channel: bool = False
    access_log: bool = False
    threads: int | None = None  # recognition threads a process; None: as many as its share of the cores
    queue: int = 64  # photos that may wait for a thread in each process; one more answers 20015
    memory_limit: int | None = None  # bytes of the indexes opened by all workers; None: half of the machine's
    body_memory: int = 512 * MIB  # bytes of all the request bodies that a process holds at a time
    picture_bytes: int = 10 * MIB  # docs/reference/protocols.md, "Every ARCloud call"
    tupu_body_bytes: int = 30 * MIB  # docs/reference/protocols.md, "Tupu"
    request_rate: float = 50.0  # requests a second from an address; bursts of four times as many
    connections: int = 4000  # that a process holds; at most what its limit of open files allows
    connections_per_address: int = 200
    body_seconds: float = 120.0  # a request's body must have arrived by then
    grace_seconds: int = 30  # seconds that running requests may take at the stop
    failures_per_address: int = 30  # wrong secrets in a burst; one is forgiven every 2 s
    failures_per_account: int = 200  # from addresses that never had the right one; one is forgiven every 2 s
    anonymous_rate: float = 20.0  # GetImage without credentials: requests a second from an address
    account_channels: int = 100  # channels that an account may make through /arcli/v1
    account_keys: int = 100  # valid find-only keys that an account may have to make more through /arcli/v1
    time_zone: str | None = None  # time zone of the days in Statistics; None: UTC
    findimage_level: str = "level"  # or "channel", as the vendor has it; docs/how-to/server.md, "Settings"
    url_pictures: bool = False  # Tupu: fetch pictures given by URL
    tupu_relatives: int = 5  # candidates that a Tupu answer lists
    save_misses: Path | None = None
    shared_table: Path | None = None  # of limits that several workers share; made by the parent

    def today(self) -> dt.date | None:
        """Return the day on which a photo is counted now, None for the day in UTC."""
        return None if self.time_zone is None else dt.datetime.now(_zone(self.time_zone)).date()

    @property
    def index_memory(self) -> int:
        """Bytes of memory that the opened indexes of one process may take."""
        whole = self.memory_limit if self.memory_limit is not None else machine_memory() // 2
        return whole // self.workers

    @property
    def scheme(self) -> str:
        return "https" if self.tls_cert else "http"

    @property
    def base_url(self) -> str:
        """The URL that clients use, without a trailing slash; never taken from a request."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host = _LOOPBACK.get(self.host, self.host)
        return f"{self.scheme}://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def link_url(self) -> str:
        """The beginning of links to pictures; "" for a server on all addresses without a `public_url`."""
        return self.base_url if self.public_url or self.host not in _LOOPBACK else ""


@cache
def _zone(name: str) -> ZoneInfo:
    """Return the time zone. Raises UsageError if it is not known."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError(
            f"there is no time zone {name!r} on this machine",
            hint="write it like Europe/Berlin; tzdata has them",
        ) from error


def load_options(path: Path | None, given: dict[str, Any]) -> ServeOptions:
    """Read the TOML file at `path`, if any; options of the command line take precedence.

    Raises UsageError for a file that cannot be read, an unknown key, or a value of the wrong type.
    """
    values = {} if path is None else _read(path)
    data_dir = given.pop("data_dir")
    options = ServeOptions(data_dir=data_dir, **values)
    return _checked(replace(options, **given))


def _read(path: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:  # of the decoding, a number of 5,000 digits
        raise UsageError(f"{path}: {error}", item=str(path)) from error
    table |= _compat(table.pop("compat", {}), path)
    hints = get_type_hints(ServeOptions)
    known = {field.name for field in fields(ServeOptions)} - {"data_dir", "shared_table"}
    for name in table:
        if name not in known:
            raise UsageError(f"{path}: no such setting: {name}", hint=f"there are {', '.join(sorted(known))}")
    return {name: _value(name, value, hints[name], path) for name, value in table.items()}


def _compat(table: Any, path: Path) -> dict[str, Any]:
    """Read `compat.findimage_level`, the setting for what looks like a slip in the vendor's document."""
    if not isinstance(table, dict) or table.keys() - {"findimage_level"}:
        raise UsageError(f"{path}: compat has one setting, findimage_level", item=str(path))
    return table


def _value(name: str, value: Any, hint: Any, path: Path) -> Any:
    """Return a TOML value as the type of its field."""
    kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    if Path in kinds and isinstance(value, str):
        return path.parent / value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        value = tuple(value)
    if isinstance(value, int) and not isinstance(value, bool) and float in kinds:
        value = float(max(-_MOST - 1, min(value, _MOST + 1)))  # what is refused anyway may be no float
    plain = [kind for kind in kinds if isinstance(kind, type)]
    fits = tuple[str, ...] in kinds if isinstance(value, tuple) else type(value) in plain
    if not fits:
        raise UsageError(f"{path}: {name} has the wrong type: {value!r}", item=str(path))
    return value


_LEAST: dict[str, float] = {
    "workers": 1,
    "threads": 1,
    "queue": 1,
    "memory_limit": 1,
    "body_memory": 1,
    "picture_bytes": 1,
    "tupu_body_bytes": 1,
    "request_rate": 0.1,
    "connections": 16,
    "connections_per_address": 1,
    "body_seconds": 0.001,
    "grace_seconds": 0,
    "failures_per_address": 1,
    "failures_per_account": 1,
    "anonymous_rate": 0,
    "account_channels": 0,
    "account_keys": 0,
    "tupu_relatives": 0,
}
_MOST = 2**40  # the largest value of any number: more, or infinity, cannot be intended


def _checked(options: ServeOptions) -> ServeOptions:
    for name, least in _LEAST.items():
        value = getattr(options, name)
        if value is not None and not least <= value <= _MOST:  # also true of nan
            raise UsageError(f"{name} is a number of at least {least:g}, not {value!r}", item=name)
    if not 0 <= options.port < 65536 or not 0 <= (options.metrics_port or 0) < 65536:
        raise UsageError("a port is a number from 0 to 65535")
    if options.findimage_level not in ("level", "channel"):
        raise UsageError('findimage_level is "level" or "channel"')
    if options.public_url and not options.public_url.startswith(("http://", "https://")):
        raise UsageError("the public URL begins with http:// or https://")
    if (options.tls_cert is None) != (options.tls_key is None):
        raise UsageError("TLS needs both --tls-cert and --tls-key")
    if options.time_zone is not None:
        _zone(options.time_zone)
    for network in options.trusted_proxies:
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError as error:
            raise UsageError(f"a trusted proxy is an address or a network, not {network!r}") from error
    if options.save_misses and options.save_misses.is_file():
        raise FileExists(f"{options.save_misses} is a file, not a folder", item=str(options.save_misses))
    return options
