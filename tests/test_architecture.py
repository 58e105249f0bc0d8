"""docs/explanation/architecture.md names existing files; each package and wing says what belongs in it."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from arcli.app import main
from arcli.console.formats import SINKS, Sink
from arcli.engine import LocalGallery
from arcli.settings import Format, Kind

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "explanation" / "architecture.md").read_text(encoding="utf-8")
_SPEC = importlib.util.spec_from_file_location("structure", ROOT / "tools" / "structure.py")
assert _SPEC is not None
assert _SPEC.loader is not None
structure = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(structure)
PACKAGES = sorted((ROOT / "arcli").rglob("__init__.py"))


def test_each_file_that_the_page_names_is_there() -> None:
    names = set(re.findall(r"`((?:[a-z_]+/)*[a-z_]+\.py)`", PAGE))
    assert len(names) > 20
    there = [str(path.relative_to(ROOT)) for path in ROOT.glob("[a-z]*/**/*.py")]
    assert not {name for name in names if not any(f"/{path}".endswith(f"/{name}") for path in there)}


@pytest.mark.parametrize("path", PACKAGES, ids=lambda path: str(path.parent.relative_to(ROOT)))
def test_a_package_says_what_lives_in_it(path: Path) -> None:
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert said is not None
    assert len(said) > 40


def test_the_picture_shows_each_wing() -> None:
    picture = (ROOT / "docs" / "explanation" / "house.svg").read_text(encoding="utf-8")
    assert not {path.parent.name for path in PACKAGES if path.parent.name not in picture} - {"arcli"}


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").glob("*.py")), ids=lambda path: path.stem)
def test_benchmarks_reach_the_product_by_its_public_names_and_patch_nothing(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    ours: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("arcli"):
            names = [alias.name for alias in node.names]
            assert not [name for name in [*names, *str(node.module).split(".")] if name.startswith("_")]
            ours |= {alias.asname or alias.name for alias in node.names}
        assert not (isinstance(node, ast.ImportFrom) and node.module == "unittest.mock")
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ours:
            assert not node.attr.startswith("_"), f"line {node.lineno}"
            assert isinstance(node.ctx, ast.Load), f"line {node.lineno}: it sets {node.value.id}.{node.attr}"


def test_each_function_and_method_that_a_walk_names_is_there() -> None:
    walks = PAGE[PAGE.index("## Four walks") :]
    assert len(re.findall(r"^\*\*", walks, re.MULTILINE)) == 4
    functions = set(re.findall(r"`([a-z]+_[a-z_]+)`", walks))
    methods = set(re.findall(r"`Gallery\.([a-z_]+)`", walks))
    assert functions
    assert methods >= {"find_many", "add", "add_many", "statistics"}
    sources = _sources()
    assert not {name for name in functions | methods if f"def {name}(" not in sources}


def test_the_house_stays_as_tidy_as_it_is() -> None:
    """At most 45 short modules, one full folder and three class names that stand in two files."""
    house = structure.House(ROOT)
    lines = house.modules()
    folders = Counter(house.files[name].parent for name in lines)
    assert sum(count < structure.SHORT for count in lines.values()) <= 45
    assert sum(count > structure.MANY for count in folders.values()) <= 1
    assert len(house.classes()) <= 3
    assert len(house.longest_chain("arcli.index")) > 1


HOMES = {
    "picture format": "arcli/vision/decoding",
    "return code": "arcli/protocols/arcloud",
    "kind of index": "arcli/index",
    "output format": "arcli/console",
    "backend": "arcli/remote",
}


@pytest.mark.parametrize("thing", HOMES)
def test_what_may_be_added_has_one_folder_that_says_how(thing: str) -> None:
    home = HOMES[thing]
    (row,) = [line for line in PAGE.splitlines() if re.match(rf"\| an? {thing} \|", line)]
    assert f"`{home}`" in row.split("|")[2]
    said = ast.get_docstring(ast.parse((ROOT / home / "__init__.py").read_text(encoding="utf-8"))) or ""
    assert re.search(rf"new\s+({thing.replace(' ', chr(92) + 's+')})", said)
    for name in re.findall(r"`([A-Z][A-Za-z]+)`", row):
        assert re.search(rf"^(class )?{name}\b", _sources(), re.MULTILINE), name


def _sources() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "arcli").rglob("*.py"))


def test_no_kind_of_index_is_known_by_name_outside_its_folder_and_the_command_line() -> None:
    kinds = re.compile(r"IndexKind\.(FLAT|HNSW|IVF)")
    places = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "arcli").rglob("*.py")
        if kinds.search(path.read_text(encoding="utf-8"))
    }
    assert places == {"arcli/index/segment.py"}


def test_each_output_format_and_each_backend_is_registered_once() -> None:
    assert set(SINKS) == set(Format)
    connect = (ROOT / "arcli" / "connect.py").read_text(encoding="utf-8")
    assert {kind for kind in Kind if f"Kind.{kind.name}: _" in connect} == set(Kind)
    named = re.compile(r"^ *from arcli\.(remote\.arcloud|remote\.tupu|engine)\b", re.MULTILINE)
    for path in [*(ROOT / "arcli" / "commands").rglob("*.py"), *(ROOT / "arcli" / "bulk").rglob("*.py")]:
        assert not named.search(path.read_text(encoding="utf-8")), f"{path} names a backend"


def test_a_made_up_output_format_needs_its_line_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Shouting(Sink[Any]):
        """Writes the names of items in capitals."""

        def item(self, item: Any, /) -> None:
            self.write("".join(f"{name.upper()}!\n" for name in self.view.names(item)))

    monkeypatch.setitem(SINKS, Format.IDS, lambda view, streams, _: Shouting(view, streams.write))
    monkeypatch.setenv("ARCLI_DATA_DIR", str(tmp_path / "data"))
    with LocalGallery(tmp_path / "data") as gallery:
        gallery.create_channel(name="posters")
    assert (main(["channel", "ls", "-f", "ids"]), capsys.readouterr().out) == (0, "POSTERS!\n")


FACTS = {
    "the number or the layout of a format of ours": (
        "ALIKE CODEBOOK CODES CODE_DIM DEFAULT_PRESET ENVELOPE_VERSION EXACT INDEX_DIM NO_ROW PAGE_SIZE "
        "PEPPER_BYTES SECRET_BYTES _ALIGNED _CODE_BYTES _DIGEST _EIGHTH _FIXED _FORMAT _FORMATS _LEVELS "
        "_OCTAVE _ORDINAL_BITS _POINT_BYTES _SEED _TURN"
    ),
    "a file format's or a library's own numbers": (
        "HEAD_BYTES OLDEST_SQLITE _ADAM7 _ALONE _ARENA_MAX _AT_ONCE _BOM _BYTES _CHANNELS _COMPRESSION "
        "_COPIES _END _FILLERS _HEADER _HEADROOM _HEIGHT _INCREMENTAL _LINK_BYTES _LONGS _MMAP_THRESHOLD "
        "_NODE_OVERHEAD _ORIENTATION _PHOTOMETRIC _PLANAR _RAW_BITS _ROWS _SAMPLES _SHORTS _SHOWN _STRIPS "
        "_TILES _TILE_HEIGHT _TILE_WIDTH _LOCKED_BYTE _TRIM_THRESHOLD _WIDTH "
        "KEYS_PER_ROW _BULLSEYE _CARRIER _LOCK"
    ),
    "a protocol's codes, statuses and limits": (
        "BLACK FRESHNESS LARGEST_PAGE MOST_BODY_BYTES MOST_CHANNELS MOST_PICTURES MOST_PICTURE_BYTES "
        "NONCE_MEMORY NOT_IN_GALLERY SERVER_KEY_BITS WHITE _EVERY_CALL _ISATAP _MILLISECONDS_FROM "
        "_PASSING _REDIRECTS"
    ),
    "an exit status": ("BUG EXHAUSTED INTERRUPTED NOTHING_MATCHED SOME_FAILED _BUG _OPERATORS"),
    "a limit that users rely on, in docs": (
        "FIELD_BYTES HIGHEST_THRESHOLD LONGEST METADATA_LIMIT NAME_LIMIT PICTURE_BYTES_LIMIT SHORTEST "
        "_DAYS _IMPORTED_LIMIT _SECONDS _SLOWEST"
    ),
    "a bound that only what is broken or hostile reaches": (
        "LINE_LIMIT RECORD_LIMIT _DEEPEST _IMPLAUSIBLE _LEAST _LONGEST _MOST _MOST_BYTES _MOST_HEADER "
        "_NONCE_LIMIT _SOME_FILES _TRIES"
    ),
    "how much is read, written or waited for at a time": ("_BLOCK _CHUNK _MOMENT _PAGE _PIECE"),
    "colours, units, places": ("MIB _COLOURS _DARK _OWN_FOLDERS _PAPER _WHITE"),
}


def test_numbers_that_are_tuned_are_fields_with_a_range() -> None:
    """A number at the top of a module is a fact; what can be chosen stands in its component's dataclass."""
    facts = {name for names in FACTS.values() for name in names.split()}
    found = {
        name.id: path.name
        for path in (ROOT / "arcli").rglob("*.py")
        for statement in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(statement, ast.Assign | ast.AnnAssign) and _is_number(statement.value)
        for name in ast.walk(statement)
        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
    }
    assert {name: place for name, place in found.items() if name not in facts} == {}
    assert facts - set(found) == set(), "these are gone"


