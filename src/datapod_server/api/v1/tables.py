"""The `table` format: a header in order of first appearance, then one array per row. Source: rest-api.md, 8.2.

The header comes first but is only known when every column has been seen. Until then rows wait, written already where the order of columns
cannot change any more: behind each of them the nulls of later columns are put in. Once no further column can come, rows pass through.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from datapod_server.api.v1.single_values import Shape, pseudo_names, pseudo_writer, shown, single_rows
from datapod_server.values.json import atom_to_table, encode
from datapod_server.values.path import Path
from datapod_server.values.rows import Row

_LINES = msgspec.json.Encoder()
_END = b"]\n"  # ends a row and stands nowhere else: in texts a line feed is escaped


def table(blocks: Iterable[list[Row]], possible: int | None, shape: Shape) -> Iterator[bytes]:
    """`possible`: how many columns can occur; None if only rows tell."""
    writer = _Writer(shape)
    waiting: list[tuple[int, list[list[object]] | bytes]] = []
    opening: bytes | None = None
    for block in blocks:
        lines = writer.lines(block)
        if opening is None and len(writer.places) != possible:
            waiting.append((len(writer.places), lines if shape.sort_columns else _LINES.encode_lines(lines)))
            continue
        if opening is None:
            yield from writer.begin(waiting)
            waiting, opening = [], b"," if writer.begun else b""
        yield opening + encode(writer.ordered(lines))[1:-1]
        opening = b","
    if opening is None:
        yield from writer.begin(waiting)
    yield b"]"


class _Writer:
    """Turns rows into lines, and remembers which place a column has."""

    def __init__(self, shape: Shape) -> None:
        self.places: dict[Path, int] = {}
        self.begun = False  # whether something stands behind the opening bracket
        self._shape = shape
        self._pseudo = pseudo_writer(shape)
        self._pseudo_count = len(pseudo_names(shape))

    def lines(self, block: list[Row]) -> list[list[object]]:
        """All of one length: null where a row has no value."""
        places, pseudo = self.places, self._pseudo
        last: tuple[Path, ...] | None = None
        order: list[int] = []
        in_order = False
        lines: list[list[object]] = []
        for name, columns, values in single_rows(block):
            if columns != last:
                last = columns
                order = [places.setdefault(column, len(places)) for column in columns]
                in_order = order == list(range(len(order)))
            line = shown(values, atom_to_table)
            if not in_order:
                line = [None] * len(places)
                for place, value in zip(order, shown(values, atom_to_table), strict=True):
                    line[place] = value
            lines.append([*pseudo(name), *line])
        width = self._pseudo_count + len(places)
        for filled in lines:
            if len(filled) < width:
                filled.extend([None] * (width - len(filled)))
        return lines

    def ordered(self, lines: list[list[object]]) -> list[list[object]]:
        """With the columns sorted if that was asked for."""
        if not self._shape.sort_columns:
            return lines
        first = self._pseudo_count
        order = [*range(first), *(first + self.places[column] for column in self._columns())]
        return [[line[place] for place in order] for line in lines]

    def begin(self, waiting: list[tuple[int, list[list[object]] | bytes]]) -> Iterator[bytes]:
        """The header and the rows that waited for it."""
        start = b"["
        if self._shape.headers:
            yield b"[" + encode([*pseudo_names(self._shape), *map(str, self._columns())])
            start = b","
            self.begun = True
        for width, written in waiting:
            missing = len(self.places) - width
            if isinstance(written, bytes):
                padding = b",null" * missing if self._pseudo_count + width else b",".join([b"null"] * missing)
                text = written.replace(_END, padding + b"],")[:-1]
            else:
                text = encode(self.ordered([[*line, *([None] * missing)] for line in written]))[1:-1]
            yield start + text
            start = b","
            self.begun = True
        if not self.begun:
            yield b"["

    def _columns(self) -> list[Path]:
        return sorted(self.places, key=lambda column: column.key) if self._shape.sort_columns else list(self.places)
