"""Measure four walks through the house: a photo, an upload, a row of a manifest, a Statistics request.

Each is run once to warm up, and once with every call between modules of arcli noted. A step is a module that
calls a function of another, counted once however often it happens; a climb is a step into a module that
imports, directly or not, the one that calls; an entry is one of the functions by which a module is entered.
What all layers share (models, errors, ...) is left out, and so is what a server does by itself.

Run: python tools/walks.py [TREE] [WALK...]; TREE holds arcli, samples and tests, by default this checkout.
The steps of each WALK named (photo, upload, row, statistics) are listed, climbs with a `^`.
"""

from __future__ import annotations

import dis
import importlib.util
import inspect
import json
import re
import sys
import tempfile
import threading
import urllib.parse
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from http.client import HTTPConnection
from io import BytesIO, TextIOWrapper
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

SHARED = re.compile(
    r"arcli\.(models|errors|features|gallery|timings|parallel|files|atomic|filetypes|system|settings)\b"
)
NEWER = re.compile(
    r"arcli\.(store\.(checksums|witness|reserve|renaming):"  # damage, lost commits, a full disk
    r"|store\.(database:Database\.lost|channel:ChannelStore\.seal|rows:unsealed|connections:idle_limit)"
    r"|vision\.(decoding\.(isolation|strips)|codes\.\w+|rating\.kinds):"  # hostile and huge pictures
    r"|vision\.(decoding\.pillow:PictureHeader\.in_strips|geometry:area)"
    r"|engine\.(recognition\.verification:checked|finding:StoredChannel\.codes)"  # targets with codes
    r"|engine\.recognition\.candidates:KnownCodes"
    r"|server\.(process\.connections:|requests\.log:|requests\.limits:Pacer)"  # floods; what is logged
    r"|console\.(options:require_report|typer_classes:ArcliGroup\.resolve_command)"  # resuming; typing errors
    r"|bulk\.(walk:picture_named|encoding:unguarded))"  # names in no encoding; cells that look like formulas
)
"""Duties that came since 87f826e: without them two trees are compared by the same work."""
HERE = Path(__file__).resolve().parent

Function = tuple[str, str]
"""The module and the qualified name of a function."""
Step = tuple[str, Function]
"""The module that calls, and what it calls."""


@dataclass
class Walk:
    """What one walk does."""

    steps: set[Step] = field(default_factory=set)

    def without(self, left_out: re.Pattern[str]) -> Walk:
        kept = (step for step in self.steps if not left_out.match(f"{step[0]}:"))
        return Walk({step for step in kept if not left_out.match(":".join(step[1]))})

    def modules(self) -> set[str]:
        return {module for caller, (called, _) in self.steps for module in (caller, called)}

    def entries(self) -> dict[str, int]:
        """Return by how many of its functions each module is entered."""
        doors = defaultdict(set)
        for _, (module, name) in self.steps:
            doors[module].add(name)
        return {module: len(names) for module, names in doors.items()}

    def climbs(self, above: dict[str, set[str]]) -> set[Step]:
        """Return the steps into a module that imports the one that calls."""
        return {(caller, called) for caller, called in self.steps if called[0] in above[caller]}


class Tracer:
    """Notes steps in all threads that start after it was made, while `walk` is one."""

    def __init__(self, trivial: set[CodeType]) -> None:
        self.walk: Walk | None = None
        self._trivial = trivial
        threading.setprofile(self._note)
        sys.setprofile(self._note)

    @contextmanager
    def noting(self) -> Iterator[Walk]:
        self.walk = walk = Walk()
        try:
            yield walk
        finally:
            self.walk = None

    def _note(self, frame: FrameType, event: str, _: object) -> None:
        walk = self.walk
        if walk is None or event != "call" or _resumed(frame):
            return
        called = None if frame.f_code in self._trivial else self._function(frame)
        if called is None:
            return
        outer = frame.f_back
        while outer is not None and (caller := self._function(outer)) is None:
            outer = outer.f_back
        if outer is not None and caller is not None and caller[0] != called[0]:
            walk.steps.add((caller[0], called))

    def _function(self, frame: FrameType) -> Function | None:
        """Return what runs in a frame: None outside arcli and in what is shared."""
        module = str(frame.f_globals.get("__name__", ""))
        if not module.startswith("arcli.") or SHARED.match(module):
            return None
        name = re.sub(r"\.<locals>.*", "", frame.f_code.co_qualname)
        return None if name.startswith(("<module>", "__create_fn__")) else (module, name)


