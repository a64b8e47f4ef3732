"""Values of expressions: atoms, rows and embeddings, each beside its time. Source: sql-language.md, 1.4, 2.6 to 2.9, 2.12.

While a query runs, every value travels as a pair (value, time in seconds); "not a date" is NaN and earlier than all times.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from datapod_server.errors import QueryError
from datapod_server.values.atoms import Atom, equal, is_false, is_true, order_key
from datapod_server.values.path import Path
from datapod_server.values.rows import Cell, latest

ALWAYS = -math.inf
NEVER = math.nan


class RowValue:
    """A row as a value: its flattened cells in natural path order, equal paths in value order."""

    __slots__ = ("cells",)

    def __init__(self, cells: Iterable[Cell], *, is_sorted: bool = False) -> None:
        self.cells: Sequence[Cell] = list(cells) if is_sorted else sort_cells(list(cells))

    def _content(self) -> tuple[Any, ...]:
        return tuple([(tuple(cell.column), canonical(cell.value)) for cell in self.cells])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RowValue) and self._content() == other._content()

    def __hash__(self) -> int:
        return hash(self._content())

    def __bool__(self) -> bool:
        return bool(self.cells)

    def members(self) -> Iterator[tuple[str, Value, float]]:
        """Top-level members in order: an atom each, or the structure of all deeper cells; a name may come several times."""
        position, cells = 0, self.cells
        while position < len(cells):
            cell = cells[position]
            if len(cell.column) <= 1:
                yield (cell.column[0] if cell.column else ""), cell.value, cell.time
                position += 1
                continue
            name, inner = cell.column[0], []
            while position < len(cells) and len(cells[position].column) > 1 and cells[position].column[0] == name:
                column, value, time = cells[position]
                inner.append(Cell(Path(column[1:]), value, time))
                position += 1
            row = RowValue(inner, is_sorted=True)
            yield name, row, row_time(row)


class Embedding:
    """An array of atoms: `shape` gives the sizes of its dimensions, `elements` all atoms in row-major order."""

    __slots__ = ("elements", "shape")

    def __init__(self, elements: Sequence[Atom], shape: tuple[int, ...] | None = None) -> None:
        self.elements = tuple(elements)
        self.shape = (len(self.elements),) if shape is None else shape

    def _content(self) -> tuple[Any, ...]:
        return (self.shape, tuple([canonical(element) for element in self.elements]))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Embedding) and self._content() == other._content()

    def __hash__(self) -> int:
        return hash(self._content())

    def paths(self) -> list[Path]:
        """The path of each element, as flattening names it."""
        paths = [Path()]
        for size in self.shape:
            paths = [Path((*path, str(index))) for path in paths for index in range(size)]
        return paths


Value = Atom | RowValue | Embedding
Valued = tuple[Any, float]
"""A value (see `Value`) and its time."""

MISSING: Valued = (None, ALWAYS)


def later(left: float, right: float) -> float:
    """The later of two times; "not a date" only if both are."""
    return right if left != left or right > left else left


def latest_of(times: Iterable[float]) -> float:
    result = NEVER
    for time in times:
        if result != result or time > result:
            result = time
    return result


def row_time(row: RowValue) -> float:
    """The row's own time: the latest of its cells, "not a date" if it has none."""
    return latest_of([cell.time for cell in row.cells])


_ORDERS: dict[tuple[Path, ...], tuple[list[int] | None, bool]] = {}
_ORDERS_KEPT = 4096


def sort_cells(cells: list[Cell]) -> list[Cell]:
    """Natural path order, equal paths in value order. The order of one shape of row is computed once."""
    if len(cells) < 2:
        return cells
    shape = tuple([cell[0] for cell in cells])
    known = _ORDERS.get(shape)
    if known is None:
        order = sorted(range(len(shape)), key=lambda place: shape[place].key)
        repeats = len(set(shape)) != len(shape)
        known = (None if order == list(range(len(shape))) else order, repeats)
        if len(_ORDERS) >= _ORDERS_KEPT:
            _ORDERS.clear()
        _ORDERS[shape] = known
    order_of_shape, repeats = known
    result = cells if order_of_shape is None else [cells[place] for place in order_of_shape]
    if repeats:
        result = sorted(result, key=lambda cell: (cell.column.key, order_key(cell.value)))
    return result


def cells_of(value: Value, time: float, name: Path) -> list[Cell]:
    """A value flattened below a name."""
    if isinstance(value, RowValue):
        return [Cell(name + cell.column, cell.value, cell.time) for cell in value.cells]
    if isinstance(value, Embedding):
        return [Cell(name + path, element, time) for path, element in zip(value.paths(), value.elements, strict=True)]
    return [Cell(name, value, time)]


def as_row(value: Value, time: float) -> RowValue:
    """A row or embedding as a row; an atom is the row of one nameless cell."""
    if isinstance(value, RowValue):
        return value
    return RowValue(cells_of(value, time, Path()), is_sorted=True)


def is_structured(value: Value) -> bool:
    return isinstance(value, RowValue | Embedding)


def canonical(value: Value) -> Any:
    """Something hashable that is equal exactly where the values are (2.8)."""
    if isinstance(value, float) and value != value:
        return "nan", float
    if isinstance(value, Path):
        return "path", tuple(value)
    return value


def equal_values(left: Value, right: Value) -> bool:
    """Equality of values that are not null. Source: 2.8."""
    if is_structured(left) or is_structured(right):
        return left == right
    return equal(left, right)  # type: ignore[arg-type]


def value_key(value: Value) -> tuple[Any, ...]:
    """Sorts values of all kinds: null < atoms < rows < embeddings. Source: 2.9."""
    if isinstance(value, RowValue):
        return (7, [(cell.column.key, order_key(cell.value)) for cell in value.cells])
    if isinstance(value, Embedding):
        return (8, len(value.elements), [order_key(element) for element in value.elements])
    return order_key(value)


def true(value: Value) -> bool:
    """Source: 2.7."""
    kind = type(value)
    if kind is int or kind is str or value is None:
        return bool(value)
    if kind is RowValue:
        return bool(value.cells)  # type: ignore[union-attr]
    if kind is Embedding:
        return bool(value.elements)  # type: ignore[union-attr]
    return is_true(value)  # type: ignore[arg-type]


def false(value: Value) -> bool:
    if value is None:
        return False
    kind = type(value)
    if kind is int or kind is str:
        return not value
    if isinstance(value, RowValue):
        return not value.cells
    return not isinstance(value, Embedding) and is_false(value)


def atom(value: Value) -> Atom:
    """The value if it is an atom.

    Raises:
        QueryError: It is a row or an embedding.
    """
    if isinstance(value, RowValue | Embedding):
        kind = "structured" if isinstance(value, RowValue) else "embedding"
        raise QueryError(f"Cannot convert value of type '{kind}' to 'atomic value'")
    return value


def only_latest(row: RowValue) -> RowValue:
    """The row with one value per cell. Source: 1.6."""
    cells = row.cells
    if len({cell.column for cell in cells}) == len(cells):
        return row
    groups: dict[Path, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(cell.column, []).append(cell)
    return RowValue([latest(group) for group in groups.values()], is_sorted=True)


def map_elements(value: Value, time: float, change: Callable[[Atom], Atom]) -> Valued:
    """A structured value with each atom changed; names, shape and times stay."""
    if isinstance(value, Embedding):
        return Embedding([change(element) for element in value.elements], value.shape), time
    if isinstance(value, RowValue):
        return RowValue([Cell(cell.column, change(cell.value), cell.time) for cell in value.cells]), time
    return change(value), time
