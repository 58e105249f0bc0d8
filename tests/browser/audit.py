"""Two audits of a page: axe-core in the page itself, and Lighthouse, which starts its own Chromium."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import CHROMIUM, FLAGS, ROOT

_MODULES = ROOT / ".venv/axe/node_modules"
_AXE = _MODULES / "axe-core/axe.min.js"
_LIGHTHOUSE = _MODULES / "lighthouse/cli/index.js"
_TRIES = 3


def need(*, lighthouse: bool = False) -> None:
    """Skip the test where an audit is not installed; where everything should be, fail."""
    missing = not _AXE.exists() or (lighthouse and not (_LIGHTHOUSE.exists() and shutil.which("node")))
    if missing:
        assert not os.environ.get("ARCLI_NEEDS_CHROMIUM"), "the audits should have been installed"
        pytest.skip("axe-core or Lighthouse is not installed: tools/browser.sh")


def axe(page: Page, where: str) -> list[str]:
    """Return the violations that axe finds in a page as it is now."""
    page.evaluate(_AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run().then((result) => result.violations)")
    return [f"{where}: {one['id']}: {json.dumps(one['nodes'][0]['html'])[:200]}" for one in found]


def lighthouse(url: str, folder: Path, *only: str) -> tuple[dict[str, int], list[str]]:
    """Return the scores of Lighthouse's categories (all, or those named), 0 to 100, and what cost points.

    It simulates a phone, its network and a CPU four times slower. Where Chromium's trace of the page was
    incomplete, as happens on a busy machine, Lighthouse says "please run Lighthouse again": it is run again.
    """
    report = folder / "lighthouse.json"
    flags = " ".join(["--headless=new", *FLAGS])
    words = [url, "--quiet", "--output", "json", "--output-path", str(report), f"--chrome-flags={flags}"]
    words += [f"--only-categories={','.join(only)}"] if only else []
    environment = {**os.environ, "CHROME_PATH": str(CHROMIUM)}
    for _ in range(_TRIES):
        report.unlink(missing_ok=True)
        run = subprocess.run(
            ["node", str(_LIGHTHOUSE), *words], env=environment, capture_output=True, text=True
        )
        result = json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}
        failure = result.get("runtimeError") or (run.returncode and run.stderr[-2000:])
        if not failure:
            break
    assert not failure, f"{_TRIES} times, at last: {failure}"
    categories: dict[str, Any] = result["categories"]
    weak = [
        f"{name}: {result['audits'][one['id']]['title']}"
        for name, category in categories.items()
        for one in category["auditRefs"]
        if one["weight"] and (result["audits"][one["id"]]["score"] or 0) < 1
    ]
    return {name: round(100 * category["score"]) for name, category in categories.items()}, weak
