"""Who may knock, and how often: the owner list of a server and the count of wrong keys per address.

Source: pod-protocol.md, 3.2, 19.1; rest-api.md, 15.1.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import deque
from collections.abc import Callable

from msgspec import Struct

from datapod_server.errors import Forbidden, Invalid, TooManyAttempts
from datapod_server.storage.keys import check_owner_key, owner_hash

log = logging.getLogger("datapod.admission")

_HASH = re.compile(r"[0-9a-f]{64}")


class Admission(Struct, frozen=True):
    """The owners a server admits: hashes in lower-case hex, or everybody.

    Attributes:
        hashes: SHA-256 over the decoded bytes of the owner key; None admits every owner key.
        owner_keys: Owner keys admitted as they are, such as the one of the key file.
    """

    hashes: frozenset[str] | None = frozenset()
    owner_keys: frozenset[str] = frozenset()

    @staticmethod
    def parse(text: str) -> Admission:
        """Read `--owners`: a comma-separated list of owner hashes, or the single word `ANY`. Raises `Invalid` for what is no hash."""
        if text == "ANY":
            return Admission(hashes=None)
        hashes = [part.strip().lower() for part in text.split(",") if part.strip()]
        for entry in hashes:
            if not _HASH.fullmatch(entry):
                raise Invalid(
                    f"'{entry}' in the owner list is not an owner hash (64 hex digits, the SHA-256 of the decoded owner key) nor ANY"
                )
        if not hashes:
            raise Invalid("the owner list is empty; give owner hashes, separated by commas, or ANY")
        return Admission(hashes=frozenset(hashes))

    def check(self, owner_key: str) -> str:
        """Return the owner key if it is admitted; raises `Forbidden` (403 `Unexpected owner`) before any file is looked at."""
        check_owner_key(owner_key)
        if self.hashes is None or owner_key in self.owner_keys:
            return owner_key
        hashed = owner_hash(owner_key)
        if hashed is None or hashed not in self.hashes:
            log.info("refused owner %s with hash %s", owner_key, hashed)
            raise Forbidden("Unexpected owner")
        return owner_key


class Attempts:
    """Wrong keys per address in a sliding window. Safe to use from several threads.

    The limit protects weak passphrases from guessing; a raw key needs no such help. So it is generous, and while an address is
    over it, its right keys are refused too: otherwise the answers would still tell which guess was right.
    """

    _MOST_ADDRESSES = 10_000

    def __init__(self, *, limit: int, window_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._window_seconds = window_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: dict[str, deque[float]] = {}

    def check(self, address: str) -> None:
        """Raise `TooManyAttempts` (429) while the address is over the limit."""
        if address not in self._failures:  # nearly always; without the lock, since nothing is changed
            return
        with self._lock:
            failures = self._recent(address)
            if failures is not None and len(failures) >= self._limit:
                wait_seconds = self._window_seconds - (self._clock() - failures[0])
                raise TooManyAttempts(
                    "Too many wrong keys from this address; wait and try again", retry_after_seconds=max(1, round(wait_seconds))
                )

    def failed(self, address: str) -> None:
        """Count one wrong key."""
        with self._lock:
            if address not in self._failures and len(self._failures) >= self._MOST_ADDRESSES:
                self._failures.pop(next(iter(self._failures)))
            self._failures.setdefault(address, deque(maxlen=self._limit)).append(self._clock())

    def _recent(self, address: str) -> deque[float] | None:
        failures = self._failures.get(address)
        if failures is None:
            return None
        horizon = self._clock() - self._window_seconds
        while failures and failures[0] <= horizon:
            failures.popleft()
        if not failures:
            del self._failures[address]
            return None
        return failures
