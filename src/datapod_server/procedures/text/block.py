"""A piece of a text file as typed columns."""

from __future__ import annotations

from msgspec import Struct

from datapod_server.datasets.packing import Packed


class BadLine(Struct, frozen=True):
    """A line that does not parse.

    `number` counts from 1 as `lineNumber()` does; `column` is the position in the line, from 1, where parsing stopped.
    """

    number: int
    column: int
    reason: str
    line: str


class Block(Struct, frozen=True):
    """Rows of consecutive lines.

    Attributes:
        numbers: Line number of each row, ascending.
        columns: One per column of the file, all of the length of `numbers`.
        bad: Lines that do not parse; they are in no row.
        lines: How many lines were handed to the parser: rows, bad lines and those that `skipLineRegex` took.
    """

    numbers: list[int] | range
    columns: list[Packed]
    bad: list[BadLine]
    lines: int
