"""Real servers on loopback for the tests of a cluster: PostgreSQL, and Milvus Lite as one process.

python -m tests.cluster.servers COMMAND… starts them in a temporary folder, runs the command with their
addresses in ARCLI_TEST_POSTGRES and ARCLI_TEST_MILVUS, and stops them, also at SIGTERM. With --none before
COMMAND it starts none: for tests that start their own, of which a machine can have one standalone. PostgreSQL
is Debian's, installed where it is not there, and runs as an unprivileged user.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from arcli.settings import ClusterPlace

POSTGRES, MILVUS = "ARCLI_TEST_POSTGRES", "ARCLI_TEST_MILVUS"
STANDALONE = "ARCLI_TEST_STANDALONE"
"""The Python of an environment with PyPI's `milvus`: then Milvus standalone runs instead of Milvus Lite."""
_ALONE = "ARCLI_TEST_ALONE"
_LOOK = 0.02  # seconds between looks at a process that was killed
_READY_SECONDS = 300  # after kill -9, Milvus' coordinators wait a minute or two for the old ones


def needs_servers() -> None:
    """Skip the test where no servers run, nor one may be started."""
    if not {POSTGRES, STANDALONE} & os.environ.keys():
        pytest.skip("needs PostgreSQL and Milvus: make cluster starts them and runs this")


def new_cluster() -> ClusterPlace:
    """Return an empty database of its own and the Milvus of the servers; skips the test where none run."""
    needs_servers()
    dsn, uri = os.environ[POSTGRES], os.environ[MILVUS]
    import psycopg
    from psycopg.conninfo import make_conninfo

    name = f"arcli_{secrets.token_hex(6)}"
    with psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
    return ClusterPlace(make_conninfo(dsn, dbname=name), uri)


@contextmanager
def fresh_cluster() -> Iterator[ClusterPlace]:
    """Yield a new cluster, whose database goes in the end."""
    made = new_cluster()
    try:
        yield made
    finally:
        import psycopg
        from psycopg.conninfo import conninfo_to_dict

        name = conninfo_to_dict(made.postgres)["dbname"]
        with psycopg.connect(os.environ[POSTGRES], autocommit=True) as admin:  # it may have been killed
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def free_port() -> int:
    """Return a free port below those that systems give to clients: a client that tries to reach a killed
    server again and again would be given the server's own port in the end, and be connected to itself."""
    for port in random.sample(range(12_000, 32_000), 100):
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


def postgres_programs() -> Path:
    """Return the folder of initdb and postgres, of the newest version; install Debian's if there is none."""
    if not (found := sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))):
        for words in (["update", "-qq"], ["install", "-y", "-qq", "postgresql"]):
            subprocess.run(["apt-get", *words], check=True, stdout=subprocess.DEVNULL)
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent


@dataclass
class Server:
    """A server process that can be killed and started again on the same port and data."""

    command: list[str]
    log: Path
    user: str | None = None
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=log, user=self.user, start_new_session=True, cwd="/"
            )

    def signal(self, number: int) -> None:
        """Send a signal to its process and those that it started."""
        assert self.process is not None
        found = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, check=False)
        for pid in (self.process.pid, *map(int, found.stdout.split())):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill(self) -> None:
        """End it, and all that it started, at once; then nothing of it is left that holds its port."""
        if self.process is not None:
            group, end = self.process.pid, time.monotonic() + _READY_SECONDS
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
            self.process.wait()
            with contextlib.suppress(ProcessLookupError):
                while time.monotonic() < end:
                    os.killpg(group, 0)
                    time.sleep(_LOOK)


@dataclass
class Postgres(Server):
    port: int = 0

    @classmethod
    def made(cls, folder: Path) -> Postgres:
        """Make an empty data directory in `folder`, unless there is one."""
        user = "postgres" if os.getuid() == 0 else None
        programs, data = postgres_programs(), folder / "postgres"
        if not data.exists():
            _initdb(programs, data, user)
        port = free_port()
        settings = [
            f"port={port}",
            "listen_addresses=127.0.0.1",
            f"unix_socket_directories={data}",
            "max_connections=200",
        ]
        command = [str(programs / "postgres"), "-D", str(data), *(w for s in settings for w in ("-c", s))]
        return cls(command, folder / "postgres.log", user, port=port)

    @property
    def dsn(self) -> str:
        return f"postgresql://arcli@127.0.0.1:{self.port}/postgres"

    def wait(self) -> None:
        import psycopg

        _until(lambda: psycopg.connect(self.dsn, connect_timeout=2).close(), (psycopg.Error,), self.log)

    def kill(self) -> None:
        """End every process of it at once; each has a session of its own."""
        if self.process is not None:
            subprocess.run(["pkill", "-KILL", "-P", str(self.process.pid)], check=False)
        super().kill()


