"""Aggregators: what one group keeps while rows pass. Source: sql-functions.md, 21."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from datapod_server.errors import QueryError
from datapod_server.sql.builtins.builtin import expectation
from datapod_server.sql.lengths import joined
from datapod_server.sql.operators import to_double
from datapod_server.sql.structures import (
    ALWAYS,
    NEVER,
    RowValue,
    Valued,
    as_row,
    atom,
    canonical,
    cells_of,
    is_structured,
    later,
    row_time,
    true,
    value_key,
)  # fmt: skip
from datapod_server.values.atoms import number, text_form
from datapod_server.values.path import Path
from datapod_server.values.rows import Cell


class Accumulator(Protocol):
    """`add` is called once per row with the arguments' latest values, nulls included; then `result` once."""

    def add(self, *arguments: Valued) -> None: ...
    def result(self) -> Valued: ...


class _Count:
    def __init__(self) -> None:
        self._count, self._time = 0, ALWAYS

    def add(self, *arguments: Valued) -> None:
        value, time = arguments[0]
        if value is not None:
            self._count += 1
            self._time = later(self._time, time)

    def result(self) -> Valued:
        return self._count, self._time


class CountRows:
    """`count(*)`: rows, also those without any column."""

    def __init__(self) -> None:
        self._count = 0

    def add(self, *arguments: Valued) -> None:
        self._count += 1

    def result(self) -> Valued:
        return self._count, ALWAYS


class _CountDistinct:
    def __init__(self) -> None:
        self._seen: set[Any] = set()
        self._time = ALWAYS

    def add(self, *arguments: Valued) -> None:
        value, time = arguments[0]
        if value is not None:
            self._seen.add((type(value) is str, canonical(value)))
            self._time = later(self._time, time)

    def result(self) -> Valued:
        return len(self._seen), self._time


class _Sum:
    """The sum, or the mean, in double precision. Compensated, so that the order of rows and the engine's own order give one answer."""

    def __init__(self, *, mean: bool = False) -> None:
        self._values: list[float] = []
        self._time, self._mean = ALWAYS, mean

    def add(self, *arguments: Valued) -> None:
        value, time = arguments[0]
        if value is not None:
            self._values.append(to_double(value))
            self._time = later(self._time, time)

    def result(self) -> Valued:
        if self._mean and not self._values:
            return math.nan, self._time
        total = _exact_sum(self._values)
        return number(total / len(self._values) if self._mean else total), self._time


def _exact_sum(values: Sequence[float]) -> float:
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):  # infinities of both signs, or an overflow on the way
        return float(sum(values))


class _Extreme:
    """`min` and `max`; of equal values the earliest time."""

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self._best: Valued = (None, ALWAYS)
        self._key: Any = None

    def add(self, *arguments: Valued) -> None:
        value, time = arguments[0]
        if value is None:
            return
        key = value_key(atom(value))
        if self._key is None or (key < self._key if self._sign < 0 else key > self._key):
            self._best, self._key = (value, time), key
        elif key == self._key and (time < self._best[1] or time != time):
            self._best = value, time

    def result(self) -> Valued:
        return self._best


class _Variance:
    """Sample variance, or its root, by Welford's method; NaN below two values."""

    def __init__(self, *, root: bool) -> None:
        self._count, self._mean, self._squares, self._time, self._root = 0, 0.0, 0.0, ALWAYS, root

    def add(self, *arguments: Valued) -> None:
        value, time = arguments[0]
        if value is None:
            return
        double = to_double(value)
        self._count += 1
        distance = double - self._mean
        self._mean += distance / self._count
        self._squares += distance * (double - self._mean)
        self._time = later(self._time, time)

    def result(self) -> Valued:
        if self._count < 2:
            return math.nan, self._time
        variance = self._squares / (self._count - 1)
        return number(math.sqrt(variance) if self._root else variance), self._time


class _ByTime:
    """`earliest` and `latest`; of equal times the smaller value."""

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self._best: Valued = (None, ALWAYS)
        self._key: Any = None

    def add(self, *arguments: Valued) -> None:
        value, time = arguments[0]
        if value is None:
            return
        key = (self._sign * (time == time), self._sign * time if time == time else 0.0, value_key(value))
        if self._key is None or key < self._key:
            self._best, self._key = (value, time), key

    def result(self) -> Valued:
        return self._best


class _StringAgg:
    """Always sorted: by the third argument, then the text, then the separator, which stands behind its own item."""

    def __init__(self) -> None:
        self._items: list[tuple[Any, str, str]] = []
        self._time = ALWAYS

    def add(self, *arguments: Valued) -> None:
        (value, time), (separator, _) = arguments[:2]
        if value is not None:
            order = value_key(arguments[2][0]) if len(arguments) > 2 else ()
            self._items.append((order, text_form(atom(value)), text_form(atom(separator))))
            self._time = later(self._time, time)

    def result(self) -> Valued:
        self._items.sort(key=lambda item: (item[0], item[1].encode(), item[2].encode()))
        parts = [part for _, text, separator in self._items for part in (text, separator)]
        return joined("", parts[:-1]), self._time