def _is_number(node: ast.expr | None) -> bool:
    match node:
        case ast.Constant(value=bool()):
            return False
        case ast.Constant(value=int() | float()):
            return True
        case ast.UnaryOp(operand=operand):
            return _is_number(operand)
        case ast.BinOp(left=left, right=right):
            return _is_number(left) or _is_number(right)
        case ast.Tuple(elts=many) | ast.List(elts=many) | ast.Set(elts=many) | ast.Dict(values=many):
            return bool(many) and all(map(_is_number, many))
    return False


WINGS = ("vision", "engine", "index", "store", "server")
PLAIN = {*range(5), 8, 10, 16, 32, 64, 100, 127, 128, 255, 256, 360, 1000, 1024, 1_000_000, 0.5, 0.01}
"""Halves and wholes, powers of two and ten, gray levels, a circle; 1/100 bounds what is divided."""
FACTS_IN_FUNCTIONS: dict[str, dict[str, list[float]]] = {
    "a code's marks, a file format's or a library's own numbers": {
        "search.py": [7, 0.125],
        "pillow.py": [5, 6, 12, 20],
        "png_rows.py": [12, 24, 25, 28],
        "raster.py": [5, 31, 65535.0],
        "strips.py": [274],
        "tiff_strips.py": [7, 12, 42],
        "thumbnail.py": [0xE0, 0xF0, 0xFE],
        "ivf.py": [0xFFFFFFFF],
        "renew.py": [28, 40],
        "rescue.py": [5],
        "reserve.py": [5],
        "schema.py": [6, 160000],
        "targets.py": [9, 31],
        "milvus.py": [24],
        "connections.py": [12],
    },
    "an HTTP status, a port, a file's mode": {
        "app.py": [503],
        "routes.py": [200, 201, 401, 405],
        "static.py": [304],
        "answers.py": [200],
        "options.py": [65536],
        "serve.py": [65535],
        "newcomer.py": [9],
        "witness.py": [0o666],
        "catalog.py": [0o700],
        "files.py": [0o700],
        "ivf.py": [0o700],
        "log.py": [0o700],
        "backup_folder.py": [0o600, 0o700],
        "backup.py": [0o600],
        "leftovers.py": [0o600],
    },
    "what a unit of ours means": {
        "draw.py": [26],
        "labels.py": [22, 640],
        "agreement.py": [180],
        "verify.py": [100_003],
        "refine.py": [6, 9],
        "enrolment.py": [5],
        "tones.py": [5, 6],
        "score.py": [20.0],
        "admin.py": [9],
        "hnsw.py": [30],
        "segment.py": [30],
        "fold_plan.py": [30],
        "index_builder.py": [20],
    },
    "what bounds only what is broken": {"geometry.py": [5]},
}


