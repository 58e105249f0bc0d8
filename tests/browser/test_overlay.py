"""What lies upon the target, links, how politely a page asks, and the tracker by itself, without time."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Page, Route

from tests.browser.conftest import SAMPLES, Opener, Site, until
from tests.browser.video import HEIGHT, WIDTH, film

MAGENTA = (255, 0, 255)


def answering(page: Page, url: str) -> None:
    """Have the server answer with metadata that name an address."""

    def answer(route: Route) -> None:
        body = route.fetch().json()
        for match in body.get("matches", []):
            match["metadata"] = json.dumps({"url": url})
        route.fulfill(json=body)

    page.route("**/FindImage", answer)


def frames_of(film_path: Path) -> list[NDArray[np.uint8]]:
    reader, frames = cv2.VideoCapture(str(film_path)), []
    while (frame := reader.read())[0]:
        frames.append(frame[1])
    return frames


def coloured(kind: str, folder: Path) -> bytes:
    """Return a picture or a video that shows one colour."""
    pixels = np.full((120, 160, 3), MAGENTA, np.uint8)
    if kind == "png":
        return cv2.imencode(".png", pixels)[1].tobytes()
    path = folder / "clip.webm"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"VP80"), 10, (160, 120))
    for _ in range(20):
        writer.write(pixels)
    writer.release()
    return path.read_bytes()


def seen_corners(page: Page) -> NDArray[np.float64]:
    """Return the corners of what is magenta on the screen, in pixels of the photo."""
    shot = cv2.imdecode(np.frombuffer(page.locator("#stage").screenshot(), np.uint8), cv2.IMREAD_COLOR)
    assert shot is not None
    mask = (np.abs(shot.astype(int) - MAGENTA).max(axis=2) < 70).astype(np.uint8)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    largest = max(contours, key=cv2.contourArea)
    corners = cv2.approxPolyDP(largest, 0.03 * cv2.arcLength(largest, True), True)[:, 0]
    assert len(corners) == 4, corners
    return corners * (WIDTH / shot.shape[1])


@pytest.mark.parametrize("kind", ["png", "webm"])
def test_a_picture_or_video_is_laid_upon_the_target(
    site: Site, open_page: Opener, tmp_path: Path, kind: str
) -> None:
    still = film(SAMPLES / "gallery/bear.jpg", tmp_path / "still.mjpeg", moving=False)
    photo = tmp_path / "photo.png"
    cv2.imwrite(str(photo), frames_of(still.path)[0])
    page = open_page(site.scan(), size=(1000, 900))
    address = f"{site.url}/media/one.{kind}"
    answering(page, address)
    kinds = {"png": "image/png", "webm": "video/webm"}
    body = coloured(kind, tmp_path)
    page.route(address, lambda route: route.fulfill(body=body, content_type=kinds[kind]))
    page.set_input_files("#file", photo)
    page.wait_for_selector("#result h2:text-is('bear')")
    assert page.locator("#media > *").count() == 0, "nothing is loaded before somebody asks for it"
    page.click("#result button:has-text('Show it on the picture')")
    size = "e.videoWidth && e.readyState >= 2" if kind == "webm" else "e.naturalWidth"
    until(page, f"(() => {{ const e = document.querySelector('#media > *'); return {size}; }})()")
    corners, truth = seen_corners(page), np.array(still.truth[0])
    for corner in truth:
        assert np.linalg.norm(corners - corner, axis=1).min() < 10, (corners, truth)
    page.click("#result button:has-text('Take it away')")
    assert page.locator("#media > *").count() == 0


def test_a_model_is_offered_as_a_link_and_not_loaded(site: Site, open_page: Opener) -> None:
    page = open_page(site.scan())
    answering(page, "https://example.org/thing.glb")
    page.set_input_files("#file", SAMPLES / "photos/card_on_table.jpg")
    link = page.locator("#result a:has-text('Open the 3D model')")
    link.wait_for()
    assert link.get_attribute("href") == "https://example.org/thing.glb"
    assert "noopener" in str(link.get_attribute("rel"))
    assert page.locator("#result button").count() == 0


OTHERS = ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "\tjavascript:alert(1)", "data:text/html,x", "//x"]


@pytest.mark.parametrize("url", OTHERS)
def test_an_address_of_another_kind_is_never_a_link(site: Site, open_page: Opener, url: str) -> None:
    page = open_page(site.scan())
    answering(page, url)
    page.set_input_files("#file", SAMPLES / "photos/card_on_table.jpg")
    page.wait_for_selector("#result h2:text-is('card')")
    assert page.locator("#result a, #result button").count() == 0


# A scanner over a canvas instead of a video; timers are noted, and fire at once.
SCANNER = """async (task) => {
  const { Scanner, RecognitionError } = await import("/pages/arcli.js");
  const seen = { delays: [], calls: 0, now: 0, most: 0, troubles: 0 };
  let hidden = task === "hidden";
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
  const video = document.createElement("canvas");
  Object.assign(video, { readyState: 4, videoWidth: 64, videoHeight: 48 });
  const real = window.setTimeout;
  let over;
  const end = new Promise((resolve) => { over = resolve; });
  window.setTimeout = (act, ms) => {
    seen.delays.push(ms);
    if (seen.delays.length === 12) over();
    return real(act, 0);
  };
  const find = async () => {
    seen.calls += 1;
    seen.most = Math.max(seen.most, (seen.now += 1));
    await new Promise((resolve) => real(resolve, 5));
    seen.now -= 1;
    if (task === "busy") throw new RecognitionError("busy");
    return { matches: [] };
  };
  const scanner = new Scanner({ video, find });
  scanner.addEventListener("trouble", () => { seen.troubles += 1; });
  scanner.start();
  await end;
  const before = seen.calls;
  hidden = false;
  document.dispatchEvent(new Event("visibilitychange"));
  while (seen.calls === before) await new Promise((resolve) => real(resolve, 5));
  scanner.stop();
  window.setTimeout = real;
  return { ...seen, before };
}"""


def scanner(open_page: Opener, site: Site, task: str) -> dict[str, Any]:
    seen: dict[str, Any] = open_page(f"{site.url}/scan").evaluate(SCANNER, task)
    return seen


def test_one_request_at_a_time_with_a_pause_after_each(site: Site, open_page: Opener) -> None:
    seen = scanner(open_page, site, "find")
    assert seen["most"] == 1
    assert seen["before"] >= 10
    assert set(seen["delays"]) == {300}


def test_a_busy_server_is_asked_less_and_less(site: Site, open_page: Opener) -> None:
    seen = scanner(open_page, site, "busy")
    assert seen["delays"][:7] == [1000, 2000, 4000, 8000, 15000, 15000, 15000]
    assert seen["most"] == 1


def test_a_hidden_page_asks_nothing_until_it_is_seen_again(site: Site, open_page: Opener) -> None:
    seen = scanner(open_page, site, "hidden")
    assert seen["before"] == 0
    assert seen["calls"] >= 1


# Follows a quad through frames (gray, base64) that come late; where it was drawn, null once it is lost.
TRACK = """async ({ frames, quad, width, height }) => {
  const { Tracker, grayFrame } = await import("/pages/arcli.js");
  const [first, ...others] = frames.map((text) => {
    const gray = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const data = new Uint8ClampedArray(4 * gray.length);
    gray.forEach((value, i) => data.fill(value, 4 * i, 4 * i + 3));
    return grayFrame({ data, width, height });
  });
  const tracker = new Tracker(first);
  return others.map((frame, i) => {
    const moves = tracker.advance(frame);
    if (i === 1) tracker.restrict(quad); // the answer comes when two frames have passed
    return moves && i > 1 ? tracker.locate(quad) : null;
  });
}"""


@pytest.mark.parametrize("name", ["card.png", "bear.jpg", "webcam.jpg"])
def test_an_outline_is_right_or_absent_however_late_frames_come(
    site: Site, open_page: Opener, tmp_path: Path, name: str
) -> None:
    """The film pans and zooms; frames are left out, as on a slow phone."""
    moving = film(SAMPLES / "gallery" / name, tmp_path / "moving.mjpeg")
    page, frames = open_page(f"{site.url}/scan"), frames_of(moving.path)
    shown = {}
    for gap in (1, 4, 10, 30):
        numbers = [(15 + gap * step) % len(frames) for step in range(24)]
        drawn = page.evaluate(TRACK, tracked(frames, moving.truth, numbers))
        off = [
            float(np.linalg.norm(2 * np.array(quad) - moving.truth[number], axis=1).max())
            for number, quad in zip(numbers[1:], drawn, strict=True)
            if quad is not None
        ]
        assert max(off, default=0.0) < 10, (gap, off)
        shown[gap] = len(off)
    assert min(shown[1], shown[4]) >= 20, shown


def tracked(frames: list[NDArray[np.uint8]], truth: list[Any], numbers: list[int]) -> dict[str, Any]:
    size = (WIDTH // 2, HEIGHT // 2)
    small = [cv2.resize(cv2.cvtColor(frames[number], cv2.COLOR_BGR2GRAY), size) for number in numbers]
    return {
        "frames": [base64.b64encode(frame.tobytes()).decode() for frame in small],
        "quad": [[x / 2, y / 2] for x, y in truth[numbers[0]]],
        "width": size[0],
        "height": size[1],
    }
