"""Keep the Chinese pages in step with the English ones: code, outputs, headings, tables, lists and pictures.

python docs/translations.py writes the code blocks of each English page into its Chinese one; --check only
compares. Comments in shell commands may be translated.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
CHINESE = {"README.md": "README.zh-CN.md", "docs/tutorial.md": "docs/zh/tutorial.md"} | {
    f"docs/how-to/{name}.md": f"docs/zh/{name}.md"
    for name in ("bulk", "leaving-a-vendor", "pages", "server", "targets")
}
_BLOCK = re.compile(r"^```\w*\n(?:(?!```).*\n)*```$|(?<=\n\n) {4,}\S.*(?:\n {4,}\S.*)*", re.MULTILINE)
_COMMENT = re.compile(r"(?<=\S) +# .*$", re.MULTILINE)


def blocks(page: str) -> list[str]:
    """Return the code of a page: fenced blocks, and indented ones after an empty line."""
    return [found[0] for found in _BLOCK.finditer(page)]


def differences(english: str, chinese: str) -> list[str]:
    """Return what one page has and the other lacks."""
    found = []
    for what, one, two in (
        ("code", _bare(blocks(english)), _bare(blocks(chinese))),
        ("headings", _counted(r"^#+(?= )", english), _counted(r"^#+(?= )", chinese)),
        ("rows of tables", _counted(r"^\|", english), _counted(r"^\|", chinese)),
        ("items of lists", _counted(r"^(?:-|\d+\.) ", english), _counted(r"^(?:-|\d+\.) ", chinese)),
        ("pictures", _pictures(english), _pictures(chinese)),
    ):
        if one != two:
            at = next(
                (n for n, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two))
            )
            found.append(
                f"{what}, number {at + 1}: {one[at : at + 1]} in English, {two[at : at + 1]} in Chinese"[:500]
            )
    return found


def _bare(code: list[str]) -> list[str]:
    return [_COMMENT.sub("", block) for block in code]


def _counted(pattern: str, page: str) -> list[str]:
    return re.findall(pattern, _BLOCK.sub("", page), re.MULTILINE)


def _pictures(page: str) -> list[str]:
    return [Path(place).name for place in re.findall(r"!\[[^]]*\]\(([^)]+)\)", page)]


def followed(english: str, chinese: str) -> str:
    """Return the Chinese page with the English one's code, where that differs. Raises ValueError."""
    code, own = blocks(english), blocks(chinese)
    if len(code) != len(own):
        raise ValueError(f"{len(code)} blocks of code in English, {len(own)} in Chinese")
    texts = iter(
        ours if _bare([ours]) == _bare([theirs]) else theirs for theirs, ours in zip(code, own, strict=True)
    )
    return _BLOCK.sub(lambda _: next(texts), chinese)


def main(words: list[str]) -> int:
    """Write or check; return the exit status."""
    wrong = 0
    for english, chinese in CHINESE.items():
        page, path = (ROOT / english).read_text(encoding="utf-8"), ROOT / chinese
        if "--check" not in words:
            path.write_text(followed(page, path.read_text(encoding="utf-8")), encoding="utf-8")
        for problem in differences(page, path.read_text(encoding="utf-8")):
            print(f"{chinese}: {problem}", file=sys.stderr)
            wrong = 1
    return wrong


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
