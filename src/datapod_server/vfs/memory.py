"""`mem://`: files that live as long as their pod. Nothing of them reaches a disk."""

from __future__ import annotations

import threading
import time

from msgspec import Struct


class MemoryFile(Struct, frozen=True):
    content: bytes
    modified_seconds: float


class MemoryFiles:
    """Names to contents. Safe to use from several threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._files: dict[str, MemoryFile] = {}

    def find(self, name: str) -> MemoryFile | None:
        return self._files.get(name)

    def write(self, name: str, content: bytes, *, append: bool) -> None:
        with self._guard:
            before = self._files.get(name)
            whole = before.content + content if append and before is not None else content
            self._files[name] = MemoryFile(whole, time.time())

    def erase(self, name: str) -> bool:
        with self._guard:
            return self._files.pop(name, None) is not None

    def names(self) -> list[str]:
        with self._guard:
            return sorted(self._files)
