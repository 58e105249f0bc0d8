"""The pages by keyboard alone: everything can be reached, is seen to be focused, and focus is never lost."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page

from tests.browser.conftest import ROOT, Opener, Site
from tests.browser.test_gallery import signed_in

FOCUSED = """() => {
  const at = document.activeElement, shown = at.matches(".unseen") ? at.parentElement : at;
  const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(shown);
  const box = shown.getBoundingClientRect();
  const seen = (outlineStyle !== "none" && parseFloat(outlineWidth) > 0) || boxShadow !== "none";
  return { id: at.id, name: at.getAttribute("name"),
    label: at.getAttribute("aria-label") ?? at.textContent.trim(),
    body: at === document.body, seen: seen && box.width > 0 && box.height > 0 };
}"""
MOST = 60

Focused = dict[str, object]


def focused(page: Page) -> Focused:
    found: Focused = page.evaluate(FOCUSED)
    return found


def tab_to(page: Page, wanted: Callable[[Focused], bool]) -> Focused:
    """Press Tab until the wanted element has the focus; each on the way is seen to have it."""
    for _ in range(MOST):
        page.keyboard.press("Tab")
        now = focused(page)
        if now["body"]:
            continue  # the browser's own controls
        assert now["seen"], now
        if wanted(now):
            return now
    raise AssertionError("Tab never reached it")


def named(text: str) -> Callable[[Focused], bool]:
    return lambda now: text in (now["name"], now["id"], now["label"])


def press(page: Page, label: str) -> None:
    page.focus(f"[aria-label='{label}']")
    page.keyboard.press("Enter")


def test_the_gallery_is_used_by_keyboard_alone(site: Site, open_page: Opener) -> None:
    page = open_page(f"{site.url}/gallery")
    page.wait_for_selector("#signin:visible")
    tab_to(page, named("username"))
    page.keyboard.type("shop")
    tab_to(page, named("secretkey"))
    page.keyboard.type(site.secret)
    page.keyboard.press("Enter")
    page.wait_for_selector("#work:visible")
    page.select_option("#channel", "samples")
    page.wait_for_selector("li.card h2:has-text('bear')")
    tab_to(page, named("tab-targets"))
    page.keyboard.press("ArrowRight")
    assert page.get_attribute("#tab-targets", "aria-selected") == "false"
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector("li.card h2:has-text('bear')")
    tab_to(page, named("Edit: bear"))
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog:not([open])", state="attached")
    assert focused(page)["label"] == "Edit: bear"


def test_removing_leads_to_undo_and_back_to_the_target(site: Site, open_page: Opener) -> None:
    page = signed_in(site, open_page)
    press(page, "Remove: bear")
    page.wait_for_selector("#toast button:focus")
    assert focused(page)["label"] == "Undo"
    page.keyboard.press("Enter")
    page.wait_for_selector("[aria-label='Edit: bear']:focus")


def test_saving_leads_back_to_the_target(site: Site, open_page: Opener) -> None:
    page = signed_in(site, open_page)
    press(page, "Edit: trex")
    page.wait_for_selector("dialog[open]")
    tab_to(page, named("Save"))
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog:not([open])", state="attached")
    page.wait_for_selector("[aria-label='Edit: trex']:focus")


def test_the_dialog_of_a_target_says_what_could_be_better(site: Site, open_page: Opener) -> None:
    page = signed_in(site, open_page)
    page.click("[aria-label='Edit: webcam']")
    page.wait_for_selector("dialog[open] [aria-label='What could be better'] li:has-text('contrast')")
    page = signed_in(site, open_page, locale="zh-CN")
    page.click("[aria-label='编辑: webcam']")
    page.wait_for_selector("dialog[open] [aria-label='可以改进之处'] li:has-text('对比度低')")


def test_each_hint_has_chinese_words() -> None:
    rating = (ROOT / "arcli/vision/rating").glob("*.py")
    codes = {
        code for path in rating for code in re.findall(r'code="(\w+)"', path.read_text(encoding="utf-8"))
    }
    assert len(codes) > 10
    words = (ROOT / "arcli/server/pages/web/texts.zh.js").read_text(encoding="utf-8")
    assert {code for code in codes if f'"hint.{code}"' not in words} == set()


def test_each_control_of_scan_is_reached_and_seen(site: Site, open_page: Opener) -> None:
    page = open_page(site.scan())
    page.wait_for_selector("#scanner:visible")
    tab_to(page, named("camera"))
    tab_to(page, named("file"))
