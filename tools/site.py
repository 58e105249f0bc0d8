"""Check the built site: nothing is loaded from elsewhere, links lead somewhere. python tools/site.py DIR"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_LOADED = {("link", "href"), *((tag, "srcset") for tag in ("img", "source"))}
_IN_STYLE = re.compile(r"(?:url\(|@import)\s*['\"]?([^'\")\s;]+)")
_POLICY = "default-src 'self'"


class Page(HTMLParser):
    """What a page loads, what it links to, which anchors it has, and its policy for browsers."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.policy = ""
        self.feed(text)
        self.loads += _IN_STYLE.findall(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        self.loads += [value for name, value in values.items() if name == "src" or (tag, name) in _LOADED]
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if values.get("http-equiv", "").lower() == "content-security-policy":
            self.policy = values["content"]


def foreign(page: Page) -> list[str]:
    """Return what a page would load from another host, and a line if no policy keeps browsers from it."""
    found = [address for address in page.loads if urlsplit(address).netloc]
    return found + ([] if page.policy.startswith(_POLICY) else ["no Content-Security-Policy"])


def broken(site: Path) -> Iterator[str]:
    """Yield each page's loads from elsewhere, and its links and pictures that lead nowhere."""
    pages = {file: Page(file.read_text(encoding="utf-8")) for file in sorted(site.rglob("*.html"))}
    for file, page in pages.items():
        yield from (f"{file.relative_to(site)}: {problem}" for problem in foreign(page))
        for address in page.links + page.loads:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc or address.startswith("/") or file.name == "404.html":
                continue
            aim = (file.parent / unquote(parts.path)).resolve() if parts.path else file.resolve()
            aim = aim / "index.html" if aim.is_dir() else aim
            there = pages.get(site.resolve() / aim) if aim.suffix == ".html" else None
            known = (
                there is None or not parts.fragment or unquote(parts.fragment) in there.anchors | {"__top"}
            )
            if not aim.exists() or not known:
                yield f"{file.relative_to(site)}: {address} leads nowhere"
    for style in site.rglob("*.css"):
        found = _IN_STYLE.findall(style.read_text(encoding="utf-8"))
        yield from (f"{style.relative_to(site)}: {url}" for url in found if urlsplit(url).netloc)


def main(site: Path) -> int:
    """Print what is wrong; return the exit status."""
    problems = list(broken(site.resolve()))
    print(
        "\n".join(problems) or f"{len(list(site.rglob('*.html')))} pages, nothing from elsewhere", flush=True
    )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
