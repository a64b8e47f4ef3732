"""The search for cyclic garbage, which recording pauses."""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import Iterator


class Collection:
    """The search for cyclic garbage, which has nothing to find among a million new cells and takes longer than recording them: 2.1 s
    instead of 0.4 s. Pauses overlap; the last one that ends sets it going again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pauses = 0

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        with self._lock:
            self._pauses += 1
            gc.disable()
        try:
            yield
        finally:
            with self._lock:
                self._pauses -= 1
                if self._pauses == 0:
                    gc.enable()


COLLECTION = Collection()
