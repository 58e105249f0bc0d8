"""The web pages in Chromium: how soon /scan is ready and has recognised what a fake camera shows, how exactly
the outline lies, how large the pages are, and Lighthouse's scores.

Run it by `make bench-pages`; ARGS: --runs N, --output FILE.json. --picture FILE.webp writes, and does nothing
else, what a phone shows of /scan when it has recognised a sample photo. Needed is what tools/browser.sh
installs.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from arcli.engine import LocalGallery
from arcli.models import AddItem, KeyRequest, Picture, Scope
from arcli.server.pages.static import page_files
from arcli.store.accounts import Accounts
from arcli.vision.opencv import cv2
from benchmarks.results import ROOT, describe_run, print_table, write_json
from benchmarks.size_server import served
from tests.browser.audit import lighthouse
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.browser.video import RECORDER, Film, errors, film

NEAR = 10  # px of the film, 640 x 480: how near the outline has to be
FOLLOWED = 90  # outlines that are judged in a run, after the first
SAMPLES = ROOT / "samples/gallery"
CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


def fill(data_dir: Path) -> None:
    with LocalGallery(data_dir) as gallery:
        for file in sorted(SAMPLES.iterdir()):
            item = AddItem(picture=Picture(name=file.name, data=file.read_bytes()), identifier=file.stem)
            gallery.add(channel="default", item=item)


def scanned(browser: Browser, link: str, shown: Film) -> dict[str, float]:
    """Open /scan in a browser without cache, start the camera, and follow what it recognises."""
    context = browser.new_context()
    context.add_init_script(RECORDER)
    page = context.new_page()
    received: list[int] = []
    page.on("response", lambda response: received.append(len(response.body())))
    page.goto(link)
    page.click("#camera")
    ready = page.evaluate("performance.getEntriesByName('ready')[0].startTime")
    loaded = sum(received)
    drawn = _drawn(page, shown)
    context.close()
    off = errors(drawn, shown.truth)
    first = next(place for place, error in enumerate(off) if error < NEAR)
    later = zip(drawn[first + 1 :], drawn[first:], off[first + 1 :], strict=False)
    between = [error for now, before, error in later if now["answers"] == before["answers"]]
    return {
        "ready_ms": ready,
        "recognised_ms": drawn[first]["at"],
        "median_px": statistics.median(between),
        "largest_px": max(between),
        "bytes": loaded,
    }


def _drawn(page: Page, shown: Film) -> list[dict[str, Any]]:
    """Wait until the outline was near for the first time, and some seconds more."""
    while True:
        page.wait_for_timeout(50)
        drawn: list[dict[str, Any]] = page.evaluate("window.drawn")
        near = [place for place, error in enumerate(errors(drawn, shown.truth)) if error < NEAR]
        if near and len(drawn) > near[0] + FOLLOWED:
            return drawn


def measured(link: str, film_: Film, runs: int) -> list[dict[str, float]]:
    flags = [*FLAGS, *CAMERA, f"--use-file-for-fake-video-capture={film_.path}"]
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=flags)
        found = [scanned(browser, link, film_) for _ in range(runs)]
        browser.close()
    return found


def pictured(link: str, path: Path) -> None:
    """Write a screenshot of /scan, of a phone's size, with a sample photo recognised, as WebP."""
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS])
        page = browser.new_page(viewport={"width": 390, "height": 640}, device_scale_factor=2)
        page.goto(link)
        page.set_input_files("#file", ROOT / "samples/photos/card_on_table.jpg")
        page.wait_for_selector("#result h2")
        shot = cv2.imdecode(np.frombuffer(page.screenshot(), np.uint8), cv2.IMREAD_COLOR)
        browser.close()
    path.write_bytes(cv2.imencode(".webp", shot, [cv2.IMWRITE_WEBP_QUALITY, 80])[1].tobytes())


def summary(runs: list[dict[str, float]]) -> dict[str, Any]:
    """Return the median and the worst of each figure."""
    return {
        name: {
            "median": round(statistics.median(run[name] for run in runs), 1),
            "worst": round(max(run[name] for run in runs), 1),
        }
        for name in runs[0]
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--output", type=Path, default=ROOT / "bench-results/pages.json")
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        fill(place / "data")
        film_ = film(SAMPLES / "card.png", place / "card.mjpeg")
        with served(place / "data", "default") as (site, _):
            with Accounts(place / "data") as accounts:
                key = accounts.add_key(username="shop", key=KeyRequest(scope=Scope.FIND)).secretkey
            url = f"http://127.0.0.1:{site.port}"
            link = f"{url}/scan#u=shop&k={key}"
            if options.picture:
                pictured(link, options.picture)
                return
            runs = measured(link, film_, options.runs)
            scores = {
                page.split("#")[0].rpartition("/")[2]: lighthouse(page, place)[0]
                for page in (link, f"{url}/gallery")
            }
    sizes = {file.path: len(file.content) for file in page_files() if "/samples/" not in file.path}
    figures = {
        **describe_run(),
        "runs": options.runs,
        "scan": summary(runs),
        "all_pages_bytes": sum(sizes.values()),
    }
    write_json(options.output, {**figures, "lighthouse": scores})
    heads = ("figure", "median", "worst")
    print_table(heads, [(name, one["median"], one["worst"]) for name, one in figures["scan"].items()])
    print(f"\nall files of both pages: {figures['all_pages_bytes']:,} bytes")
    for page, categories in scores.items():
        print(f"Lighthouse, /{page}: {', '.join(f'{name} {score}' for name, score in categories.items())}")


if __name__ == "__main__":
    main()