def _initdb(programs: Path, data: Path, user: str | None) -> None:
    data.mkdir(mode=0o700)
    if user:
        owner = pwd.getpwnam(user)
        os.chown(data, owner.pw_uid, owner.pw_gid)
    words = ["-D", str(data), "-A", "trust", "-U", "arcli", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
    made = subprocess.run([programs / "initdb", *words], user=user, capture_output=True, cwd="/")
    assert made.returncode == 0, made.stderr.decode()


@dataclass
class Milvus(Server):
    port: int = 0

    @classmethod
    def made(cls, folder: Path) -> Milvus:
        port = free_port()
        program = str(Path(sys.executable).with_name("milvus-lite"))
        words = ["server", "--data-dir", str(folder / "milvus"), "--host", "127.0.0.1", "--port", str(port)]
        return cls([program, *words], folder / "milvus.log", port=port)

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait(self) -> None:
        def ask() -> None:
            socket.create_connection(("127.0.0.1", self.port), timeout=2).close()

        _until(ask, (OSError,), self.log)


_STANDALONE = """
import socket, sys
from milvus import MilvusServer, MilvusServerConfig

def bound(self, port):  # the package takes the next port where connections of a killed server linger
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(("127.0.0.1", port))
        sock.listen()
    except OSError:
        return None
    return sock

MilvusServerConfig.try_bind_port = bound
server = MilvusServer(wait_for_started=False)
server.set_base_dir(sys.argv[1])
server.listen_port = int(sys.argv[2])
for part in "rootCoord dataCoord queryCoord indexCoord dataNode queryNode indexNode proxy".split():
    server.config.set(part + ".address", "127.0.0.1")
    server.config.set(part + ".ip", "127.0.0.1")
server.start()
server.server_proc.wait()
"""


@dataclass
class Standalone(Milvus):
    """Milvus 2.3.5 of PyPI's `milvus`. It listens on every address: only for a network with `lo` alone."""

    @classmethod
    def made(cls, folder: Path) -> Milvus:
        program, port = os.environ[STANDALONE], free_port()
        command = [program, "-c", _STANDALONE, str(folder / "milvus"), str(port)]
        return cls(command, folder / "milvus.log", port=port)

    def wait(self) -> None:
        def ask() -> None:
            with urllib.request.urlopen("http://127.0.0.1:9091/healthz", timeout=2) as answer:
                assert answer.status == 200

        _until(ask, (OSError,), self.log)


def alone(module: str) -> None:
    """Go on in a network of `lo` alone, as root: the same command, `module`'s, again, under unshare."""
    if os.environ.get(_ALONE) is None:
        os.environ[_ALONE] = "1"
        words = ["unshare", "--net", sys.executable, "-m", module, *sys.argv[1:]]
        os.execvp(words[0], words)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def _until(ask: object, errors: tuple[type[BaseException], ...], log: Path) -> None:
    """Ask until no error comes. Raises AssertionError with the log after _READY_SECONDS."""
    assert callable(ask)
    end = time.monotonic() + _READY_SECONDS
    while True:
        try:
            ask()
        except errors:
            assert time.monotonic() < end, log.read_text(errors="replace")[-2000:]
            time.sleep(0.1)
        else:
            return


@contextmanager
def servers(kept: Path | None = None) -> Iterator[tuple[Postgres, Milvus]]:
    """Start both on free ports of loopback, with the data in `kept` or in a folder that goes with them."""
    folder = kept or Path(tempfile.mkdtemp(prefix="arcli-cluster-"))
    folder.chmod(0o755)
    kind = Standalone if STANDALONE in os.environ else Milvus
    postgres, milvus = Postgres.made(folder), kind.made(folder)
    try:
        for server in (postgres, milvus):
            server.start()
        for one in (postgres, milvus):
            one.wait()
        yield postgres, milvus
    finally:
        for server in (postgres, milvus):
            server.kill()
        if kept is None:
            shutil.rmtree(folder, ignore_errors=True)


def ending_at_sigterm() -> None:
    """From here on SIGTERM raises SystemExit, once: what is entered is left again, and servers are ended."""

    def end(number: int, frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, end)


def main() -> int:
    if STANDALONE in os.environ:
        alone("tests.cluster.servers")
    ending_at_sigterm()
    if sys.argv[1] == "--none":
        return _run(sys.argv[2:], {})
    with servers() as (postgres, milvus):
        return _run(sys.argv[1:], {POSTGRES: postgres.dsn, MILVUS: milvus.uri})


def _run(words: list[str], addresses: dict[str, str]) -> int:
    with subprocess.Popen(words, env={**os.environ, **addresses}) as command:
        try:
            return command.wait()
        except BaseException:
            command.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                command.wait(30)
            command.kill()
            raise


if __name__ == "__main__":
    sys.exit(main())
