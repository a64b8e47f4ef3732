"""How often a request to the pod is repeated, and the pauses between."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


@dataclass(frozen=True)
class Backoff:
    """Pauses double from `first_pause_seconds` to `longest_pause_seconds`; each is cut by chance to between half and all of its length.

    A pod that says how long to wait (`Retry-After`) is obeyed, unless it asks for more than `longest_wait_seconds`: then the call fails.
    """

    attempts: int = 6
    first_pause_seconds: float = 0.1
    longest_pause_seconds: float = 5.0
    longest_wait_seconds: float = 60.0
    sleep: Callable[[float], None] = time.sleep

    def wait(self, attempt: int, asked_seconds: float | None = None) -> bool:
        """Pause after the failure of attempt number `attempt`, counted from 1; False at once when there is to be no further attempt."""
        if attempt >= self.attempts or (asked_seconds or 0.0) > self.longest_wait_seconds:
            return False
        grown = min(self.first_pause_seconds * 2.0 ** (attempt - 1), self.longest_pause_seconds)
        self.sleep(max(grown * random.uniform(0.5, 1.0), asked_seconds or 0.0))  # noqa: S311 - spreads clients, hides nothing
        return True


def asked_wait_seconds(header: str | None) -> float | None:
    """What a `Retry-After` header asks for: seconds or a date; None for what is neither.

    >>> asked_wait_seconds("3"), asked_wait_seconds("soon"), asked_wait_seconds("Thu, 01 Jan 1970 00:00:00 GMT")
    (3.0, None, 0.0)
    """
    if header is None:
        return None
    if header.strip().isdigit():
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, (moment - datetime.now(UTC)).total_seconds()) if moment.tzinfo else None
