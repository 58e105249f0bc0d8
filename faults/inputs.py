"""Files and messages from outside, torn: every reader understands them or refuses them in our words."""

from __future__ import annotations

import json
import logging
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from arcli.bulk.add_plan import Defaults, PlanEntry, plan_manifest
from arcli.bulk.identifiers import IdFrom
from arcli.bulk.manifest import open_changes, open_manifest
from arcli.bulk.report import ADDITIONS, ReportFile
from arcli.bulk.sync.actions import Action, Do, Head, action_line, head_line, read_actions, read_head
from arcli.errors import ArcliError, PictureRefused
from arcli.features import Features
from arcli.models import AddItem, Picture
from arcli.protocols import channels, extensions
from arcli.protocols.arcloud import answers, requests
from arcli.protocols.reading import json_object
from arcli.protocols.tupu import answers as tupu_answers
from arcli.protocols.tupu import requests as tupu_requests
from arcli.server.options import load_options
from arcli.server.requests.multipart import MultipartError, MultipartReader
from arcli.settings.profiles import ProfileFile
from arcli.vision.decoding.decode import SERVE, decode
from tests.index.index_samples import features
from tests.server.raw import BOUNDARY, multipart
from tests.vision.pictures import encoded, textured
from tests.vision.test_hostile import FORMATS, mutated

logging.getLogger("python_multipart").setLevel(logging.ERROR)
PIXELS = 4_000_000  # that a mutated picture may have
SECONDS = 5.0  # of processor time for a file of less than a megabyte
Read = Callable[[bytes, Path], object]


@dataclass(frozen=True)
class Reader:
    """What reads something, what it may raise beside an ArcliError, and sound examples of it."""

    read: Read
    examples: tuple[bytes, ...]
    raises: tuple[type[Exception], ...] = ()


def _written(data: bytes, folder: Path, name: str) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def _manifest(name: str) -> Read:
    def read(data: bytes, folder: Path) -> None:
        plan = plan_manifest(open_manifest(_written(data, folder, name)), IdFrom.STEM, Defaults())
        for entry in plan.entries():
            assert entry.error is None or isinstance(entry.error, ArcliError)

    return read


def _changes(data: bytes, folder: Path) -> None:
    list(open_changes(_written(data, folder, "changes.csv")).rows())


def _report(data: bytes, folder: Path) -> None:
    with ReportFile.open(_written(data, folder, "report.jsonl"), ADDITIONS, resume=True) as report:
        assert report.begun


def _plan(data: bytes, folder: Path) -> None:
    path = _written(data, folder, "plan.jsonl")
    read_head(path)
    list(read_actions(path))


def _options(data: bytes, folder: Path) -> None:
    load_options(_written(data, folder, "serve.toml"), {"data_dir": folder})


def _profiles(data: bytes, folder: Path) -> None:
    opened = ProfileFile(_written(data, folder, "profiles.toml"))
    for name in opened.names():
        opened.get(name)


def _form(data: bytes, _: Path) -> None:
    reader = MultipartReader(BOUNDARY, file_bytes=1 << 20, field_bytes=1 << 17, most_parts=50)
    for at in range(0, len(data), 97):
        reader.feed(data[at : at + 97])
    reader.finish()


def _arcloud_fields(data: bytes, _: Path) -> None:
    fields = {name: str(value) for name, value in json_object(data).items()}
    for read in (requests.read_changes, requests.read_add_options, requests.read_find_options):
        _tried(read, fields)
    for one in (requests.read_statistics, requests.read_find_channels, requests.read_metadata):
        _tried(one, fields)


def _tried(read: Callable[[dict[str, str]], object], fields: dict[str, str]) -> None:
    with suppress(ArcliError):
        read(fields)


def _arcloud_answer(data: bytes, _: Path) -> None:
    body = answers.read_answer(data)
    answers.read_found(body, image="x", channel=None)
    answers.read_listed(body, channel="c")
    answers.read_statistics(body, channel=None)
    answers.read_added(body, AddItem(picture=Picture(name="x", data=b""), identifier="abc"))


def _settings(data: bytes, _: Path) -> None:
    channels.asked_settings(json_object(data).get("settings"))
    channels.read_channel(json_object(data))


def _targets(data: bytes, _: Path) -> None:
    extensions.read_targets(json_object(data), channel="c")
    extensions.read_capabilities(json_object(data))


def _tupu_answer(data: bytes, _: Path) -> None:
    body = tupu_answers.opened(data, None, now=1.7e9)
    for file in tupu_answers.read_files(body):
        tupu_answers.found(file, image="x")


def _tupu_request(data: bytes, _: Path) -> None:
    tupu_requests.read_json(data)


def _tupu_search(data: bytes, _: Path) -> None:
    tupu_requests.read_search(data)


def _features(data: bytes, _: Path) -> None:
    Features.from_bytes(data)


def _picture(data: bytes, _: Path) -> None:
    width, height = decode(data, name="x", limits=replace(SERVE, pixels=PIXELS), max_side=64).size
    assert width * height <= PIXELS, "the limit holds"


def _json(**values: object) -> bytes:
    return json.dumps(values).encode()


