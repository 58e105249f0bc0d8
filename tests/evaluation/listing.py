"""Photos of made-up posters, and the list that says what they show."""

from __future__ import annotations

from pathlib import Path

from ..engine.conftest import photo_of


def write_listing(folder: Path, *, unlike: str) -> Path:
    """Write four photos and photos.csv: of one poster, two, an unregistered one labelled `unlike`, none."""
    lines = ["photo,identifier"]
    for name, seeds, shown in (
        ("one.jpg", [1], "poster1"),
        ("two.jpg", [2, 3], "poster2;poster3"),
        ("unlike.jpg", [9], unlike),
        ("none.jpg", [8], ""),
    ):
        (folder / name).write_bytes(photo_of(*seeds))
        lines.append(f"{name},{shown}")
    path = folder / "photos.csv"
    path.write_text("\n".join(lines))
    return path
