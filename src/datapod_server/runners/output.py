"""The newest part of what a run printed."""

from __future__ import annotations

import threading
from collections import deque

NEWEST_BYTES = 1024 * 1024  # source: pod-protocol.md, 14.5


class OutputTail:
    """Keeps the newest bytes of a stream. Written by the backend's thread, read by any."""

    def __init__(self, limit_bytes: int = NEWEST_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._chunks: deque[bytes] = deque()
        self._size = 0

    def append(self, chunk: bytes) -> None:
        """Add a piece; the oldest bytes beyond the limit are forgotten."""
        with self._lock:
            self._chunks.append(chunk)
            self._size += len(chunk)
            while self._size > self._limit_bytes:
                oldest = self._chunks.popleft()
                surplus = self._size - self._limit_bytes
                if surplus < len(oldest):
                    self._chunks.appendleft(oldest[surplus:])
                self._size -= min(surplus, len(oldest))

    def content(self) -> bytes:
        """What is kept, oldest first."""
        with self._lock:
            return b"".join(self._chunks)
