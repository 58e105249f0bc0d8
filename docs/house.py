"""The architecture as a picture: the layers of pyproject.toml, which import-linter enforces, and packages."""

from __future__ import annotations

import tomllib
from html import escape
from pathlib import Path

ROOT = Path(__file__).parent.parent
WIDTH, MARGIN, GAP = 560, 8, 8
TITLE, LINE, PAD = 20, 15, 9
COLUMNS = 84  # letters across the whole width


def layers() -> list[list[str]]:
    """Return the rows of the contract, top first: the packages that stand side by side."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    (rows,) = (contract["layers"] for contract in contracts if contract["name"] == "Layers")
    return [[name.strip(" ()") for name in row.split("|")] for row in rows]


def wings(package: str) -> list[str]:
    """Return the packages inside a package, in order."""
    inside = (ROOT / "arcli" / package).glob("*/__init__.py")
    return sorted(path.parent.name for path in inside)


def wrapped(words: list[str], letters: int) -> list[str]:
    """Set words into lines of at most so many letters."""
    lines = [""]
    for word in words:
        longer = f"{lines[-1]} · {word}" if lines[-1] else word
        if len(longer) <= letters or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return [line for line in lines if line]


def box(x: float, y: float, width: float, height: float, name: str, lines: list[str]) -> str:
    parts = [
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="4"/>',
        f'<text class="name" x="{x + PAD:g}" y="{y + TITLE:g}">{escape(name)}</text>',
    ]
    for number, line in enumerate(lines, 1):
        at = y + TITLE + number * LINE
        parts.append(f'<text x="{x + PAD:g}" y="{at:g}">{escape(line)}</text>')
    return "\n".join(parts)


def house() -> str:
    """Return the picture as SVG text."""
    y, parts = MARGIN, list[str]()
    for row in layers():
        width = (WIDTH - 2 * MARGIN - GAP * (len(row) - 1)) / len(row)
        lines = [wrapped(wings(name), COLUMNS // len(row)) for name in row]
        height = TITLE + PAD + LINE * max(map(len, lines))
        for number, name in enumerate(row):
            parts.append(box(MARGIN + number * (width + GAP), y, width, height, name, lines[number]))
        y += height + GAP
    style = "rect{fill:#f4f1ea;stroke:#6b6355}text{font:12px sans-serif;fill:#3a352c}"
    style += ".name{font-weight:bold;font-size:14px}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + MARGIN - GAP}" role="img">'
    title = "<title>The packages of arcli: each imports only what stands below it</title>"
    return "\n".join([head, title, f"<style>{style}</style>", *parts, "</svg>"]) + "\n"