_ROW = {"image": "a.png", "identifier": "abc", "metadata": {"a": [1]}, "matchratio": 0.5, "active": True}
_CSV = b'image,identifier,metadata,matchratio\na.png,abc,"{""a"": 1}",0.5\n"b;c.png",other,,\n'
_TARGET = {"identifier": "abc", "metadata": "x", "matchratio": "0.5", "level": 3, "active": "1"}
_FOUND = {"identifier": "abc", "quad": [[0, 0], [1, 0], [1, 1], [0, 1]], "score": 0.5, "inliers": 9}
_TUPU_FILE = {"name": "a", "label": 1, "similarity": 0.9, "relatives": [{"path": "x/y", "score": 0.5}]}
_SIGNED = {"timestamp": "1", "nonce": "2", "signature": "eA=="}
_PLAN = head_line(Head(profile="local", channel="c", source="x")) + action_line(
    Action(
        do=Do.ADD, identifier="abc", entry=PlanEntry(image="a.png", identifier="abc"), changes=("picture",)
    )
)
_TOML = b'host = "127.0.0.1"\nport = 8080\nqueue = 64\ntrusted_proxies = ["10.0.0.0/8"]\n[compat]\n'
_PROFILES = b'current = "shop"\n[profiles.shop]\nkind = "arcloud"\nurl = "https://x.example"\ntimeout = 5\n'

READERS: dict[str, Reader] = {
    "manifest.csv": Reader(
        _manifest("m.csv"), (_CSV, _CSV.replace(b",", b";"), _CSV.decode().encode("utf-16"))
    ),
    "manifest.jsonl": Reader(
        _manifest("m.jsonl"), (json.dumps(_ROW).encode() + b"\n" + json.dumps(_ROW).encode(),)
    ),
    "changes.csv": Reader(_changes, (b"identifier,metadata,active\nabc,1,1\nother,,0\n",)),
    "report.jsonl": Reader(
        _report, (_json(image="a", identifier="abc", status="added", level=3, hints=[]) + b"\n",)
    ),
    "sync plan": Reader(_plan, (_PLAN,)),
    "serve.toml": Reader(_options, (_TOML, b"[compat]\n")),
    "profiles.toml": Reader(_profiles, (_PROFILES,)),
    "multipart": Reader(
        _form, (multipart({"username": "a", "metadata": "{}"}, b"picture"),), (MultipartError,)
    ),
    "call fields": Reader(
        _arcloud_fields, (_json(**_ROW, startdate="2020", channels='["a"]', effort="fast"),)
    ),
    "service answer": Reader(
        _arcloud_answer, (_json(returncode=0, images=[_TARGET], totalcount=1, records=[], **_FOUND),)
    ),
    "channel settings": Reader(
        _settings, (_json(name="c", settings={"quota": 5, "kind": "plain"}, targets=1),)
    ),
    "target listing": Reader(
        _targets, (_json(totalcount=1, targets=[_TARGET], features=["x"], backend="arcli"),)
    ),
    "Tupu answer": Reader(
        _tupu_answer, (_json(signature="x", json=json.dumps({"code": 0, "t": {"fileList": [_TUPU_FILE]}})),)
    ),
    "Tupu request": Reader(_tupu_request, (_json(images=["eA=="], tags=["a"], uid="u", **_SIGNED),)),
    "Tupu search": Reader(_tupu_search, (_json(secretId="x", name="n", **_SIGNED),)),
    "stored features": Reader(_features, (features(1).to_bytes(),)),
}
PICTURES = {f"picture {kind}": Reader(_picture, (data,)) for kind, data in FORMATS.items()}
PICTURES["picture over the limit"] = Reader(_picture, (encoded(textured(5, (2400, 1800)), "PNG"),))
_TOKENS = (
    b"\0",
    b'"',
    b"'",
    b"[" * 2000,
    b"{",
    b"\xff",
    b"\xed\xa0\x80",
    b"1e999",
    b"NaN",
    b"-",
    b"\r\n",
    b",",
    b"9" * 5000,
)


def torn(data: bytes, chance: random.Random) -> bytes:
    """Change, cut, repeat or insert up to six pieces."""
    rotten = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        at, length = chance.randrange(len(rotten) + 1), chance.randrange(1, 40)
        match chance.randrange(5):
            case 0:
                rotten[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del rotten[at : at + length]
            case 2:
                rotten[at:at] = rotten[at : at + length] * chance.randrange(1, 50)
            case 3:
                rotten[at:at] = chance.choice(_TOKENS)
            case 4:
                rotten[at : at + length] = chance.randbytes(length)
    return bytes(rotten)


def trials(
    readers: dict[str, Reader], seed: int, first: int
) -> Iterator[tuple[str, Callable[[], list[str]]]]:
    """Yield injured inputs from number `first` on, each reader in turn; the same ones for the same seed."""
    names, number = list(readers), first
    while True:
        name = names[number % len(names)]
        yield name, lambda name=name, number=number: tried(name, readers[name], seed, number)  # type: ignore[misc]
        number += 1


def tried(name: str, reader: Reader, seed: int, number: int) -> list[str]:
    """Give a reader an injured input; return what it did that it must not do."""
    chance = random.Random(f"{seed} {name} {number}")
    example = chance.choice(reader.examples)
    data = mutated(example, chance) if name.startswith("picture") else torn(example, chance)
    began = time.process_time()
    with tempfile.TemporaryDirectory(prefix="arcli-inputs-") as folder:
        try:
            reader.read(data, Path(folder))
        except PictureRefused as error:
            if getattr(error, "ended_worker", False):
                return [f"{name} {number}: its process had to be ended: {error.message}"]
        except Exception as error:
            if isinstance(error, (ArcliError, *reader.raises)):
                return []
            return [f"{name} {number}: {error!r} for {data[:300]!r}"]
    seconds = time.process_time() - began
    return [f"{name} {number}: it took {seconds:.1f} s"] if seconds > SECONDS else []
