"""Repeating what fails in passing, with pauses that grow and are never the same for two clients."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from datapod.connectors.errors import RetriableError

logger = logging.getLogger("datapod.connectors")

Result = TypeVar("Result")


class Clock(Protocol):
    """Time, so that tests need not wait."""

    def now(self) -> float:
        """Seconds, from any beginning; never goes back."""
        ...

    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    def now(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


@dataclass(frozen=True)
class Retry:
    """How often and how long. Pauses double from `first_pause_seconds`; each is cut by chance to between half and all of its length.

    A source that says how long to wait is obeyed, unless it asks for more than `longest_pause_seconds`: then the call fails, and a later
    run goes on.
    """

    attempts: int = 6
    first_pause_seconds: float = 0.5
    longest_pause_seconds: float = 300.0
    clock: Clock = field(default_factory=SystemClock)

    def call(self, function: Callable[[], Result], what: str) -> Result:
        """The function's result; after a `RetriableError` it is called again, in all `attempts` times.

        Args:
            what: Is being tried, for the log.

        Raises:
            RetriableError: The last attempt's. Other errors pass through at once.
        """
        attempt = 0
        while True:
            attempt += 1
            try:
                return function()
            except RetriableError as error:
                pause = self.pause_seconds(attempt, error.retry_after_seconds)
                if attempt >= self.attempts or pause is None:
                    raise
                logger.info("%s failed (%s); attempt %d of %d in %.1f s", what, error, attempt + 1, self.attempts, pause)
                self.clock.sleep(pause)

    def pause_seconds(self, attempt: int, retry_after_seconds: float | None) -> float | None:
        """Before the attempt after this one; None if the source asks for more than is waited for."""
        grown = min(self.first_pause_seconds * 2.0 ** (attempt - 1), self.longest_pause_seconds)
        pause = grown * random.uniform(0.5, 1.0)  # noqa: S311 - spreads clients, hides nothing
        if retry_after_seconds is None:
            return pause
        return None if retry_after_seconds > self.longest_pause_seconds else max(pause, retry_after_seconds)