def test_a_tuned_number_stands_in_no_function() -> None:
    """Numbers in the bodies of functions are plain ones, guards of a division, or facts of their module."""
    found: dict[str, set[float]] = {}
    for wing in WINGS:
        for path in (ROOT / "arcli" / wing).rglob("*.py"):
            found.setdefault(path.name, set()).update(_numbers_in_functions(path))
    facts: dict[str, set[float]] = {}
    for names in FACTS_IN_FUNCTIONS.values():
        for name, numbers in names.items():
            facts.setdefault(name, set()).update(numbers)
    tuned = {name: sorted(numbers - facts.get(name, set())) for name, numbers in found.items()}
    assert {name: numbers for name, numbers in tuned.items() if numbers} == {}
    gone = {name: sorted(numbers - found.get(name, set())) for name, numbers in facts.items()}
    assert {name: numbers for name, numbers in gone.items() if numbers} == {}, "these are gone"


def _numbers_in_functions(path: Path) -> Iterator[float]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    shown = {
        number
        for node in ast.walk(tree)
        if isinstance(node, ast.Slice) and node.lower is None
        for number in ast.walk(node)
    }  # how much of a text is shown
    for function in functions:
        for node in ast.walk(function):
            number = node.value if isinstance(node, ast.Constant) else None
            if isinstance(number, int | float) and number not in PLAIN and node not in shown:
                yield from () if 0 < number <= 1e-3 else (number,)  # those keep a divisor from being zero


