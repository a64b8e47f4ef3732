"""Blocks of lines to columns, line by line: the road that knows every rule of the chapter."""

from __future__ import annotations

from datapod_server.datasets.packing import Packed, pack
from datapod_server.procedures.text.block import BadLine, Block
from datapod_server.procedures.text.fields import value_of
from datapod_server.procedures.text.layout import Layout
from datapod_server.procedures.text.tokenizer import LineError, split_line
from datapod_server.values.atoms import Atom


class ExactReader:
    """Reads consecutive blocks of one file; between two blocks it may hold an open multi-line record."""

    def __init__(self, layout: Layout, count: int) -> None:
        """`count` is the number of columns."""
        self._layout = layout
        self._count = count
        self._held: str | None = None

    @property
    def holds_record(self) -> bool:
        """Whether the next line continues a record."""
        return self._held is not None

    def read(self, body: bytes, first_number: int, limit: int) -> Block:
        """Read at most `limit` lines (-1: all); the first has the number `first_number`. A multi-line record counts as one."""
        numbers: list[int] = []
        rows: list[list[str]] = []
        bad: list[BadLine] = []
        number = first_number
        for raw in body.split(b"\n"):
            if 0 <= limit <= number - first_number:
                break
            line = self._layout.decode(raw.removesuffix(b"\r"), number)
            if self._held is not None:
                line = f"{self._held} {line}"
            elif self._layout.skip is not None and self._layout.skip.fullmatch(line):
                number += 1
                continue
            self._held = None
            try:
                fields = self._fields(line)
            except LineError as error:
                if self._layout.multi_line and error.may_continue:
                    self._held = line
                    continue
                bad.append(BadLine(number, error.column, error.reason, line))
            else:
                numbers.append(number)
                rows.append(fields)
            number += 1
        columns = [pack([self._value(text) for text in texts]) for texts in zip(*rows, strict=True)] if rows else self._no_rows()
        return Block(numbers, columns, bad, number - first_number)

    def _fields(self, line: str) -> list[str]:
        if not line:
            raise LineError("empty line", 1)
        return split_line(line.rstrip(self._layout.trimmed), self._count, self._layout)

    def _value(self, text: str) -> Atom:
        replacement = self._layout.replacement
        if replacement and ("\0" in text or "\x7f" in text) and text.isascii():
            text = text.replace("\0", replacement).replace("\x7f", replacement)
        return value_of(text)

    def _no_rows(self) -> list[Packed]:
        return [pack([]) for _ in range(self._count)]
