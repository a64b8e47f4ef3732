"""A stream as lines, and as blocks of whole lines. Empty lines at the very end of the file are not lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

BLOCK_BYTES = 1 << 25
_CHUNK_BYTES = 1 << 22


class LineReader:
    """Single lines first (header, lines to skip), then the rest in blocks."""

    def __init__(self, stream: IO[bytes], block_bytes: int = BLOCK_BYTES) -> None:
        self._stream = stream
        self._block_bytes = block_bytes
        self._rest = b""
        self._ended = False

    def read_line(self) -> bytes | None:
        """The next line without its end; None when only empty lines are left."""
        while True:
            end = self._rest.find(b"\n")
            if end >= 0 and (end + 1 < len(self._rest) or self._ended or not self._fill()):
                line = self._rest[:end]
                if not self._rest.strip(b"\r\n") and not self._fill_until_text():
                    return None
                self._rest = self._rest[end + 1 :]
                return line.removesuffix(b"\r")
            if end < 0 and (self._ended or not self._fill()):
                line, self._rest = self._rest, b""
                return line.removesuffix(b"\r") or None

    def push_back(self, line: bytes) -> None:
        """The line will be read again."""
        self._rest = line + b"\n" + self._rest

    def blocks(self) -> Iterator[bytes]:
        """Whole lines separated by `\\n`, without the end of the last one. Nothing if only empty lines are left."""
        while True:
            while len(self._rest) < self._block_bytes and self._fill():
                pass
            cut = len(self._rest) if self._ended else self._rest.rfind(b"\n") + 1
            if cut == 0:
                if not self._fill() and not self._rest:
                    return
                continue
            body = self._rest[:cut].rstrip(b"\r\n")
            if not body:
                if self._ended:
                    return
                self._fill()
                continue
            # Line ends behind the last text may be empty lines in the middle of the file: they start the next block.
            end = self._rest.find(b"\n", len(body))
            self._rest = self._rest[end + 1 :] if end >= 0 else b""
            yield body

    def _fill_until_text(self) -> bool:
        """Read until something else than line ends is there; False at the end of the file."""
        while not self._rest.strip(b"\r\n"):
            if not self._fill():
                return False
        return True

    def _fill(self) -> bool:
        if self._ended:
            return False
        chunk = self._stream.read(_CHUNK_BYTES)
        if not chunk:
            self._ended = True
            return False
        self._rest += chunk
        return True