class _Pivot:
    def __init__(self) -> None:
        self._cells: list[Cell] = []

    def add(self, *arguments: Valued) -> None:
        (name, _), (value, time) = arguments
        if name is None:
            raise QueryError("pivot needs the name of a column, not null")
        self._cells += cells_of(value, time, Path((text_form(atom(name)),)))

    def result(self) -> Valued:
        row = RowValue(self._cells)
        return row, row_time(row)


class _LikelihoodRatio:
    def __init__(self) -> None:
        self._rows = [0, 0]
        self._cells: dict[str, list[int]] = {}
        self._time = NEVER

    def add(self, *arguments: Valued) -> None:
        row, condition = arguments
        side = int(true(condition[0]))
        self._rows[side] += 1
        if row[0] is None:
            return
        for cell in as_row(*row).cells:
            self._cells.setdefault(cell.column[-1] if cell.column else "", [0, 0])[side] += 1
            self._time = later(self._time, cell.time)

    def result(self) -> Valued:
        return RowValue([Cell(Path((name,)), number(self._ratio(counts)), self._time) for name, counts in self._cells.items()]), self._time

    def _ratio(self, counts: list[int]) -> float:
        if not self._rows[0] or not self._rows[1]:
            return math.nan
        shares = counts[0] / self._rows[0], counts[1] / self._rows[1]
        if shares[0] == 0:
            return math.inf if shares[1] else math.nan
        return math.log(shares[1] / shares[0]) if shares[1] else -math.inf


class PerColumn:
    """An aggregator of one argument over rows: one accumulator for each top-level column."""

    def __init__(self, make: Callable[[], Accumulator]) -> None:
        self._make = make
        self._columns: dict[str, Accumulator] = {}

    def add(self, *arguments: Valued) -> None:
        value, time = arguments[0]
        if value is None:
            return
        for name, member, at in as_row(value, time).members():
            column = self._columns.get(name)
            if column is None:
                column = self._columns[name] = self._make()
            column.add((member, at))

    def result(self) -> Valued:
        cells = [cell for name, column in self._columns.items() for cell in cells_of(*column.result(), Path((name,)))]
        row = RowValue(cells)
        return row, row_time(row)


class Undecided:
    """Of an argument whose kind is not known: the first value that is not null decides."""

    def __init__(self, make: Callable[[], Accumulator]) -> None:
        self._make = make
        self._chosen: Accumulator | None = None

    def add(self, *arguments: Valued) -> None:
        if self._chosen is None:
            if arguments[0][0] is None:
                return
            self._chosen = PerColumn(self._make) if is_structured(arguments[0][0]) else self._make()
        self._chosen.add(*arguments)

    def result(self) -> Valued:
        return (self._chosen or self._make()).result()


@dataclass(frozen=True, slots=True)
class Aggregator:
    """One row of the table. `whole_rows`: a row as argument is not taken apart."""

    name: str
    make: Callable[[], Accumulator]
    minimum: int = 1
    maximum: int = 1
    whole_rows: bool = False

    def check(self, count: int) -> None:
        """Raises `QueryError` for a wrong number of arguments."""
        if not self.minimum <= count <= self.maximum:
            raise QueryError(f"function {self.name} {expectation(self.minimum, self.maximum)}, got {count}")

    def accumulator(self, *, is_row: bool, is_atom: bool) -> Accumulator:
        """A new one; `is_row` and `is_atom` say what is known of the argument."""
        if self.whole_rows or is_atom:
            return self.make()
        return PerColumn(self.make) if is_row else Undecided(self.make)


_BOTH: tuple[tuple[str, Callable[[], Accumulator]], ...] = (
    ("count", _Count),
    ("sum", _Sum),
    ("avg", lambda: _Sum(mean=True)),
    ("min", lambda: _Extreme(-1)),
    ("max", lambda: _Extreme(1)),
    ("variance", lambda: _Variance(root=False)),
    ("stddev", lambda: _Variance(root=True)),
    ("earliest", lambda: _ByTime(1)),
    ("latest", lambda: _ByTime(-1)),
)

_ALL = (
    *(Aggregator(prefix + name, make) for name, make in _BOTH for prefix in ("", "vertical_")),
    Aggregator("count_distinct", _CountDistinct),
    Aggregator("string_agg", _StringAgg, 2, 3, whole_rows=True),
    Aggregator("vertical_string_agg", _StringAgg, 2, 3, whole_rows=True),
    Aggregator("pivot", _Pivot, 2, 2, whole_rows=True),
    Aggregator("likelihood_ratio", _LikelihoodRatio, 2, 2, whole_rows=True),
)

AGGREGATORS = {aggregator.name: aggregator for aggregator in _ALL}
