"""The requirements in pyproject.toml, in the form that pip reads. Needs only Python.

group NAME     the requirements of a dependency group (pip before 25.1 does not know --group)
lowest EXTRAS  constraints: the lowest declared version of each requirement of package and EXTRAS (a,b,c)
pins           the versions installed with the running Python, without arcli itself
compiled EXTRAS
               what package and EXTRAS need, pinned as in constraints.txt, less what has no wheel (hnswlib),
               for `pip install --no-deps` on a machine without a compiler
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distributions, requires
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_PAST = re.compile(
    r"python_(?:full_)?version\s*<\s*['\"]3\.1[01]?['\"]"
)  # markers of Pythons that arcli does not run on
_WITHOUT_WHEEL = {"hnswlib"}
_COMPILED_HEAD = (
    '# Written by tools/requirements.py: see docs/how-to/install.md, "A machine without a compiler".'
)
_LOWER_BOUND = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?\s*>=\s*([0-9][^,;\s]*)")
_NOT_PINNED = {PROJECT["project"]["name"], "pip", "setuptools", "wheel"}


def group(name: str) -> list[str]:
    """Return the requirements of one dependency group."""
    return list(PROJECT["dependency-groups"][name])


def lowest(extras: Iterable[str]) -> list[str]:
    """Return a constraint for each declared lower bound, sorted. Raises SystemExit if one is missing."""
    optional = PROJECT["project"]["optional-dependencies"]
    declared = [*PROJECT["project"]["dependencies"], *(line for extra in extras for line in optional[extra])]
    return sorted({_lower_bound(requirement) for requirement in declared})


def _lower_bound(requirement: str) -> str:
    match = _LOWER_BOUND.match(requirement)
    if match is None:
        raise SystemExit(f"no lower bound in: {requirement}")
    return f"{match[1]}>={match[2]},<{match[2]}.1"  # not ==: OpenCV's 4.9 is called 4.9.0.80


def pins() -> list[str]:
    """Return `name==version` of everything that is installed here, sorted."""
    found = {d.metadata["Name"].lower().replace("_", "-"): d.version for d in distributions()}
    return [f"{name}=={version}" for name, version in sorted(found.items()) if name not in _NOT_PINNED]


def compiled(extras: Iterable[str]) -> list[str]:
    """Return `name==version` of what wheels of the index provide, a comment first. Needs it installed."""
    optional = PROJECT["project"]["optional-dependencies"]
    waiting = [*PROJECT["project"]["dependencies"], *(line for extra in extras for line in optional[extra])]
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    pinned = dict(line.split("==") for line in lines)
    found: dict[str, str] = {}
    while waiting:
        requirement, _, marker = waiting.pop().partition(";")
        name = _NAME.match(requirement)[0].lower().replace("_", "-")  # type: ignore[index]
        if name in found or name in _WITHOUT_WHEEL or "extra" in marker or _PAST.search(marker):
            continue
        where = f" ; {marker.strip()}" if marker else ""
        found[name] = (f"{name}=={pinned[name]}" if name in pinned else name) + where
        try:
            waiting += requires(name) or []
        except PackageNotFoundError:  # another system's
            continue
    return [_COMPILED_HEAD, *(found[name] for name in sorted(found))]


def main(arguments: list[str]) -> None:
    match arguments:
        case ["group", name]:
            lines = group(name)
        case ["lowest", extras]:
            lines = lowest(extras.split(","))
        case ["compiled", extras]:
            lines = compiled(extras.split(","))
        case ["pins"]:
            lines = pins()
        case _:
            raise SystemExit(__doc__)
    print("\n".join(lines))


if __name__ == "__main__":
    main(sys.argv[1:])
