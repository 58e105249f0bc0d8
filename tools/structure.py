"""Numbers of the house: modules, short ones, class names in several files, the longest import chain per wing.

Run from the root of a checkout: python tools/structure.py [FOLDER], the folder that holds `arcli`.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

SHORT = 60  # lines
MANY = 24  # modules of a folder


class House:
    """The modules below `root`/arcli by dotted name; `imports`: those of arcli that each imports."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files = {_dotted(path, root): path for path in sorted((root / "arcli").rglob("*.py"))}
        self.trees = {name: ast.parse(path.read_text("utf-8")) for name, path in self.files.items()}
        self.imports = {name: set(self._imported(tree)) for name, tree in self.trees.items()}

    def _imported(self, tree: ast.AST) -> Iterator[str]:
        for node in ast.iter_child_nodes(tree):
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
                continue
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "arcli":
                names = (f"{node.module}.{alias.name}" for alias in node.names)
                yield from (name if name in self.files else str(node.module) for name in names)
            yield from self._imported(node)

    def modules(self) -> dict[str, int]:
        """Return the lines of each module that is not an `__init__`."""
        plain = {name: path for name, path in self.files.items() if path.name != "__init__.py"}
        return {name: path.read_text("utf-8").count("\n") for name, path in plain.items()}

    def classes(self) -> list[str]:
        """Return the class names that stand in several files."""
        places = defaultdict(set)
        for module, tree in self.trees.items():
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef):
                    places[node.name].add(module)
        return sorted(name for name, modules in places.items() if len(modules) > 1)

    def longest_chain(self, wing: str) -> list[str]:
        """Return the longest chain of imports between the modules of a wing."""
        inside = {name for name in self.modules() if name.startswith(f"{wing}.")}
        known: dict[str, list[str]] = {}

        def chain(module: str) -> list[str]:
            if module not in known:
                known[module] = [module]  # what imports in a circle ends here
                below = [chain(name) for name in self.imports[module] & inside - {module}]
                known[module] = [module, *max(below, key=len, default=[])]
            return known[module]

        return max((chain(name) for name in sorted(inside)), key=len, default=[])


def _dotted(path: Path, root: Path) -> str:
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def main() -> None:
    house = House(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
    lines = house.modules()
    folders = Counter(house.files[name].parent for name in lines)
    print(f"{len(house.files)} files, {sum(lines.values()):,} lines in {len(lines)} modules")
    print(f"under {SHORT} lines: {sum(count < SHORT for count in lines.values())}")
    print(f"class names in several files: {', '.join(house.classes()) or 'none'}")
    full = [f"{path.name} ({count})" for path, count in folders.items() if count > MANY]
    print(f"folders of more than {MANY} modules: {', '.join(full) or 'none'}")
    for wing in sorted({name.rpartition(".")[0] for name in lines if name.count(".") == 2}):
        steps = house.longest_chain(wing)
        print(f"{wing}: {len(steps)}: {' > '.join(step.removeprefix(f'{wing}.') for step in steps)}")


if __name__ == "__main__":
    main()
