"""The requirements in pyproject.toml, in the form that pip reads. Needs only Python.

group NAME     the requirements of a dependency group (pip before 25.1 does not know --group)
lowest EXTRAS  constraints: the lowest declared version of each requirement of package and EXTRAS (a,b,c)
pins           the versions installed with the running Python, without arcli itself
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import distributions
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))
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


def main(arguments: list[str]) -> None:
    match arguments:
        case ["group", name]:
            lines = group(name)
        case ["lowest", extras]:
            lines = lowest(extras.split(","))
        case ["pins"]:
            lines = pins()
        case _:
            raise SystemExit(__doc__)
    print("\n".join(lines))


if __name__ == "__main__":
    main(sys.argv[1:])
