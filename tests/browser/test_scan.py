"""/scan as a person uses it: a fake camera or a chosen photo is recognised, and the quad stays in place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Route

from tests.browser.conftest import SAMPLES, Opener, Site, until
from tests.browser.video import RECORDER, errors, film


def start(page: Any) -> None:
    page.click("#camera")
    until(page, "document.querySelector('#result h2')?.textContent === 'card'")


def test_a_still_picture_is_recognised_and_outlined(site: Site, open_page: Opener, tmp_path: Path) -> None:
    still = film(SAMPLES / "gallery/card.png", tmp_path / "still.mjpeg", moving=False)
    page = open_page(site.scan(), film=still.path, script=RECORDER)
    start(page)
    until(page, "window.drawn.length > 5")
    assert max(errors(page.evaluate("window.drawn"), still.truth)) < 10
    assert page.get_attribute("#result a", "href") == "https://example.org/card.html"
    assert "%" in page.inner_text("#result .quiet")


def test_the_outline_stays_on_the_target_between_answers(
    site: Site, open_page: Opener, tmp_path: Path
) -> None:
    """The film pans and zooms; frames after an answer and before the next one are judged."""
    moving = film(SAMPLES / "gallery/card.png", tmp_path / "moving.mjpeg")
    page = open_page(site.scan(), film=moving.path, script=RECORDER)
    start(page)
    until(page, "window.drawn.length > 60 && window.answers >= 3")
    drawn = page.evaluate("window.drawn")
    assert len({one["number"] for one in drawn}) > 20
    between = [
        one for one, before in zip(drawn[1:], drawn, strict=False) if one["answers"] == before["answers"]
    ]
    assert len(between) > 30
    assert max(errors(between, moving.truth)) < 10


def test_a_chosen_photo_is_looked_up_without_a_camera(site: Site, open_page: Opener) -> None:
    page = open_page(site.scan())
    page.set_input_files("#file", SAMPLES / "photos/card_on_table.jpg")
    page.wait_for_selector("#result h2:text-is('card')")
    assert len(str(page.get_attribute("#quads polygon", "points")).split()) == 4


def test_a_slow_answer_to_an_earlier_photo_is_not_shown(site: Site, open_page: Opener) -> None:
    page = open_page(site.scan())
    held: list[Route] = []
    page.route("**/FindImage", lambda route: route.continue_() if held else held.append(route))
    with page.expect_request("**/FindImage"):
        page.set_input_files("#file", SAMPLES / "photos/card_on_table.jpg")
    page.set_input_files("#file", SAMPLES / "photos/peanuts_in_clutter.png")
    page.wait_for_selector("#result h2:text-is('peanuts')")
    quad = page.get_attribute("#quads polygon", "points")
    with page.expect_response("**/FindImage"):
        held[0].continue_()
    page.wait_for_timeout(200)
    assert page.inner_text("#result h2") == "peanuts"
    assert page.get_attribute("#quads polygon", "points") == quad


def test_a_script_address_in_metadata_is_not_offered(site: Site, open_page: Opener) -> None:
    page = open_page(site.scan())
    page.set_input_files("#file", SAMPLES / "photos/peanuts_in_clutter.png")
    page.wait_for_selector("#result h2:text-is('peanuts')")
    assert page.locator("#result a").count() == 0
    assert "broken" not in page.title()
    assert "javascript:" in str(page.text_content("#result pre"))


@pytest.mark.parametrize(
    ("language", "words"), [("en-GB", "Account and key are not right"), ("zh-CN", "账号或密钥不正确")]
)
def test_a_key_that_ended_is_explained(site: Site, open_page: Opener, language: str, words: str) -> None:
    page = open_page(site.scan("no such key"), locale=language)
    page.set_input_files("#file", SAMPLES / "photos/shoes.jpg")
    page.wait_for_selector(f"#status.error:has-text('{words}')")


def test_no_match_is_no_error(site: Site, open_page: Opener) -> None:
    page = open_page(site.scan())
    page.set_input_files("#file", SAMPLES / "photos/shoes.jpg")
    page.wait_for_selector("#status:not(.error):has-text('No match')")


def test_without_a_camera_a_sentence_says_what_to_do(site: Site, open_page: Opener) -> None:
    page = open_page(site.scan(), permissions=["camera"])
    page.click("#camera")
    page.wait_for_selector("#status.error:has-text('No camera was found')")


REFUSED = """if (navigator.mediaDevices)
  navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no", "NotAllowedError"));"""
INSECURE = """Object.defineProperty(window, "isSecureContext", {value: false});"""


@pytest.mark.parametrize(
    ("script", "words"), [(REFUSED, "was not allowed to use"), (INSECURE, "https pages only")]
)
def test_a_camera_that_may_not_be_used_is_explained(
    site: Site, open_page: Opener, script: str, words: str
) -> None:
    page = open_page(site.scan(), script=script)
    page.click("#camera")
    page.wait_for_selector(f"#status.error:has-text('{words}')")


def test_offline_and_busy_are_told_and_scanning_goes_on(
    site: Site, open_page: Opener, tmp_path: Path
) -> None:
    still = film(SAMPLES / "gallery/card.png", tmp_path / "still.mjpeg", moving=False)
    page = open_page(site.scan(), film=still.path, allow="Failed to load resource")
    busy = '{"returncode": 20015, "error": {"code": "busy", "message": "too many photos"}}'
    page.route("**/FindImage", lambda route: route.fulfill(body=busy))
    page.click("#camera")
    page.wait_for_selector("#status.error:has-text('The server is busy')")
    page.unroute("**/FindImage")
    page.context.set_offline(True)
    page.wait_for_selector("#status.error:has-text('You are offline')")
    page.context.set_offline(False)
    page.wait_for_selector("#result h2:text-is('card')")


def test_without_a_key_the_page_asks_for_one(site: Site, open_page: Opener) -> None:
    page = open_page(f"{site.url}/scan")
    page.fill("[name=u]", "shop")
    page.fill("[name=k]", site.find_key)
    page.click("#key button")
    page.wait_for_selector("#scanner:visible")
    assert "k=" not in page.url.partition("#")[0]
