"""Which proxy is asked, by every form of the variables that people have."""

from __future__ import annotations

import base64
import socket
from importlib.util import find_spec

import pytest

from arcli.errors import Unreachable, UsageError
from arcli.remote.http.proxies import proxy_for
from arcli.remote.http.transport import HttpTransport
from tests.fakes.arcloud import FakeVendor
from tests.fakes.http import Reply
from tests.remote.conftest import Connect

PROXY = {"HTTP_PROXY": "http://proxy.example:3128", "HTTPS_PROXY": "http://proxy.example:3128"}


@pytest.mark.parametrize(
    ("no_proxy", "url", "direct"),
    [
        ("[fd00::7]", "http://[fd00::7]:80/base", True),
        ("fd00::7", "https://[fd00:0:0::7]", True),
        ("fd00::/8", "https://[fd12::1]", True),
        ("fd00::/8", "https://[2001:db8::1]", False),
        ("[fd00::7]:8080", "http://[fd00::7]:8080", True),
        ("[fd00::7]:8080", "http://[fd00::7]", False),
        ("10.0.0.0/8, 192.168.1.0/24", "http://192.168.1.9", True),
        ("10.0.0.0/8", "http://11.0.0.1", False),
        ("10.0.0.0/8", "http://ten.example", False),
        ("example.com", "https://ar.example.com", True),
        (".example.com", "https://example.com", True),
        ("*.example.com", "https://a.b.example.com", True),
        ("example.com", "https://badexample.com", False),
        ("EXAMPLE.com:443", "https://example.com", True),
        ("example.com:8443", "https://example.com", False),
        ("other example.com", "https://example.com.", True),
        ("*", "https://anything.example", True),
        ("", "https://anything.example", False),
        ("not/a/network,,]", "https://anything.example", False),
        ("", "http://127.0.0.9:5", True),
        ("", "http://[::1]:5", True),
        ("", "https://localhost", True),
    ],
)
def test_what_is_asked_directly(no_proxy: str, url: str, direct: bool) -> None:
    assert (proxy_for(url, {**PROXY, "NO_PROXY": no_proxy}) is None) is direct


@pytest.mark.parametrize(
    ("value", "url", "auth"),
    [
        ("proxy.example:3128", "http://proxy.example:3128", None),
        ("http://[fd00::1]:3128/", "http://[fd00::1]:3128", None),
        ("http://me:p#w/d?@proxy.example:1", "http://proxy.example:1", ("me", "p#w/d?")),
        ("http://me:p%23w@h:1", "http://h:1", ("me", "p#w")),
        ("me:a@b:c@h:1", "http://h:1", ("me", "a@b:c")),
        ("https://me@h", "https://h", ("me", "")),
    ],
)
def test_proxies_as_people_write_them(value: str, url: str, auth: tuple[str, str] | None) -> None:
    proxy = proxy_for("https://ar.example", {"all_proxy": value})
    assert proxy is not None
    assert (proxy.url, proxy.auth) == (url, auth)
    assert "p#w" not in repr(proxy)


@pytest.mark.parametrize(
    "value",
    ["nonsense://x:1", "http://::1:3128", "http://u:hush@h:port", "http://", "http://h:0", "http://a b:1"],
)
def test_a_proxy_that_cannot_be_used_is_named_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", value)
    monkeypatch.delenv("https_proxy", raising=False)
    with pytest.raises(UsageError, match=r"^HTTPS_PROXY: ") as refused:
        HttpTransport("https://ar.example")
    assert "hush" not in str(refused.value)
    HttpTransport("https://localhost").close()


@pytest.mark.skipif(find_spec("socksio") is not None, reason="the package for SOCKS proxies is installed")
@pytest.mark.parametrize("value", ["socks5://h:1080", "SOCKS5H://h"])
def test_socks_without_its_package_is_a_usage_error(value: str) -> None:
    with pytest.raises(UsageError, match=r"^ALL_PROXY: a SOCKS proxy needs the package socksio"):
        proxy_for("https://ar.example", {"ALL_PROXY": value})


def test_small_letters_go_first_and_empty_ones_do_not_count() -> None:
    environ = {"http_proxy": " ", "HTTP_PROXY": "http://one:1", "all_proxy": "http://two:2"}
    http, https = proxy_for("http://ar.example", environ), proxy_for("https://ar.example", environ)
    assert (http and http.url, https and https.url) == ("http://one:1", "http://two:2")


def test_credentials_with_any_character_reach_the_proxy(
    vendor: FakeVendor, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", vendor.url.replace("http://", "http://me:p#w@"))
    vendor.faults = [lambda request: Reply.of({"returncode": 0, "totalcount": 0})]
    connect("http://arcloud.invalid").list(channel="default")
    expected = "Basic " + base64.b64encode(b"me:p#w").decode()
    assert vendor.requests[0].headers["proxy-authorization"] == expected


def test_a_proxy_that_is_not_there_is_named(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{unused.getsockname()[1]}"
        monkeypatch.setenv("http_proxy", f"http://me:secret@{place}")
        with pytest.raises(Unreachable, match=f"through the proxy http://{place}") as caught:
            connect("http://arcloud.invalid").list(channel="default")
    assert "http_proxy" in str(caught.value.hint)
    assert "secret" not in f"{caught.value.message}{caught.value.hint}"