def _resumed(frame: FrameType) -> bool:
    """Say whether a generator or coroutine goes on that was called before."""
    code = frame.f_code
    if not code.co_flags & (inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
        return False
    begins = next(step.offset for step in dis.get_instructions(code) if step.opname == "RETURN_GENERATOR")
    return frame.f_lasti >= begins


def properties() -> set[CodeType]:
    """Return the code of all properties of arcli, cached ones too: reading an attribute is no step."""
    found = set()
    for module in [one for name, one in sys.modules.items() if name.startswith("arcli")]:
        for kind in [one for one in vars(module).values() if isinstance(one, type)]:
            for one in vars(kind).values():
                getter = one.fget if isinstance(one, property) else getattr(one, "func", None)
                found |= {getter.__code__} if inspect.isfunction(getter) else set()
    return found


def importers(imports: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return which modules import each, directly or not."""
    above: dict[str, set[str]] = {name: set() for name in imports}
    for name in imports:
        waiting = [name]
        while waiting:
            for below in imports[waiting.pop()] & set(imports):
                if name not in above[below]:
                    above[below].add(name)
                    waiting.append(below)
    return above


class House:
    """A tree with a data folder of its own: runs command lines and requests."""

    def __init__(self, tree: Path, work: Path) -> None:
        self.data, self.work, self.samples = work / "data", work, tree / "samples"
        self.threaded = _module("threaded", tree / "tests" / "server" / "threaded.py")

    def run(self, *words: str) -> dict[str, Any]:
        from arcli.app import main

        written = BytesIO()
        with redirect_stdout(TextIOWrapper(written, "utf-8")) as out:
            main(["--data-dir", str(self.data), *words, "--json"])
            out.flush()
            answer: dict[str, Any] = json.loads(written.getvalue())
        assert answer["status"] == "ok", answer
        return answer

    def prepared(self) -> dict[str, str]:
        """Fill a channel; return the fields of its owner."""
        secret = self.run("account", "add", "owner")["data"]["secretkey"]
        self.run("channel", "create", "posters", "--owner", "owner")
        self.run("add", str(self.samples / "gallery"), "-c", "posters")
        return {"username": "owner", "secretkey": secret, "channel": "posters"}

    def manifest(self, identifier: str) -> str:
        path = self.work / f"{identifier}.csv"
        path.write_text(f"image,identifier\n{self.samples / 'gallery' / 'street.jpg'},{identifier}\n")
        return str(path)


def measured(tree: Path) -> dict[str, Walk]:
    """Return the walks of the arcli that is imported from `tree`."""
    with tempfile.TemporaryDirectory() as work:
        house = House(tree, Path(work))
        fields = house.prepared()
        photo = str(sorted((house.samples / "photos").glob("*.jpg"))[0])
        picture = (house.samples / "gallery" / "bear.jpg").read_bytes()
        manifest_rows = iter([house.manifest("row_one"), house.manifest("row_two")])
        names = iter(["new_one", "new_two"])
        found: dict[str, Walk] = {}

        def walk(name: str, steps: Callable[[], object]) -> None:
            steps()
            with tracer.noting() as found[name]:
                steps()

        import arcli.server.app

        for chore in [name for name in vars(arcli.server.app) if name.startswith("_keep_")]:
            setattr(arcli.server.app, chore, _nothing)
        tracer = Tracer(properties())
        walk("photo", lambda: house.run("find", photo, "-c", "posters"))
        walk("row", lambda: house.run("add", "--manifest", next(manifest_rows), "-c", "posters"))
        with house.threaded.threaded_folder(house.data) as url:
            days = {"startdate": "2026", "enddate": "2026"}
            walk("upload", lambda: post(f"{url}/AddImage", {**fields, "identifier": next(names)}, picture))
            walk("statistics", lambda: post(f"{url}/Statistics", {**fields, **days}))
        sys.setprofile(None)
        threading.setprofile(None)
    return {name: found[name] for name in ("photo", "upload", "row", "statistics")}


def post(url: str, fields: dict[str, str], picture: bytes | None = None) -> None:
    """Send a form; the answer must be a success."""
    edge = uuid.uuid4().hex
    head = f"--{edge}\r\ncontent-disposition: form-data; name="
    body = "".join(f'{head}"{key}"\r\n\r\n{value}\r\n' for key, value in fields.items()).encode()
    if picture is not None:
        body += f'{head}"image"; filename="a.jpg"\r\n\r\n'.encode() + picture + b"\r\n"
    body += f"--{edge}--\r\n".encode()
    address = urllib.parse.urlsplit(url)
    connection = HTTPConnection(str(address.hostname), address.port, timeout=60)
    kind = {"content-type": f"multipart/form-data; boundary={edge}"}
    connection.request("POST", address.path, body, kind)
    said = json.load(connection.getresponse())
    connection.close()
    assert int(said["returncode"]) == 0, said


async def _nothing(_: object) -> None:
    """Stand in for what a server does by itself every second."""


def _module(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    words = sys.argv[1:]
    tree = Path(words[0] if words else HERE.parent).resolve()
    sys.path.insert(0, str(tree))
    above = importers(_module("structure", HERE / "structure.py").House(tree).imports)
    print("walk: modules, steps, climbs, most entries of a module; without what came since 87f826e:")
    for name, walk in measured(tree).items():
        numbers = [_numbers(one, above) for one in (walk, walk.without(NEWER))]
        print(f"{name}: {'; '.join(numbers)}")
        if name in words[1:]:
            climbs = walk.climbs(above)
            for step in sorted(walk.steps):
                print(f"  {'^' if step in climbs else ' '} {step[0]} {':'.join(step[1])}")


def _numbers(walk: Walk, above: dict[str, set[str]]) -> str:
    entries = walk.entries()
    most = max(entries, key=lambda module: (entries[module], module))
    climbs = len(walk.climbs(above))
    return f"{len(walk.modules())}, {len(walk.steps)}, {climbs}, {entries[most]} ({most})"


if __name__ == "__main__":
    main()
