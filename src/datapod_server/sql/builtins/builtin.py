"""One row of the table of built-in functions, and how a call of it is made. Source: sql-functions.md, 1.3, 2."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from datapod_server.errors import DatapodError, QueryError
from datapod_server.sql.operators import cannot_convert
from datapod_server.sql.structures import ALWAYS, Embedding, RowValue, Value, Valued, later, latest_of, map_elements, row_time
from datapod_server.values.json import atom_to_json
from datapod_server.values.rows import Cell

if TYPE_CHECKING:
    from sqlglot import exp

    from datapod_server.storage.engine import ColumnKind

Evaluate = Callable[[Any], Valued]
"""From a `Scope` or `Group` to a value and its time."""


@dataclass(frozen=True, slots=True)
class Code:
    """An expression made ready: `run` for each row, `constant` if it needs none."""

    run: Evaluate
    constant: Valued | None = None
    is_row: bool = False  # known to give a row or an embedding


class Null(Enum):
    """What a null argument does."""

    IS_NULL = "the result is null, at the latest time of the arguments"
    IS_NULL_ALWAYS = "the result is null, at -Inf"
    IS_ERROR = "an error"
    IS_OWN = "the function looks itself"


class Stamp(Enum):
    """The time of the result."""

    LATEST = "the latest of the arguments"
    FIRST = "that of the first argument"
    ALWAYS = "-Inf"


class Takes(Enum):
    """What the Python function is called with."""

    ATOMS = "atoms; a row or embedding is an error"
    VALUES = "values of any kind"
    STAMPED = "pairs of value and time; it answers such a pair"


class Maps(Enum):
    """Whether the function goes over the members of rows and embeddings."""

    NOTHING = "it does not"
    UNARY = "of its one argument"
    BINARY = "of one of its two arguments, or of two embeddings of one size"


@dataclass(frozen=True, slots=True)
class Form:
    """How the compiler writes a call: DuckDB expressions of the arguments in, one out; exact for arguments of these kinds."""

    build: Callable[..., exp.Expression]
    exact_for: tuple[ColumnKind, ...]


@dataclass(frozen=True, slots=True)
class Builtin:
    """A built-in function.

    Attributes:
        function: Called with the arguments as `takes` says.
        minimum, maximum: Numbers of arguments; no maximum: any number.
        bind: Looks at the arguments once and gives the function to call; for those with constant arguments.
        all_values: An argument that is a bare column arrives with all values of its cell.
        folds: A call with constant arguments is evaluated when the query is bound.
    """

    name: str
    function: Callable[..., Any] | None
    minimum: int = 1
    maximum: int | None = 1
    null: Null = Null.IS_NULL
    stamp: Stamp = Stamp.LATEST
    takes: Takes = Takes.ATOMS
    maps: Maps = Maps.NOTHING
    bind: Callable[[Sequence[Code]], Callable[..., Any]] | None = None
    all_values: bool = False
    folds: bool = True
    arity_text: str | None = None
    duckdb: Form | None = field(default=None, compare=False)

    def check(self, count: int) -> None:
        """Raises `QueryError` for a wrong number of arguments."""
        if count >= self.minimum and (self.maximum is None or count <= self.maximum):
            return
        if self.arity_text is not None:
            raise QueryError(f"{self.arity_text}, got {count}")
        raise QueryError(f"{expectation(self.minimum, self.maximum)}, got {count}")


def expectation(minimum: int, maximum: int | None) -> str:
    """`expected 2 arguments`, `expected between 1 and 3 arguments`."""
    if maximum is None:
        return f"expected at least {minimum} arguments"
    if minimum == maximum:
        return f"expected {minimum} argument{'' if minimum == 1 else 's'}"
    return f"expected between {minimum} and {maximum} arguments"


def wrapped(stage: str, name: str, error: DatapodError, arguments: Sequence[Valued]) -> QueryError:
    """The error of a call in the two texts that clients match. Source: sql-functions.md, 2.6."""
    shown = [None if isinstance(value, RowValue | Embedding) else atom_to_json(value) for value, _ in arguments]
    return QueryError(f"{stage} builtin function {name}: {error}", functionName=name, functionArgs=shown, context={"error": str(error)})


def bind_call(builtin: Builtin, codes: Sequence[Code]) -> Evaluate:
    """What evaluates one call. Raises `QueryError` prefixed with `Binding builtin function NAME: `."""
    try:
        builtin.check(len(codes))
        function = builtin.bind(codes) if builtin.bind is not None else builtin.function
    except QueryError as error:
        raise wrapped("Binding", builtin.name, error, []) from error
    assert function is not None, builtin.name
    apply = _stamped(builtin, function)
    runs = [code.run for code in codes]
    name = builtin.name

    if len(runs) == 1:
        first = runs[0]

        def run_one(scope: Any) -> Valued:
            argument = first(scope)
            try:
                return apply(argument)
            except QueryError as error:
                raise wrapped("Executing", name, error, [argument]) from error

        return run_one

    def run_many(scope: Any) -> Valued:
        arguments = [run(scope) for run in runs]
        try:
            return apply(*arguments)
        except QueryError as error:
            raise wrapped("Executing", name, error, arguments) from error

    return run_many


def _stamped(builtin: Builtin, function: Callable[..., Any]) -> Callable[..., Valued]:
    """The function over pairs of value and time."""
    if builtin.takes is Takes.STAMPED:
        return function
    if builtin.maps is Maps.UNARY:
        return lambda argument: map_elements(argument[0], argument[1], lambda value: None if value is None else function(value))
    if builtin.maps is Maps.BINARY:
        return _binary(builtin, function)
    stamp, null, atoms_only = builtin.stamp, builtin.null, builtin.takes is Takes.ATOMS

    def apply(*arguments: Valued) -> Valued:
        values = []
        time = ALWAYS if not arguments or stamp is Stamp.ALWAYS else arguments[0][1]
        missing = False
        for value, at in arguments:
            if stamp is Stamp.LATEST and (at > time or time != time):
                time = at
            if value is None:
                missing = True
            elif atoms_only and isinstance(value, RowValue | Embedding):
                kind = "structured" if isinstance(value, RowValue) else "embedding"
                raise QueryError(f"Cannot convert value of type '{kind}' to 'atomic value'")
            values.append(value)
        if missing and null is not Null.IS_OWN:
            if null is Null.IS_ERROR:
                raise cannot_convert(None, "a value")
            return None, ALWAYS if null is Null.IS_NULL_ALWAYS else time
        return function(*values), time

    return apply


def _binary(builtin: Builtin, function: Callable[..., Any]) -> Callable[..., Valued]:
    def apply(left: Valued, right: Valued) -> Valued:
        one, other = left[0], right[0]
        if isinstance(one, Embedding) and isinstance(other, Embedding):
            if len(one.elements) != len(other.elements):
                raise QueryError("Attempt to apply function to incompatibly sized embeddings")
            pairs = zip(one.elements, other.elements, strict=True)
            return Embedding([function(a, b) for a, b in pairs], one.shape), later(left[1], right[1])
        structured = isinstance(one, RowValue | Embedding), isinstance(other, RowValue | Embedding)
        if all(structured):
            raise QueryError(f"{builtin.name} expects two embeddings, or one structure and one atom")
        if structured[0]:
            return _over(one, left[1], right[1], lambda value: function(value, other))
        if structured[1]:
            return _over(other, right[1], left[1], lambda value: function(one, value))
        return function(one, other), later(left[1], right[1])

    return apply


def _over(value: Value, time: float, other_time: float, change: Callable[[Any], Any]) -> Valued:
    if isinstance(value, Embedding):
        return map_elements(value, later(time, other_time), change)
    assert isinstance(value, RowValue)
    row = RowValue([Cell(cell.column, change(cell.value), later(cell.time, other_time)) for cell in value.cells])
    return row, row_time(row)


def latest_time(arguments: Sequence[Valued]) -> float:
    """The latest time of the arguments of a call."""
    return latest_of([time for _, time in arguments])
