"""The process that decodes one picture after the other for `isolation`: its main function and its limits.

It loads neither OpenCV nor numpy, and reads jobs from stdin: the length of a JSON header, the header, then
the picture. Answers on stdout have the same form.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import struct
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from time import process_time
from typing import BinaryIO

from arcli.errors import ArcliError
from arcli.system import resource
from arcli.vision.decoding.limits import DECODING, DecodeLimits, check_size, too_much_memory
from arcli.vision.decoding.pillow import open_picture
from arcli.vision.decoding.raster import Raster, rasterize, reduction

LENGTH = struct.Struct("<I")


def work() -> None:
    """Decode the jobs on stdin until it ends: the main function of a process of the pool."""
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)  # what a library prints must not look like an answer
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    with contextlib.suppress(BrokenPipeError, EOFError):
        while True:
            _job(source, sink)


def _job(source: BinaryIO, sink: BinaryIO) -> None:
    job = json.loads(_exactly(source, LENGTH.unpack(_exactly(source, LENGTH.size))[0]))
    data = _exactly(source, job["length"])
    limits = DecodeLimits(**job["limits"])
    bgr: bytes | bytearray = b""
    began = process_time()
    try:
        with _limited(limits, len(data)):
            raster = _decode(data, job["name"], limits, job["max_side"])
        answer: dict[str, object] = {"raster": asdict(replace(raster, bgr=b"")) | {"bgr": None}}
        bgr = raster.bgr
    except ArcliError as error:
        answer = {"error": error.as_record()}
    header = json.dumps({**answer, "length": len(bgr), "seconds": process_time() - began}).encode()
    for part in (LENGTH.pack(len(header)), header, bgr):
        sink.write(part)
    sink.flush()


def _decode(data: bytes, name: str, limits: DecodeLimits, max_side: int | None) -> Raster:
    try:
        image, header = open_picture(data, name)
        check_size(header, limits, header.memory(reduction(header, max_side)), name)
        return rasterize(image, header, data, name=name, max_side=max_side)
    except MemoryError:
        raise too_much_memory(name) from None


@contextlib.contextmanager
def _limited(limits: DecodeLimits, length: int) -> Iterator[None]:
    """Limit this process's memory and processor time; the kernel ends it when the time is used up."""
    assert limits.memory is not None, "the parent has worked it out"
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    held = pages * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    allowed = held + limits.memory + length + DECODING.slack
    allowed = allowed if hard == resource.RLIM_INFINITY else min(allowed, hard)
    resource.setrlimit(resource.RLIMIT_AS, (allowed, hard))
    signal.setitimer(signal.ITIMER_PROF, limits.processor_seconds(length))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


def _exactly(source: BinaryIO, length: int) -> bytes:
    data = source.read(length)
    if len(data) < length:
        raise EOFError
    return data
