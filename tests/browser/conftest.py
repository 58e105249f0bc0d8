"""A server with the sample gallery, and a headless Chromium that may use a fake camera."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from arcli.engine import LocalGallery
from arcli.models import AddItem, ChannelSettings, KeyRequest, Picture, Scope
from arcli.store.accounts import Accounts
from tests.server.threaded import threaded_folder

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make pages")
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright  # noqa: E402

ROOT = Path(__file__).parent.parent.parent
SAMPLES = ROOT / "samples"
CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser" in str(item.path):
            item.add_marker(pytest.mark.browser)


@dataclass
class Site:
    """A running server with the channels `samples` and `empty` of the account `shop`."""

    url: str
    data_dir: Path
    secret: str
    find_key: str

    def scan(self, key: str | None = None, more: str = "") -> str:
        return f"{self.url}/scan#u=shop&k={self.find_key if key is None else key}{more}"


@dataclass
class Watch:
    """What a page did that it should not: errors in its console, requests to elsewhere."""

    console: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    data_dir = tmp_path_factory.mktemp("site") / "data"
    with Accounts(data_dir) as accounts, LocalGallery(data_dir) as gallery:
        secret = accounts.add_account(username="shop").secretkey
        for name in ("samples", "empty"):
            gallery.create_channel(name=name, settings=ChannelSettings(owner="shop"))
        metadata = {"card": '{"url": "https://example.org/card.html", "title": "Card"}'}
        metadata["peanuts"] = '{"url": "javascript:document.title=\\"broken\\""}'
        items = [
            AddItem(
                picture=Picture(name=file.name, data=file.read_bytes()),
                identifier=file.stem,
                metadata=metadata.get(file.stem),
            )
            for file in sorted((SAMPLES / "gallery").iterdir())
            if file.stem in ("card", "bear", "peanuts", "webcam", "trex")
        ]
        for result in gallery.add_many(channel="samples", items=items):
            assert result.error is None
        find_key = accounts.add_key(username="shop", key=KeyRequest(scope=Scope.FIND)).secretkey
    with threaded_folder(data_dir) as url:
        yield Site(url, data_dir, secret, find_key)


@pytest.fixture(scope="session")
def chromium() -> str:
    if CHROMIUM is None:
        assert not os.environ.get("ARCLI_NEEDS_CHROMIUM"), "Chromium should have been installed"
        pytest.skip("Chromium is not installed: tools/browser.sh")
    return CHROMIUM


Opener = Callable[..., Page]


@pytest.fixture(scope="session")
def launch(chromium: str) -> Iterator[Callable[..., Browser]]:
    """Start browsers; the one without a fake camera is shared."""
    with sync_playwright() as player, ExitStack() as stack:

        @cache
        def launch_(film: Path | None) -> Browser:
            flags = [*FLAGS]
            if film is not None:
                flags += [
                    "--use-fake-device-for-media-stream",
                    "--use-fake-ui-for-media-stream",
                    f"--use-file-for-fake-video-capture={film}",
                ]
            return stack.enter_context(_closing(player.chromium.launch(executable_path=chromium, args=flags)))

        yield launch_


@pytest.fixture
def open_page(launch: Callable[..., Browser]) -> Iterator[Opener]:
    """Open pages in new browsers; at the end no console error and no request to elsewhere was seen."""
    with ExitStack() as stack:
        watches: list[Watch] = []

        def open_(
            url: str,
            *,
            film: Path | None = None,
            size: tuple[int, int] = (1280, 800),
            script: str = "",
            allow: str = "",
            **more: object,
        ) -> Page:
            browser = launch(film)
            context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **more)  # type: ignore[arg-type]
            stack.callback(context.close)
            if script:
                context.add_init_script(script)
            watches.append(_watched(context, url, allow))
            page = context.new_page()
            page.set_default_timeout(30_000)
            page.goto(url)
            return page

        yield open_
        assert [line for watch in watches for line in watch.console] == []
        assert [line for watch in watches for line in watch.elsewhere] == []


def until(page: Page, condition: str, *, seconds: float = 40) -> None:
    """Wait for a condition of the page; its wait_for_function would need what the content policy forbids."""
    end = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < end, (
            f"never true: {condition}; the page says: {page.inner_text('body')[:500]}"
        )
        page.wait_for_timeout(50)


@contextmanager
def _closing(browser: Browser) -> Iterator[Browser]:
    try:
        yield browser
    finally:
        browser.close()


def _watched(context: BrowserContext, url: str, allow: str) -> Watch:
    """Note errors and foreign requests; `allow`: part of a console message that the test causes."""
    watch, origin = Watch(), "/".join(url.split("/")[:3])

    def console(kind: str, text: str) -> None:
        if kind in ("error", "warning") and not (allow and allow in text):
            watch.console.append(f"{kind}: {text}")

    context.on("console", lambda message: console(message.type, message.text))
    context.on("weberror", lambda error: watch.console.append(str(error.error)))
    context.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((origin, "blob:", "data:"))
            else watch.elsewhere.append(request.url)
        ),
    )
    return watch
