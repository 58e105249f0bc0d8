"""Retrying: which failures are temporary, how long to wait, and when to stop."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from arcli.errors import ArcliError, Busy, RateLimited

Result = TypeVar("Result")


class Failed(Exception):
    """A request that got no usable answer.

    `error`: what to raise after the last try. `again`: another try may help. `unsure`: the service may have
    done what was asked. `wait`: seconds that the service asks to wait. `brief`: at most one more try is worth
    the user's time. `status`: the HTTP status, if there was an answer.
    """

    def __init__(
        self,
        error: ArcliError,
        *,
        again: bool = True,
        unsure: bool = False,
        wait: float | None = None,
        brief: bool = False,
        status: int | None = None,
    ) -> None:
        super().__init__(error.message)
        self.error, self.again, self.unsure = error, again, unsure
        self.wait, self.brief, self.status = wait, brief, status


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How often to retry: waits double from `first` to `longest` seconds, each randomly cut by up to half.

    A wait that the service asks for is respected up to `longest_asked` seconds. Once `hurry` is set nothing
    waits or is retried. `sleep` replaces waiting in tests.
    """

    attempts: int = 6
    first: float = 0.5
    longest: float = 8.0
    longest_asked: float = 60.0
    sleep: Callable[[float], object] | None = None
    jitter: Callable[[], float] = random.random
    hurry: threading.Event = field(default_factory=threading.Event, compare=False)

    def run(
        self,
        action: Callable[[], Result],
        *,
        retried: Callable[[bool], object] = bool,
        repeatable: bool = True,
    ) -> Result:
        """Return what `action` returns, retrying on Failed, Busy (returncode 20015), RateLimited.

        `retried` is called before each retry, with whether the last try may have been carried out; if
        `repeatable` is False, such a try is not repeated. Raises the last error.
        """
        tried = 0
        while True:
            tried += 1
            try:
                return action()
            except (Busy, RateLimited) as error:
                failed = Failed(error)
            except Failed as caught:
                failed = caught
            if not self._again(failed, tried) or (failed.unsure and not repeatable):
                raise failed.error from None
            self.wait(self.pause(tried, failed.wait))
            if self.hurry.is_set():
                raise failed.error from None
            retried(failed.unsure)

    def wait(self, seconds: float) -> None:
        if self.sleep is None:
            self.hurry.wait(seconds)
        else:
            self.sleep(seconds)

    def pause(self, tried: int, asked: float | None) -> float:
        """Return the seconds to wait after `tried` failures."""
        if asked is not None:
            return min(max(asked, 0.0), self.longest_asked)
        return min(self.first * 2.0 ** (tried - 1), self.longest) * (1 - self.jitter() / 2)

    def _again(self, failed: Failed, tried: int) -> bool:
        return failed.again and tried < (min(2, self.attempts) if failed.brief else self.attempts)
