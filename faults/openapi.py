"""Our OpenAPI description, tried by schemathesis: what it says of every operation, and what it does not."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from faults.report import Progress
from faults.site import site

EXAMPLES = 200  # for an operation, in the full run
_LEFT_OUT = "positive_data_acceptance"
"""What fits the schema may still be refused: a picture without details, a name of unassigned letters."""


def described(progress: Progress, path: Path, _minutes: float, _most: int | None) -> Progress:
    """Run schemathesis with the key of an account that owns channels."""
    began = time.monotonic()
    with site() as place, tempfile.TemporaryDirectory(prefix="arcli-openapi-") as scratch:
        pair = base64.b64encode(f"shop:{place.secrets['shop']}".encode()).decode()
        words = ["run", f"{place.url.rstrip('/')}/arcli/v1/openapi.json", "--no-color"]
        words += ["--header", f"Authorization: Basic {pair}", "--seed", str(progress.seed)]
        words += ["--max-examples", str(round(EXAMPLES * progress.share)), "--exclude-checks", _LEFT_OUT]
        command = [str(Path(sys.executable).with_name("schemathesis")), *words]
        done = subprocess.run(command, capture_output=True, text=True, cwd=scratch)
    generated = re.search(r"([0-9,]+) generated", done.stdout)
    progress.done = int(generated[1].replace(",", "")) if generated else 0
    progress.phases = {"all operations": progress.done}
    if done.returncode or not progress.done:
        progress.problems = [line for line in done.stdout.splitlines() if line.startswith(("- ", "____"))]
        progress.problems = progress.problems or [(done.stdout + done.stderr)[-2000:]]
    progress.complete, progress.seconds = True, round(time.monotonic() - began, 1)
    progress.save(path)
    return progress
