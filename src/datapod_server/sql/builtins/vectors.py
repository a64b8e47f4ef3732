"""Vectors and embeddings. Source: sql-functions.md, 17."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from datapod_server.errors import QueryError
from datapod_server.sql.builtins.builtin import Builtin, Takes
from datapod_server.sql.operators import quotient, to_double, to_integer
from datapod_server.sql.structures import ALWAYS, NEVER, Embedding, RowValue, Valued, as_row, latest_of, only_latest
from datapod_server.values.atoms import Atom, number
from datapod_server.values.rows import Cell


def elements(value: Any, time: float = NEVER) -> list[Atom]:
    """All atoms in order; an atom is a vector of one."""
    return list(value.elements) if isinstance(value, Embedding) else [cell.value for cell in only_latest(as_row(value, time)).cells]


def _length(doubles: Sequence[float], order: float, function: str) -> float:
    if order != order or order < 0:
        raise QueryError(f"Invalid power for {function}() function")
    if order == 0:
        return float(sum(value != 0 for value in doubles))
    if math.isinf(order):
        return max(map(abs, doubles), default=-math.inf)
    if order == 1:
        return float(sum(map(abs, doubles)))
    if order == 2:
        return math.sqrt(sum(value * value for value in doubles))
    return float(sum(abs(value) ** order for value in doubles) ** (1 / order))


def norm(vector: Valued, order: Valued) -> Valued:
    doubles = [to_double(value) for value in elements(*vector)]
    return number(_length(doubles, to_double(order[0]), "norm")), vector[1]


def normalize(vector: Valued, order: Valued) -> Valued:
    value, time = vector
    if not isinstance(value, RowValue | Embedding):
        raise QueryError("Can't normalize something that's not a row or embedding")
    doubles = [to_double(element) for element in elements(value, time)]
    length = _length(doubles, to_double(order[0]), "normalize")
    results = [number(quotient(double, length)) for double in doubles]
    return _shaped_like(value, results, time), time


def _shaped_like(value: Any, results: Sequence[Atom], time: float) -> RowValue | Embedding:
    if isinstance(value, Embedding):
        return Embedding(results, value.shape)
    cells = only_latest(as_row(value, time)).cells
    return RowValue([Cell(cell.column, result, cell.time) for cell, result in zip(cells, results, strict=True)], is_sorted=True)


def _elementwise(combine: Callable[[float, float], float]) -> Callable[[Valued, Valued], Valued]:
    def apply(left: Valued, right: Valued) -> Valued:
        one, other = left[0], right[0]
        if not isinstance(other, RowValue | Embedding) or not isinstance(one, RowValue | Embedding):
            raise QueryError("Cannot extract embedding from atom")
        time = min(left[1], right[1], key=lambda at: (at == at, at))
        names = [cell.column for cell in as_row(one, left[1]).cells]
        found = {cell.column: cell.value for cell in as_row(other, right[1]).cells}
        if set(found) - set(names) or (isinstance(one, Embedding) and isinstance(other, Embedding) and len(found) != len(names)):
            raise QueryError("wrong number of columns for embedding")
        results = []
        for name, value in zip(names, elements(one, left[1]), strict=True):
            results.append(number(combine(to_double(value), to_double(found[name]) if name in found else math.nan)))
        return _shaped_like(one, results, time), time

    return apply


def shape_of(value: Any) -> tuple[int, ...] | None:
    """The sizes of an embedding, or of a row whose columns are consecutive indices; None for anything else."""
    if isinstance(value, Embedding):
        return value.shape
    if not isinstance(value, RowValue):
        return None
    members = list(value.members())
    if [name for name, _, _ in members] != [str(place) for place in range(len(members))]:
        return None
    inner = {shape_of(member) or () for _, member, _ in members}
    return (len(members), *inner.pop()) if len(inner) == 1 else (0,) if not members else None


def as_embedding(value: Any, refusal: str) -> Embedding:
    sizes = shape_of(value)
    if sizes is None:
        raise QueryError(refusal)
    return Embedding(elements(value), sizes)


def shape(value: Valued) -> Valued:
    return Embedding(as_embedding(value[0], "shape requires an array as first argument").shape), value[1]


def reshape(value: Valued, target: Valued, *fill: Valued) -> Valued:
    sizes = tuple(to_integer(size) for size in elements(as_embedding(target[0], "reshape requires an embedding as second argument")))
    count = math.prod(sizes)
    if not isinstance(value[0], RowValue | Embedding):
        if not fill:
            raise QueryError("Null embedding needs third argument to reshape()")
        if value[0] is not None:
            raise QueryError("Expected null first argument for scalar reshape()")
        return Embedding([fill[0][0]] * count, sizes), value[1]
    found = elements(*value)
    if fill:
        found = found[:count] + [fill[0][0]] * (count - len(found))
    elif len(found) != count:
        raise QueryError(f"Attempt to change embedding size by reshaping.  Original size is [{len(found)}] target size is [{count}]")
    return Embedding(found, sizes), value[1] if isinstance(value[0], Embedding) else ALWAYS


def concat(*vectors: Valued) -> Valued:
    """Joined along the first dimension."""
    if not vectors:
        return None, ALWAYS
    parts = [as_embedding(value, "concat requires embeddings") for value, _ in vectors]
    if len({part.shape[1:] for part in parts}) > 1:
        raise QueryError("Attempt to concat vectors with different shapes")
    joined = [element for part in parts for element in part.elements]
    return Embedding(joined, (sum(part.shape[0] for part in parts), *parts[0].shape[1:])), latest_of([time for _, time in vectors])


def slice_last(value: Valued, place: Valued) -> Valued:
    """Fixes the last index."""
    array, index = as_embedding(value[0], "slice requires an embedding"), to_integer(place[0])
    if index < 0:
        raise QueryError("slice function index is less than zero")
    if index >= array.shape[-1]:
        raise QueryError("slice function index is greater than last dimension size")
    found = array.elements[index :: array.shape[-1]]
    return (found[0] if len(array.shape) == 1 else Embedding(found, array.shape[:-1])), value[1]


BUILTINS = (
    Builtin("norm", norm, 2, 2, takes=Takes.STAMPED),
    Builtin("normalize", normalize, 2, 2, takes=Takes.STAMPED),
    Builtin("vector_sum", _elementwise(lambda one, other: one + other), 2, 2, takes=Takes.STAMPED),
    Builtin("vector_diff", _elementwise(lambda one, other: one - other), 2, 2, takes=Takes.STAMPED),
    Builtin("vector_product", _elementwise(lambda one, other: one * other), 2, 2, takes=Takes.STAMPED),
    Builtin("vector_quotient", _elementwise(quotient), 2, 2, takes=Takes.STAMPED),
    Builtin("shape", shape, takes=Takes.STAMPED),
    Builtin("reshape", reshape, 2, 3, takes=Takes.STAMPED),
    Builtin("flatten", lambda value: (Embedding(elements(*value)), value[1]), takes=Takes.STAMPED),
    Builtin("concat", concat, 0, None, takes=Takes.STAMPED),
    Builtin("slice", slice_last, 2, 2, takes=Takes.STAMPED),
)
