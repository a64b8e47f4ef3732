"""A file as blocks of typed columns: header first, then every block by the fastest road that is right for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import IO

from msgspec import Struct

from datapod_server.procedures.text import fast
from datapod_server.procedures.text.block import Block
from datapod_server.procedures.text.exact import ExactReader
from datapod_server.procedures.text.header import read_header
from datapod_server.procedures.text.layout import Layout
from datapod_server.procedures.text.lines import LineReader

_EXACT_BYTES = 1 << 19  # some 20,000 fields, a twentieth of a second: progress and the wish to stop are looked at in between


class Frame(Struct, frozen=True):
    """Where in the file the data stands. `limit`: most lines to read, -1 all."""

    headers: Sequence[str] = ()
    generate_headers: bool = False
    structured_names: bool = False
    lines_before_header: int = 0
    lines_before_data: int = 0
    limit: int = -1


class TextReader:
    """One pass over one file. `fast_road=False` leaves all of it to the tokenizer."""

    def __init__(self, stream: IO[bytes], layout: Layout, frame: Frame, *, fast_road: bool = True) -> None:
        """Reads up to the first line of data. Raises `Invalid` for a header that is none."""
        self._lines = LineReader(stream)
        self._layout = layout
        self._fast = fast_road and fast.covers(layout)
        skipped = self._skip(frame.lines_before_header)
        self.columns, before = read_header(
            self._lines,
            layout,
            skipped=skipped,
            headers=frame.headers,
            generate=frame.generate_headers,
            structured=frame.structured_names,
        )
        self._number = before + self._skip(frame.lines_before_data) + 1
        # In multi-line mode 0 always meant "no limit".
        self._remaining = -1 if layout.multi_line and frame.limit == 0 else frame.limit

    def blocks(self) -> Iterator[Block]:
        """Everything behind the header, in the order of the file."""
        if not self.columns:
            return
        exact = ExactReader(self._layout, len(self.columns))
        for body in self._lines.blocks():
            for block in self._read(body, exact):
                self._number += block.lines
                if self._remaining > 0:
                    self._remaining -= block.lines
                yield block
                if self._remaining == 0:
                    return

    def _read(self, body: bytes, exact: ExactReader) -> Iterator[Block]:
        if self._remaining == 0:
            return
        if self._fast and not exact.holds_record:
            wanted = body if self._remaining < 0 else _first_lines(body, self._remaining)
            block = fast.read_block(wanted, self._number, len(self.columns), self._layout)
            if block is not None:
                yield block
                return
        for piece in _pieces(body):
            yield exact.read(piece, self._number, self._remaining)

    def _skip(self, count: int) -> int:
        """Read `count` lines, or as many as there are; how many that were."""
        for skipped in range(count):
            if self._lines.read_line() is None:
                return skipped
        return max(count, 0)


def _pieces(body: bytes) -> Iterator[bytes]:
    """Whole lines, about `_EXACT_BYTES` at a time."""
    start = 0
    while start <= len(body):
        end = body.find(b"\n", start + _EXACT_BYTES)
        end = len(body) if end < 0 else end
        yield body[start:end]
        start = end + 1


def _first_lines(body: bytes, count: int) -> bytes:
    """The first lines of a block, without the end of the last."""
    end = -1
    for _ in range(count):
        end = body.find(b"\n", end + 1)
        if end < 0:
            return body
    return body[:end]