def test_each_range_is_beside_its_field() -> None:
    """A dataclass of tuned numbers names each of its fields, and gives a range, in its docstring."""
    kinds = re.compile(r"(Options|Tuning|Limits|Waits|Sizes|Pictures)$")
    silent = [
        f"{path.name}: {item.name}.{field.target.id}"
        for path in (ROOT / "arcli").rglob("*.py")
        for item in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(item, ast.ClassDef) and kinds.search(item.name) and item.name not in NOT_TUNED
        for field in item.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and _is_number(field.value)
        if not re.search(rf"\b{field.target.id}\b", ast.get_docstring(item) or "")
    ]
    assert silent == []


def test_values_are_bound_by_position_or_by_name() -> None:
    """A numbered placeholder given a sequence is deprecated since Python 3.12, and an error in 3.14."""
    assert not re.search(r"[(, =]\?[0-9]", _sources())


_SHELL = re.compile(r"(^|[\s(:])(--[a-z]|arcli [a-z]+ --|ulimit |pip install|chmod |run: )")


def test_a_hint_that_names_a_command_or_an_option_says_that_it_is_for_a_shell() -> None:
    """What a server can send to its callers; commands and the console speak to a shell only."""
    loose = []
    for path in (ROOT / "arcli").rglob("*.py"):
        if path.relative_to(ROOT).parts[1] in ("commands", "console", "bulk", "evaluation"):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        marks = [node for node in ast.walk(tree) if _is_call_of(node, "ShellHint")]
        marked = {part for mark in marks for part in ast.walk(mark)}
        parts = {part for hint in _hints(tree) for part in ast.walk(hint)} - marked
        texts = [part.value for part in parts if isinstance(part, ast.Constant)]
        loose += [f"{path.name}: {text}" for text in texts if isinstance(text, str) and _SHELL.search(text)]
    assert loose == []


def _is_call_of(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def _hints(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield what is given as a hint, or has a name from which it may be."""
    for node in ast.walk(tree):
        match node:
            case ast.keyword(arg="hint", value=value):
                yield value
            case ast.Call(func=ast.Attribute(attr="hinting"), args=values):
                yield from values
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name == "hint" or name.isupper():
                yield value
            case ast.AnnAssign(target=ast.Name(id="default_hint"), value=ast.expr() as value):
                yield value


NOT_TUNED = {"ServeOptions", "FindOptions", "AddOptions"}  # what users set: explained by the help of options


_IMPORTS = """
import importlib, logging, os, pkgutil, resource, signal, sys, threading, warnings

for library in ("cv2", "hnswlib", "PIL.Image", "httpx", "typer", "starlette.applications", "h11", "uvicorn",
                "prometheus_client", "python_multipart.multipart", "cryptography.hazmat.primitives.hashes"):
    importlib.import_module(library)
import cv2

def state():
    loggers = [logging.getLogger(), *map(logging.getLogger, sorted(logging.root.manager.loggerDict))]
    return {
        "environment": dict(os.environ),
        "threads": [thread.name for thread in threading.enumerate()],
        "signals": {int(number): str(signal.getsignal(number)) for number in signal.valid_signals()},
        "logging": {one.name: (one.level, len(one.handlers)) for one in loggers if one.level or one.handlers},
        "warnings": len(warnings.filters),
        "cv2": (cv2.utils.logging.getLogLevel(), cv2.getNumThreads()),
        "hooks": (sys.excepthook is sys.__excepthook__, threading.excepthook is threading.__excepthook__),
        "limits": (sys.getrecursionlimit(), resource.getrlimit(resource.RLIMIT_CORE)),
    }

written = []
def hook(event, args):
    if event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        written.append(str(args[0]))
    if event in ("os.mkdir", "os.putenv", "subprocess.Popen", "socket.connect", "sqlite3.connect", "os.fork"):
        written.append(f"{event} {args}")

before = state()
sys.addaudithook(hook)
import arcli
names = [module.name for module in pkgutil.walk_packages(arcli.__path__, "arcli.")]
for name in names:
    importlib.import_module(name)
after = state()
print(len(names), written, {key: (before[key], after[key]) for key in before if before[key] != after[key]})
"""


def test_importing_changes_nothing_that_belongs_to_the_start() -> None:
    """No thread, no file, no setting of OpenCV, of logging, of signals or of the environment."""
    command = [sys.executable, "-W", "default", "-B", "-c", _IMPORTS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    count, _, changed = done.stdout.strip().partition(" ")
    assert int(count) > 300
    assert changed == "[] {}"
