"""The pages are right: links lead somewhere, and nothing names the machine on which it was written."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("samples/*.md")])
_LINK = re.compile(r"\[[^]]*\]\(([^)#\s]*)(?:#([^)\s]+))?\)")
_CITED = re.compile(
    r'([\w./-]+)\.md(?:, "([^"]+)"|,? (steps?) (\d+)(?: and (\d+))?'
    r"|(,? decision|,? section|, [A-Z]\w+|, [\w-]+(?=\))))?"
)
_STEP = re.compile(r"^(\d+)\. \*\*", re.MULTILINE)
_MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:root|work|home/\w+|opt/pypi)/")


def anchors(page: Path) -> set[str]:
    """Return the anchors that a forge makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> list[str]:
    """Return the page's links to files or headings that are not there."""
    broken = []
    for target, anchor in _LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in target or target.startswith("mailto:"):
            continue
        file = page.parent / target if target else page
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
            broken.append(f"{target}#{anchor}" if anchor else target)
    return broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    assert broken_links(page) == []


def test_a_broken_link_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A heading\n[good](#a-heading) [gone](gone.md) [bad](page.md#nowhere)", encoding="utf-8"
    )
    assert broken_links(page) == ["gone.md", "page.md#nowhere"]


def test_every_page_of_docs_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    to_read = [ROOT / "README.md"]
    while to_read:
        page = to_read.pop().resolve()
        if page in seen or page.suffix != ".md" or not page.exists():
            continue
        seen.add(page)
        targets = (target for target, _ in _LINK.findall(page.read_text(encoding="utf-8")))
        to_read.extend(page.parent / target for target in targets if target and "://" not in target)
    assert [str(page.relative_to(ROOT)) for page in PAGES if page.resolve() not in seen] == []


def test_no_committed_text_names_a_path_of_the_machine_it_was_written_on() -> None:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True)
    for name in filter(None, listing.stdout.split("\0")):
        file = ROOT / name
        if file == Path(__file__) or not file.is_file():
            continue
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        assert not _MACHINE_PATHS.search(text), name


def test_no_committed_file_is_larger_than_2_mib() -> None:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True)
    files = [ROOT / name for name in listing.stdout.split("\0") if name]
    assert [f.name for f in files if f.is_file() and f.stat().st_size > 2 * 1024 * 1024] == []


def broken_citations(source: str) -> list[str]:
    """Return the pages, headings and steps that a module cites and that are not in docs/."""
    broken = []
    for found in _CITED.finditer(re.sub(r"\s*\n\s*(?:# )?", " ", source)):
        page, heading, step, *numbers, vague = found.groups()
        file = ROOT / f"{page}.md"
        if not page.startswith("docs/") or vague or not file.exists():
            broken.append(found[0])
            continue
        text = file.read_text(encoding="utf-8")
        headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        steps = _STEP.findall(text)
        if (heading and heading not in headings) or (step and not set(filter(None, numbers)) <= set(steps)):
            broken.append(found[0])
    return broken


def test_the_pages_that_the_code_cites_are_there_with_their_headings_and_steps() -> None:
    modules = sorted(ROOT.glob("arcli/**/*.py"))
    broken = {str(m.relative_to(ROOT)): broken_citations(m.read_text(encoding="utf-8")) for m in modules}
    assert {name: cited for name, cited in broken.items() if cited} == {}


@pytest.mark.parametrize(
    "cited",
    [
        'docs/gone.md, "Codes"',
        'docs/appendix/score.md, "Nowhere"',
        "docs/appendix/recognition.md, step 99",
        "docs/appendix/recognition.md, steps 6 and 99",
        "recognition.md, step 3",
        "protocols.md, decision 2",
        "docs/appendix/recognition.md, Steps, 3",
        "docs/appendix/recognition.md, look-alikes",
    ],
)
def test_a_citation_of_what_is_not_there_is_seen(cited: str) -> None:
    sound = '# (docs/appendix/score.md,\n    # "Codes"; docs/appendix/recognition.md, steps 6 and 10)'
    source = f'"""It is so ({cited})."""\n    {sound}'
    assert [cited.startswith(broken) for broken in broken_citations(source)] == [True]


_PAGE = (
    "<meta http-equiv='Content-Security-Policy' content=\"default-src 'self'\"><p id='here'>"
    "<a href='https://elsewhere.example/'>may be linked</a><a href='#here'>here</a>"
)


@pytest.mark.parametrize(
    ("added", "problem"),
    [
        ("", None),
        ("<script src='https://cdn.example/x.js'></script>", "https://cdn.example/x.js"),
        ("<link rel=preconnect href='//fonts.example'>", "//fonts.example"),
        ("<style>@import 'https://fonts.example/css'</style>", "https://fonts.example/css"),
        ("<a href='gone.html'>gone</a>", "gone.html leads nowhere"),
        ("<a href='page.html#nowhere'>gone</a>", "page.html#nowhere leads nowhere"),
    ],
)
def test_a_page_of_the_site_that_loads_from_elsewhere_or_leads_nowhere_is_seen(
    added: str, problem: str | None, tmp_path: Path
) -> None:
    (tmp_path / "page.html").write_text(_PAGE + added, encoding="utf-8")
    command = [sys.executable, str(ROOT / "tools" / "site.py"), str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == (0 if problem is None else 1)
    assert problem is None or f"page.html: {problem}" in ran.stdout


@pytest.mark.parametrize("page", ["README.md", "docs/explanation/how-it-works.md"])
def test_the_plot_of_time_and_its_words_have_the_figures_of_the_benchmark(page: str) -> None:
    rows = json.loads((ROOT / "docs/results/size.json").read_text())["sizes"]
    drawn = (ROOT / "docs/pictures/time.svg").read_text(encoding="utf-8")
    (words,) = re.findall(r"!\[([^]]*)\]\([./]*(?:docs/)?pictures/time\.svg\)", (ROOT / page).read_text())
    for row in rows:
        assert f">{row['find_cpu_ms']:.0f}<" in drawn, "run: python docs/figures.py time"
        assert re.search(rf"\b{row['find_cpu_ms']:.0f}\b", words) or row["targets"] in (1_000, 10_000)


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md", "docs/explanation/comparison.md"])
def test_the_table_of_other_ways_has_the_figures_of_the_benchmark(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    rows = [re.split(r" *[|] *", line.strip("| ")) for line in text.splitlines() if line.startswith("|")]
    for way in json.loads((ROOT / "docs/results/peers.json").read_text())["ways"]:
        right, cost = f"{100 * way['recall']:.0f} %", f"{way['find_cpu_ms']:,.0f} ms"
        wrong = (f"{way['wrong']} of {way['photos']}", f"{way['wrong']}/{way['photos']}")
        assert any(row[1:2] == [right] and row[2] in wrong and row[3] == cost for row in rows), way["way"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_plot_can_be_read_on_a_phone(page: Path) -> None:
    """A phone shows some 360 px: letters of a drawing that is shrunk to half its width are too small."""
    for name in re.findall(r"!\[[^]]*\]\(([^)]+\.svg)\)", page.read_text(encoding="utf-8")):
        head = (page.parent / name).read_text(encoding="utf-8")[:2000]
        width, unit = re.findall(r'<svg[^>]* width="([\d.]+)(pt)?"', head)[0]
        assert float(width) * (4 / 3 if unit else 1) <= 600, name
