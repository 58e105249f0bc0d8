"""Photos of many callers share the threads: who has used least is next, and costly photos wait."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from arcli.errors import Busy, PictureTooLarge
from arcli.server.work import FairnessTuning, PhotoQueue
from arcli.vision.decoding.isolation import shared_pool
from arcli.vision.decoding.limits import DecodeLimits
from tests.engine.conftest import poster


def burn(seconds: float) -> None:
    """Use processor time."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def in_queue(work: Callable[[PhotoQueue], Any], **tuning: Any) -> Any:
    async def main() -> Any:
        queue = PhotoQueue(threads=1, queue=8, tuning=FairnessTuning(**tuning))
        try:
            return await work(queue)
        finally:
            queue.close()

    return asyncio.run(main())


@pytest.mark.parametrize("pause", [0.0, 0.5])
def test_who_has_used_least_is_next(pause: float) -> None:
    """However long it takes until a photo ends: of what was charged in advance, no more is given back than is
    left of it by then."""
    order: list[str] = []

    async def work(queue: PhotoQueue) -> None:
        go_on = threading.Event()
        held = asyncio.create_task(queue.run("busy", lambda: go_on.wait(60)))
        await asyncio.sleep(0)
        waiting = [queue.run("busy", partial(order.append, f"busy{n}")) for n in range(3)]
        waiting.append(queue.run("other", lambda: order.append("other")))
        tasks = [asyncio.create_task(one) for one in waiting]
        await asyncio.sleep(pause)
        go_on.set()
        await asyncio.gather(held, *tasks)

    in_queue(work)
    assert order == ["other", "busy0", "busy1", "busy2"]


def test_a_crowd_of_new_callers_leaves_a_fast_thread_to_known_ones() -> None:
    async def work() -> str:
        queue = PhotoQueue(threads=2, queue=40)
        go_on = threading.Event()
        try:
            await queue.run("known", lambda: None)
            crowd = [asyncio.create_task(queue.run(f"new{n}", lambda: go_on.wait(60))) for n in range(20)]
            await asyncio.sleep(0)
            answer = await queue.run("known", lambda: "at once")
            assert queue.jobs == 20
            go_on.set()
            await asyncio.gather(*crowd)
            return answer
        finally:
            go_on.set()
            queue.close()

    assert asyncio.run(work()) == "at once"


def test_costly_callers_leave_the_fast_threads() -> None:
    async def work(queue: PhotoQueue) -> tuple[str, str, str]:
        names = []
        for caller in ("cheap", "costly", "costly"):
            names.append(await queue.run(caller, lambda: threading.current_thread().name))
            if caller == "costly":
                await queue.run(caller, lambda: burn(0.3))
        return tuple(names)  # type: ignore[return-value]

    cheap, first, second = in_queue(work, light_seconds=0.05)
    assert cheap.startswith("photo")
    assert first.startswith("photo")
    assert second.startswith("slow-photo")


def test_a_picture_that_takes_long_to_decode_is_tried_by_a_slow_thread() -> None:
    tried = []

    def decode() -> None:
        tried.append(threading.current_thread().name.split("_")[0])
        refusal = PictureTooLarge("it takes too long")
        refusal.ended_worker = True
        raise refusal

    async def work(queue: PhotoQueue) -> None:
        with pytest.raises(PictureTooLarge):
            await queue.run("a", decode)

    in_queue(work)
    assert tried == ["photo", "slow-photo"]


def test_a_full_queue_gives_up_the_last_of_who_has_most_waiting() -> None:
    async def work(queue: PhotoQueue) -> tuple[list[Any], Any]:
        go_on = threading.Event()
        crowd = [asyncio.create_task(queue.run("crowd", lambda: go_on.wait(60))) for _ in range(9)]
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await queue.run("crowd", lambda: None)
        honest = asyncio.create_task(queue.run("honest", lambda: "served"))
        await asyncio.sleep(0)
        go_on.set()
        return await asyncio.gather(*crowd, return_exceptions=True), await honest

    crowd, honest = in_queue(work)
    assert honest == "served"
    assert [isinstance(one, Busy) for one in crowd] == [False] * 8 + [True]


def test_a_photo_waits_only_so_long() -> None:
    async def work(queue: PhotoQueue) -> None:
        go_on = threading.Event()
        held = asyncio.create_task(queue.run("a", lambda: go_on.wait(60)))
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await queue.run("b", lambda: None)
        assert queue.jobs == 1
        go_on.set()
        await held

    in_queue(work, patience=0.01)


def test_the_end_waits_for_no_picture_that_is_being_decoded() -> None:
    def decode() -> object:
        return shared_pool().raster(poster(1), name="poster", limits=DecodeLimits())

    async def work(queue: PhotoQueue) -> None:
        assert await queue.run("a", decode)
        queue.end_decoding()
        with pytest.raises(Busy):
            await queue.run("a", decode)

    in_queue(work)
