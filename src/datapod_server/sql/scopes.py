"""What an expression is evaluated over: one row, or one group. Source: sql-language.md, 1.6, 5.1, 8.6, 10."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from datapod_server.sql.structures import MISSING, RowValue, Valued, row_time
from datapod_server.values.path import Path
from datapod_server.values.rows import Cell, latest


class JoinedNames(NamedTuple):
    """Row names of the sides of a join; None where a side is missing."""

    by_alias: Mapping[str, Path | None]
    left: Path | None
    right: Path | None


class Scope:
    """One input row. `value_time` is the time of the value under test in WHEN; `extra` belongs to whoever made the row."""

    __slots__ = ("_index", "_repeats", "cells", "extra", "joined", "name", "output", "value_time")

    def __init__(self, name: Path, cells: Sequence[Cell], joined: JoinedNames | None = None, extra: Any = None) -> None:
        self.name = name
        self.cells = cells
        self.joined = joined
        self.extra = extra
        self.value_time = 0.0
        self.output: Scope | None = None
        self._index: dict[Path, Cell] | None = None
        self._repeats = False

    def _indexed(self) -> dict[Path, Cell]:
        index = {cell[0]: cell for cell in self.cells}
        if len(index) != len(self.cells):
            self._repeats = True
            groups: dict[Path, list[Cell]] = {}
            for cell in self.cells:
                groups.setdefault(cell.column, []).append(cell)
            index = {column: latest(cells) for column, cells in groups.items()}
        self._index = index
        return index

    def repeats(self) -> bool:
        """Whether some cell holds several values."""
        if self._index is None:
            self._indexed()
        return self._repeats

    def has(self, path: Path) -> bool:
        """Whether there is an atom of that name, or a column below it."""
        index = self._index if self._index is not None else self._indexed()
        return path in index or any(cell.column[: len(path)] == path for cell in self.cells)

    def find(self, path: Path) -> Valued:
        """The latest value under exactly that path, or the structure below it, or null."""
        index = self._index if self._index is not None else self._indexed()
        cell = index.get(path)
        return cell[1:] if cell is not None else self._structure(path)

    def _structure(self, path: Path) -> Valued:
        depth = len(path)
        inner = [
            Cell(Path(column[depth:]), value, time) for column, value, time in self.cells if len(column) > depth and column[:depth] == path
        ]
        if not inner:
            return MISSING
        row = RowValue(inner)
        return row, row_time(row)

    def cells_at(self, path: Path) -> list[Cell]:
        """All values under exactly that path with their own times, or the cells below it with the rest of their names.

        Columns of the result are relative: the empty path for the values of the column itself.
        """
        index = self._index if self._index is not None else self._indexed()
        cell = index.get(path)
        if cell is not None:
            if not self._repeats:
                return [Cell(_EMPTY, cell.value, cell.time)]
            return [Cell(_EMPTY, value, time) for column, value, time in self.cells if column == path]
        depth = len(path)
        return [
            Cell(Path(column[depth:]), value, time) for column, value, time in self.cells if len(column) > depth and column[:depth] == path
        ]


def atom_reader(path: Path) -> Callable[[Scope], Valued]:
    """`Scope.find` for a path below which no columns are known; the most frequent call of all, hence in one piece."""

    def read(scope: Scope) -> Valued:
        index = scope._index
        if index is None:
            index = scope._indexed()
        cell = index.get(path)
        return MISSING if cell is None else cell[1:]

    return read


_EMPTY = Path()


class Group:
    """One group: its name, keys and results of aggregators; `output` is its row of the answer, for ORDER BY."""

    __slots__ = ("keys", "name", "output", "results")

    def __init__(self, name: Path, keys: Sequence[Valued], results: Sequence[Valued]) -> None:
        self.name = name
        self.keys = keys
        self.results = results
        self.output: Scope | None = None
