"""What an operator relies on: workers, stopping, counts, TLS, CORS, metrics, proxies, limits, settings."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from arcli.app import main
from arcli.commands.serve import _bytes
from arcli.engine import LocalGallery
from arcli.errors import ArcliError
from arcli.models import AddItem, Picture
from arcli.server.options import load_options
from arcli.server.process.worker import listen
from arcli.server.requests.access import ClientAddress
from arcli.server.requests.limits import Buckets, BucketTable
from tests.engine.conftest import photo_of, poster
from tests.protocols.conftest import OpenSsl
from tests.server.conftest import IMPORTED, Served, clean_env, populate, serving
from tests.server.raw import call, code, send
from tests.server.threaded import threaded_folder

YEARS = {"startdate": "2020", "enddate": "2099"}


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    populate(folder)
    with LocalGallery(folder) as gallery:
        item = AddItem(picture=Picture(name="p", data=poster(1)), identifier="poster1")
        gallery.add(channel="posters", item=item)
    return folder


@pytest.fixture
def secrets(tmp_path: Path) -> dict[str, str]:
    return populate(tmp_path / "data")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def metrics_of(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        return str(answer.read().decode())


def test_several_workers_share_folder_counts_and_metrics(tmp_path: Path, secrets: dict[str, str]) -> None:
    login, port = {"username": "shop", "secretkey": secrets["shop"]}, free_port()
    with serving(tmp_path / "data", "--workers", "2", "--metrics-port", str(port)) as served:
        fields = login | {"channel": "posters", "identifier": "poster1"}
        assert code(served.url, "AddImage", fields, poster(1)) == 0
        with ThreadPoolExecutor(8) as clients:
            photo = photo_of(1)
            found = list(clients.map(lambda _: call(served.url, "FindImage", login, photo), range(12)))
        assert {answer["identifier"] for answer in found} == {"poster1"}
        text = metrics_of(port)
        lines = [line for line in text.splitlines() if line.startswith("arcli_lookups_total")]
        assert lines == ['arcli_lookups_total{matched="yes"} 12.0']
        assert "posters" not in text
    with threaded_folder(tmp_path / "data") as url:
        records = call(url, "Statistics", login | YEARS)["records"]
        assert [(record["channel"], record["count"]) for record in records] == [("posters", 12)]


def test_a_worker_that_dies_is_replaced(tmp_path: Path, secrets: dict[str, str]) -> None:
    login = {"username": "shop", "secretkey": secrets["shop"], "channel": "posters"}
    with serving(tmp_path / "data", "--workers", "2") as served:
        assert code(served.url, "GetImages", login) == 0
        for child in children(served.process.pid):
            os.kill(child, signal.SIGKILL)
        assert code(served.url, "GetImages", login) == 0


def children(pid: int) -> list[int]:
    """Return the spawned workers of a server (its other child tracks resources)."""
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
            found.append(int(child))
    return found


def test_stopping_lets_requests_end_and_keeps_counts(tmp_path: Path, secrets: dict[str, str]) -> None:
    login = {"username": "shop", "secretkey": secrets["shop"]}
    with LocalGallery(tmp_path / "data") as gallery:
        item = AddItem(picture=Picture(name="p", data=poster(1)), identifier="poster1")
        gallery.add(channel="posters", item=item)
    with serving(tmp_path / "data") as served, ThreadPoolExecutor(4) as clients:
        photo = photo_of(1)
        assert call(served.url, "FindImage", login, photo)["identifier"] == "poster1"
        running = [clients.submit(call, served.url, "FindImage", login, photo) for _ in range(4)]
        answered = running[0].result(60)
        served.process.terminate()
        ended = [answered] + [client.result(60) for client in running[1:] if client.exception(60) is None]
        assert served.process.wait(60) == 0
    found = [answer for answer in ended if answer["returncode"] == 0]
    assert all(answer["identifier"] == "poster1" for answer in found)
    assert all("arcli is stopping" in str(answer) for answer in ended if answer not in found), ended
    with threaded_folder(tmp_path / "data") as url:
        (record,) = call(url, "Statistics", login | YEARS)["records"]
        assert record["count"] == 1 + len(found)


def test_tls_by_certificate_files(tmp_path: Path, secrets: dict[str, str], openssl: OpenSsl) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    openssl.run(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(cert), *names
    )
    with serving(tmp_path / "data", "--tls-cert", str(cert), "--tls-key", str(key)) as served:
        assert served.url.startswith("https://")
        context = ssl.create_default_context(cafile=str(cert))
        with urllib.request.urlopen(f"{served.url}/readyz", timeout=30, context=context) as answer:
            assert json.loads(answer.read()) == {"status": "ready"}


def certificate(openssl: OpenSsl, folder: Path, name: str) -> tuple[Path, Path]:
    cert, key = folder / f"{name}.cert.pem", folder / f"{name}.key.pem"
    what = ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
    openssl.run(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(cert), *what
    )
    return cert, key


def test_a_renewed_certificate_is_read(tmp_path: Path, secrets: dict[str, str], openssl: OpenSsl) -> None:
    (cert, key), (later, its_key) = (certificate(openssl, tmp_path, name) for name in ("first", "second"))
    with serving(tmp_path / "data", "--tls-cert", str(cert), "--tls-key", str(key)) as served:
        port = int(served.url.rpartition(":")[2])
        shown = ssl.get_server_certificate(("127.0.0.1", port))
        cert.write_text("half of a certifi")
        assert ssl.get_server_certificate(("127.0.0.1", port)) == shown
        later.replace(cert)
        its_key.replace(key)
        while ssl.get_server_certificate(("127.0.0.1", port)) == shown:
            pass
        assert ssl.get_server_certificate(("127.0.0.1", port)).split() == cert.read_text().split()


def test_days_are_those_of_the_time_zone(data_dir: Path) -> None:
    login = {"username": "shop", "secretkey": populate_key(data_dir)}
    for zone in ("Pacific/Kiritimati", "Etc/GMT+12"):  # 26 hours apart: never on the same day
        with threaded_folder(data_dir, time_zone=zone) as url:
            assert call(url, "FindImage", login, photo_of(1))["identifier"] == "poster1"
    with threaded_folder(data_dir) as url:
        records = call(url, "Statistics", login | YEARS)["records"]
    assert [record["count"] for record in records] == [1, 1]


def test_a_match_ratio_of_1_still_finds_its_own_picture(data_dir: Path) -> None:
    login = {"username": "shop", "secretkey": populate_key(data_dir), "channel": "posters"}
    with threaded_folder(data_dir) as url:
        assert code(url, "UpdateImageInfo", login | {"identifier": "poster1", "matchratio": "1"}) == 0
        assert call(url, "FindImage", login, poster(1))["identifier"] == "poster1"


def test_web_pages_of_configured_origins_may_call(tmp_path: Path, secrets: dict[str, str]) -> None:
    ask = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    with serving(tmp_path / "data", "--cors-origin", "https://app.example") as served:
        headers = send(served.url, "/FindImage", None, None, method="OPTIONS", headers=ask)[1]
        assert headers["access-control-allow-origin"] == "https://app.example"
        headers = send(served.url, "/FindImage", b"", headers={"Origin": "https://app.example"})[1]
        assert headers["access-control-allow-origin"] == "https://app.example"
        other = {"Origin": "https://evil.example"}
        assert "access-control-allow-origin" not in send(served.url, "/FindImage", b"", headers=other)[1]


def test_without_cors_settings_no_page_may_call(served: Served) -> None:
    headers = send(served.url, "/FindImage", b"", headers={"Origin": "https://app.example"})[1]
    assert not [name for name in headers if name.startswith("access-control")]


def test_metrics_name_channels_only_on_request(data_dir: Path) -> None:
    port = free_port()
    secret = populate_key(data_dir)
    login = {"username": "shop", "secretkey": secret}
    with serving(data_dir, "--metrics-port", str(port), config="metrics_by_channel = true") as served:
        assert code(served.url, "FindImage", login, photo_of(1)) == 0
        text = metrics_of(port)
        assert 'arcli_lookups_total{channel="posters",matched="yes"} 1.0' in text
        assert "arcli_lookup_waits_total 0.0" in text
        assert 'arcli_requests_total{call="FindImage",returncode="0"} 1.0' in text
        assert 'arcli_request_seconds_count{call="FindImage"} 1.0' in text
        assert send(served.url, "/metrics", None, None, method="GET")[0] == 404


def populate_key(data_dir: Path) -> str:
    from arcli.models import KeyRequest
    from arcli.store.accounts import Accounts

    with Accounts(data_dir) as accounts:
        return accounts.add_key(username="shop", key=KeyRequest()).secretkey


def test_wrong_keys_are_slowed_down_but_nobody_is_locked_out(data_dir: Path) -> None:
    secret = populate_key(data_dir)
    proxy = {"trusted_proxies": ("127.0.0.1",), "failures_per_address": 3, "failures_per_account": 6}
    with threaded_folder(data_dir, **proxy) as url:

        def ask(address: str, secretkey: str, username: str = "shop") -> int:
            fields = {"username": username, "secretkey": secretkey, "channel": "posters"}
            return code(url, "GetImages", fields, headers={"X-Forwarded-For": f"6.6.6.6, {address}"})

        assert ask("10.0.0.1", secret) == 0
        assert [ask("10.0.0.2", "no") for _ in range(4)] == [20001, 20001, 20001, 20015]
        assert ask("10.0.0.2", "no", "rival") == 20015
        assert ask("10.0.0.2", IMPORTED, "moved") == 20015  # it could have been guessed
        assert ask("10.0.0.2", secret) == 0  # nobody guesses 256 bits
        assert [ask("10.0.0.3", "no") for _ in range(3)] == [20001, 20001, 20001]
        assert [ask("10.0.0.4", key) for key in ("no", "no", secret)] == [20001, 20001, 0]
        for number in range(5, 15):
            assert ask(f"10.0.0.{number}", "no", "moved") == 20001
        assert ask("10.0.0.99", IMPORTED, "moved") == 20004  # a grant to search only; but it is let in
        assert ask("10.0.0.1", secret) == 0


def test_forwarded_addresses_count_only_from_a_trusted_proxy(data_dir: Path) -> None:
    with threaded_folder(data_dir, failures_per_address=2) as url:
        answers = []
        for number in range(4):
            fields = {"username": "nobody", "secretkey": "x", "channel": "posters"}
            answers.append(code(url, "GetImages", fields, headers={"X-Forwarded-For": f"10.0.0.{number}"}))
        assert answers == [20001, 20001, 20015, 20015]


@pytest.mark.parametrize(
    "written",
    ["{}:4711", "{}", " {} ", '"{}"', "[::ffff:{}]:80", "::ffff:{}"],
    ids=str,
)
def test_forwarded_addresses_are_read_in_every_form(written: str) -> None:
    address = ClientAddress(["10.0.0.0/8"])

    def asked(*chain: str) -> str:
        headers = [(b"x-forwarded-for", ", ".join(chain).encode())]
        return address(Request({"type": "http", "client": ("10.0.0.1", 1), "headers": headers}))

    assert asked("6.6.6.6", written.format("192.0.2.7")) == "192.0.2.7"
    assert asked("192.0.2.7", written.format("10.9.9.9")) == "192.0.2.7"  # a second proxy of ours
    assert asked("[2001:db8::1]:99") == asked("2001:db8::2%eth0") == "2001:db8::/64"


def test_get_image_is_limited_for_strangers_only(data_dir: Path) -> None:
    secret = populate_key(data_dir)
    target = {"channel": "posters", "identifier": "poster1"}
    with threaded_folder(data_dir, anonymous_rate=0.4) as url:
        assert [code(url, "GetImage", target) for _ in range(3)] == [0, 0, 20015]
        login = {"username": "shop", "secretkey": secret}
        assert [code(url, "GetImage", login | target) for _ in range(4)] == [0] * 4


def test_buckets_leak() -> None:
    now = 0.0
    table = BucketTable()
    buckets = Buckets("any", burst=2, rate=0.5, table=table, clock=lambda: now)
    assert [buckets.take("a") for _ in range(3)] == [True, True, False]
    assert buckets.take("b")
    now = 2.0
    assert [buckets.take("a") for _ in range(2)] == [True, False]
    table.close()


def test_photos_that_match_nothing_are_kept_on_request(data_dir: Path, tmp_path: Path) -> None:
    login = {"username": "shop", "secretkey": populate_key(data_dir)}
    with threaded_folder(data_dir, save_misses=tmp_path / "misses") as url:
        for photo in (photo_of(1), photo_of(9)):
            assert code(url, "FindImage", login, photo) == 0
    (kept,) = (tmp_path / "misses").iterdir()
    assert kept.read_bytes() == photo_of(9)


def test_the_vendors_slip_is_served_on_request(data_dir: Path) -> None:
    login = {"username": "shop", "secretkey": populate_key(data_dir)}
    with threaded_folder(data_dir, findimage_level="channel") as url:
        assert call(url, "FindImage", login, photo_of(1))["level"] == "posters"
        named = call(url, "FindImage", login | {"channel": "posters"}, photo_of(1))
        assert named["level"] in range(1, 6)


def test_what_cannot_be_served_is_said(tmp_path: Path, capfdbinary: Any) -> None:
    data_dir = tmp_path / "data"

    def serve_fails(data_dir: Path, *options: str) -> tuple[int, str]:
        status = main(["--data-dir", str(data_dir), "serve", "--json", *options])
        return status, json.loads(capfdbinary.readouterr().out)["errors"][0]["message"]

    config = tmp_path / "serve.toml"
    config.write_text("nonsense = 1")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        status, message = serve_fails(data_dir, "--port", port)
        assert (status, "cannot listen" in message) == (2, True)
        status, message = serve_fails(data_dir, "--port", "0", "--metrics-port", port)
        assert (status, "metrics cannot be served" in message) == (2, True)
    assert serve_fails(data_dir, "--tls-cert", str(config))[0] == 2
    assert serve_fails(data_dir, "--tls-cert", str(config), "--tls-key", str(config))[0] == 2
    status, message = serve_fails(data_dir, "--config", str(config))
    assert (status, "nonsense" in message) == (2, True)


@pytest.mark.parametrize(
    "text",
    [
        "port = 70000",
        "port = 'x'",
        "workers = 0",
        "port = true",
        "cors_origins = [1]",
        "public_url = 'ftp://x'",
        "compat.findimage_level = 'both'",
        "compat = 1",
        "compat.other = 1",
        "queue = 1.5",
        "= 3",
        "trusted_proxies = ['not an address']",
        "grace_seconds = -1",
        "time_zone = 'Mars/Olympus'",
        "anonymous_rate = nan",
        "body_seconds = inf",
        "request_rate = 1" + "0" * 400,
        "failures_per_address = 0",
    ],
)
def test_settings_that_make_no_sense_are_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "serve.toml"
    file.write_text(text)
    with pytest.raises(ArcliError) as caught:
        load_options(file, {"data_dir": tmp_path})
    assert caught.value.exit_status == 2


def test_flags_go_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "serve.toml"
    lines = ['compat.findimage_level = "channel"', "port = 1000", 'host = "::1"', "body_seconds = 5"]
    file.write_text("\n".join([*lines, 'tls_cert = "c.pem"', 'tls_key = "k.pem"']))
    options = load_options(file, {"data_dir": tmp_path, "port": 2000})
    assert (options.port, options.base_url) == (2000, "https://[::1]:2000")
    assert options.findimage_level == "channel"
    assert (options.tls_cert, options.body_seconds) == (tmp_path / "c.pem", 5.0)


@pytest.fixture
def arcli(tmp_path: Path) -> Callable[..., str]:
    def run(*words: str, stdin: str = "", status: int = 0) -> str:
        command = [sys.executable, "-m", "arcli", "--data-dir", str(tmp_path / "first"), *words]
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, env=clean_env(), check=False
        )
        assert done.returncode == status, done.stderr
        return done.stdout

    return run


def test_the_first_run_of_a_newcomer(tmp_path: Path, arcli: Callable[..., str]) -> None:
    """The path of docs/how-to/server.md."""
    made = json.loads(arcli("account", "add", "shop", "--json"))["data"]
    assert made["username"] == "shop"
    arcli("channel", "create", "posters", "--owner", "shop")
    picture = tmp_path / "poster1.png"
    picture.write_bytes(poster(1))
    arcli("add", str(picture), "--channel", "posters")
    imported = json.loads(
        arcli(
            "account",
            "add",
            "old",
            "--secretkey-file",
            "-",
            "--channel",
            "posters",
            "--json",
            stdin="s3cret\n",
        )
    )
    assert imported["data"]["secretkey"] is None
    arcli("account", "add", "shop", status=6)
    listed = json.loads(arcli("account", "ls", "--json"))["data"]["accounts"]
    assert [account["username"] for account in listed] == ["old", "shop"]
    assert made["secretkey"] not in json.dumps(listed)
    with serving(tmp_path / "first") as served:
        for username, secretkey in (("shop", made["secretkey"]), ("old", "s3cret")):
            login = {"username": username, "secretkey": secretkey}
            assert call(served.url, "FindImage", login, photo_of(1))["identifier"] == "poster1"
        assert served.started["public_channels"] == ["posters"]
        picture.write_bytes(poster(2))
        arcli("add", str(picture), "--id", "second", "--channel", "posters")
        assert call(served.url, "FindImage", login, photo_of(2))["identifier"] == "second"
        rotated = json.loads(arcli("account", "rotate", "shop", "--json"))["data"]["secretkey"]
        for secretkey, expected in ((made["secretkey"], 20001), (rotated, 0)):
            login = {"username": "shop", "secretkey": secretkey, "channel": "posters"}
            assert code(served.url, "GetImages", login) == expected


def test_answers_are_sent_without_waiting_for_acknowledgements(tmp_path: Path) -> None:
    options, listener = listen(load_options(None, {"data_dir": tmp_path, "port": 0}))
    with listener, socket.create_connection((options.host, options.port)):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def test_the_access_log_tells_no_secret(data_dir: Path, caplog: pytest.LogCaptureFixture) -> None:
    secret = populate_key(data_dir)
    login = {"username": "shop", "secretkey": secret, "channel": "posters"}
    with caplog.at_level(logging.INFO), threaded_folder(data_dir, access_log=True) as url:
        assert code(url, "GetImages", login) == 0
        for path in (f"/GetImages?secretkey={secret}", f"/pictures/{secret}/posters/poster1"):
            send(url, path, None, None, method="GET")
    lines = [
        json.loads(record.getMessage()) for record in caplog.records if record.name.endswith("requests.log")
    ]
    first, second, third = lines
    assert (first["call"], first["code"], first["who"], first["status"]) == ("GetImages", "0", "shop", 200)
    assert (len(first["key"]), first["from"], first["ms"] > 0, first["bytes"] > 0) == (
        8,
        "127.0.0.1",
        True,
        True,
    )
    assert (second["method"], second["path"], second["code"]) == ("GET", "/GetImages", "29001")
    assert (third["path"], third["status"]) == ("/pictures/…/posters/poster1", 404)
    assert secret not in caplog.text


def test_the_memory_of_indexes_is_shared_by_the_workers(tmp_path: Path) -> None:
    options = load_options(None, {"data_dir": tmp_path, "workers": 4, "memory_limit": 4 * 2**30})
    assert options.index_memory == 2**30
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert load_options(None, {"data_dir": tmp_path, "workers": 2}).index_memory == machine // 4
    with pytest.raises(ArcliError, match="memory_limit is a number of at least 1"):
        load_options(None, {"data_dir": tmp_path, "memory_limit": 0})


@pytest.mark.parametrize("size", ["", "0", "0G", "-1", "1.5G", "4X", "٣G", "many"])
def test_a_memory_limit_that_is_no_size_is_refused(size: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", f"--memory-limit={size}"]) == 2
    assert f"--memory-limit {size!r} is not a size" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("size", "number"), [("1", 1), ("2k", 2048), ("512M", 2**29), ("4GiB", 2**32), (" 1TB", 2**40)]
)
def test_sizes_are_read_as_people_write_them(size: str, number: int) -> None:
    assert _bytes(size) == number


def test_the_gauges_of_an_ended_worker_leave_the_sum_and_its_counts_stay(tmp_path: Path) -> None:
    """Each process writes its own files; the supervisor forgets one that has ended."""
    worker = (
        "import os\nfrom arcli.server.metrics import Metrics\n"
        "metrics = Metrics()\nmetrics.watch(photos=lambda: 5, body_bytes=lambda: 7, index_bytes=lambda: 9)\n"
        "metrics.answered('FindImage', '0', 0.1)\nmetrics.sample()\nprint(os.getpid())\n"
    )
    summed = (
        "import os, sys\nfrom prometheus_client import CollectorRegistry, generate_latest\n"
        "from prometheus_client.multiprocess import MultiProcessCollector\n"
        "from arcli.server.metrics import MULTIPROCESS, forget_process\n"
        "[forget_process(int(pid)) for pid in sys.argv[1:]]\n"
        "registry = CollectorRegistry()\nMultiProcessCollector(registry, path=os.environ[MULTIPROCESS])\n"
        "print(generate_latest(registry).decode())\n"
    )

    def run(script: str, *words: str) -> str:
        environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
        command = [sys.executable, "-c", script, *words]
        return subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout

    first, second = run(worker).strip(), run(worker).strip()
    assert "arcli_photo_jobs 10.0" in run(summed)
    left = run(summed, first)
    assert "arcli_photo_jobs 5.0" in left
    assert "arcli_body_bytes 7.0" in left
    assert 'arcli_requests_total{call="FindImage",returncode="0"} 2.0' in left
    assert "arcli_photo_jobs" not in run(summed, second)
