"""Functions that go over the atoms of one row. Source: sql-functions.md, 15 and 16."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from datapod_server.errors import QueryError
from datapod_server.sql.builtins.builtin import Builtin, Takes
from datapod_server.sql.lengths import joined
from datapod_server.sql.operators import to_double
from datapod_server.sql.structures import ALWAYS, NEVER, Embedding, RowValue, Valued, as_row, atom, latest_of, only_latest, value_key
from datapod_server.values.atoms import Atom, number, text_form
from datapod_server.values.rows import Cell


def atoms(value: Valued) -> list[Cell]:
    """All atoms that are not null, one per cell, in column order."""
    return [cell for cell in only_latest(as_row(*value)).cells if cell.value is not None]


def _time(cells: list[Cell]) -> float:
    return latest_of([cell.time for cell in cells]) if cells else ALWAYS


def _total(cells: list[Cell]) -> float:
    total = 0.0
    for cell in cells:
        total += to_double(cell.value)
    return total


def horizontal_count(row: Valued) -> Valued:
    cells = atoms(row)
    return len(cells), _time(cells)


def horizontal_sum(row: Valued) -> Valued:
    cells = atoms(row)
    return number(_total(cells)), _time(cells)


def horizontal_avg(row: Valued) -> Valued:
    cells = atoms(row)
    return (number(_total(cells) / len(cells)), _time(cells)) if cells else (None, row[1])


def _extreme(choose: Callable[..., Cell]) -> Callable[[Valued], Valued]:
    def apply(row: Valued) -> Valued:
        cells = atoms(row)
        return choose(cells, key=lambda cell: value_key(cell.value))[1:] if cells else (None, ALWAYS)

    return apply


def horizontal_string_agg(row: Valued, separator: Valued = (None, NEVER)) -> Valued:
    cells = atoms(row)
    return joined(text_form(atom(separator[0])), [text_form(cell.value) for cell in cells]), _time(cells)


def _by_time(sign: int) -> Callable[[Valued], Valued]:
    def apply(row: Valued) -> Valued:
        cells = atoms(row)
        if not cells:
            return None, ALWAYS
        return min(cells, key=lambda cell: (sign * (cell.time == cell.time), sign * cell.time, value_key(cell.value)))[1:]

    return apply


def jaccard_index(left: Valued, right: Valued) -> Valued:
    """Shared part of the names of the columns that are not null; stamped with the present."""
    if not isinstance(left[0], RowValue | Embedding) or not isinstance(right[0], RowValue | Embedding):
        raise QueryError("The arguments passed to the jaccard_index must be two row expressions")
    one, other = ({cell.column[-1] for cell in atoms(side)} for side in (left, right))
    shared: Atom = number(len(one & other) / len(one | other)) if one | other else 1
    return shared, time.time()


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "horizontal_count": horizontal_count,
    "horizontal_sum": horizontal_sum,
    "horizontal_avg": horizontal_avg,
    "horizontal_min": _extreme(min),
    "horizontal_max": _extreme(max),
    "horizontal_earliest": _by_time(1),
    "horizontal_latest": _by_time(-1),
}

BUILTINS = (
    *(Builtin(name, function, takes=Takes.STAMPED) for name, function in _FUNCTIONS.items()),
    Builtin("horizontal_string_agg", horizontal_string_agg, 1, 2, takes=Takes.STAMPED),
    Builtin("jaccard_index", jaccard_index, 2, 2, takes=Takes.STAMPED, folds=False),
)
