"""How often a source may be asked: a token bucket that several threads may share."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from datapod.connectors.retrying import Clock, SystemClock


class RateBudget:
    """At most `per_second` requests in the long run, and `burst` at once after a rest.

    >>> budget = RateBudget(per_second=2)
    >>> budget.take()
    """

    def __init__(self, per_second: float, burst: float | None = None, clock: Clock | None = None) -> None:
        if per_second <= 0:
            raise ValueError(f"A budget of {per_second} requests a second allows none at all")
        self._per_second = per_second
        self._burst = max(1.0, per_second if burst is None else burst)
        self._clock = clock or SystemClock()
        self._tokens = self._burst
        self._counted_at = self._clock.now()
        self._closed_until = self._counted_at
        self._lock = threading.Lock()

    def take(self) -> None:
        """Wait until one more request is allowed, and count it."""
        with self._lock:
            now = self._clock.now()
            self._tokens = min(self._burst, self._tokens + (now - self._counted_at) * self._per_second) - 1
            self._counted_at = now
            # A debt of tokens is a place in the queue: the lock is free while this thread waits for its turn.
            pause = max(-self._tokens / self._per_second, self._closed_until - now)
        if pause > 0:
            self._clock.sleep(pause)

    def close_for(self, seconds: float) -> None:
        """The source said how long it wants to be left alone (`Retry-After`); the burst is spent with it."""
        with self._lock:
            now = self._clock.now()
            self._closed_until = max(self._closed_until, now + seconds)
            self._tokens = min(self._tokens, 0.0)
            self._counted_at = self._closed_until


def retry_after_seconds(value: str | None, now: datetime | None = None) -> float | None:
    """What a `Retry-After` header asks for; None without one, or where it makes no sense. Source: RFC 9110, 10.2.3.

    >>> retry_after_seconds("120")
    120.0
    """
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value.strip())
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
