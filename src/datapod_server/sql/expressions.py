"""Expressions made ready: each node becomes a Python function from a scope to a value and its time. One handler per node.

Names, numbers of arguments and constants are settled here, once; what is left for each row is the work itself.
Source: sql-language.md, 5, 2.12.
"""

from __future__ import annotations

import operator as operators
from collections.abc import Callable, Sequence
from functools import singledispatch
from typing import Any

from datapod_server.errors import QueryError
from datapod_server.sql import tree
from datapod_server.sql.builtins import BUILT_IN
from datapod_server.sql.builtins.builtin import Code, Evaluate, bind_call
from datapod_server.sql.builtins.dates import restamp
from datapod_server.sql.builtins.paths import CASTS, to_timestamp
from datapod_server.sql.contexts import Context, MembersContext
from datapod_server.sql.like import like
from datapod_server.sql.operators import ARITHMETIC, BITS, arithmetic, invert, negate
from datapod_server.sql.scopes import Scope
from datapod_server.sql.structures import (
    ALWAYS,
    NEVER,
    Embedding,
    RowValue,
    Value,
    Valued,
    as_row,
    atom,
    equal_values,
    false,
    later,
    latest_of,
    map_elements,
    row_time,
    true,
    value_key,
)  # fmt: skip
from datapod_server.sql.tables import Apply
from datapod_server.values.path import Path
from datapod_server.values.timestamp import Timestamp

_NULL: Valued = (None, ALWAYS)


def bind_expression(node: tree.Expression, context: Context) -> Code:
    """Make an expression ready where `context` says what names mean. Raises `QueryError`."""
    replaced = context.replaced(node)
    return _bind(node, context) if replaced is None else replaced


@singledispatch
def _bind(node: tree.Expression, context: Context) -> Code:
    raise QueryError(f"{type(node).__name__} is parsed but not executed yet")


def constant(value: Valued) -> Code:
    """An expression that is the same for every row."""
    return Code(lambda _: value, value, isinstance(value[0], RowValue | Embedding))


def _folded(run: Evaluate, codes: Sequence[Code], *, is_row: bool = False) -> Code:
    """Evaluated now if all parts are constant; an error is then one of the query, whether rows come or not."""
    if all(code.constant is not None for code in codes):
        return constant(run(None))
    return Code(run, is_row=is_row)


@_bind.register
def _(node: tree.Literal, context: Context) -> Code:
    return constant((node.value, ALWAYS))


@_bind.register
def _(node: tree.Parameter, context: Context) -> Code:
    parameters = context.environment.parameters
    if parameters is None:
        if context.place():
            raise QueryError("Bound parameters requested but none passed")
        raise QueryError("a query without FROM does not support bound parameters ($1... or $name)")
    if node.name not in parameters:
        raise QueryError(f"No query parameter {node.name}")
    return constant(parameters[node.name])


@_bind.register
def _(node: tree.Column, context: Context) -> Code:
    return context.column(node.path)


# Operators


@_bind.register
def _(node: tree.Unary, context: Context) -> Code:
    if node.operator == "+":
        raise QueryError("Unknown arithmetic op + unary")
    operand = bind_expression(node.operand, context)
    return _folded(_UNARY[node.operator](operand.run), [operand])


def _each(change: Callable[[Any], Any]) -> Callable[[Evaluate], Evaluate]:
    """An operator that goes over the atoms of structures; null stays."""

    def made(run: Evaluate) -> Evaluate:
        def apply(scope: Any) -> Valued:
            value, time = run(scope)
            return map_elements(value, time, lambda element: None if element is None else change(element))

        return apply

    return made


def _not(run: Evaluate) -> Evaluate:
    def apply(scope: Any) -> Valued:
        value, time = run(scope)
        return (None if value is None else int(not true(value))), time

    return apply


def _to_timestamp(run: Evaluate) -> Evaluate:
    def apply(scope: Any) -> Valued:
        value, time = run(scope)
        return (None if value is None else to_timestamp(value)), time

    return apply


def _invert(run: Evaluate) -> Evaluate:
    def apply(scope: Any) -> Valued:
        value, time = run(scope)
        return (None if value is None else invert(atom(value))), time

    return apply


_UNARY: dict[str, Callable[[Evaluate], Evaluate]] = {"-": _each(negate), "~": _invert, "NOT": _not, "TIMESTAMP": _to_timestamp}


@_bind.register
def _(node: tree.Binary, context: Context) -> Code:
    left, right = bind_expression(node.left, context), bind_expression(node.right, context)
    operator = node.operator
    if operator in ARITHMETIC:
        return _folded(_arithmetic(operator, left.run, right.run), [left, right])
    if operator in COMPARISONS:
        return _folded(_comparison(operator, left.run, right.run), [left, right])
    if operator in ("AND", "OR"):
        return _logic(operator, left, right)
    if operator in BITS:
        return _folded(_bits(operator, left.run, right.run), [left, right])
    if operator == "@":
        return _folded(lambda scope: restamp(left.run(scope), right.run(scope)), [left, right], is_row=left.is_row)
    raise QueryError(f"Unknown comparison op {operator}")


def _arithmetic(operator: str, left: Evaluate, right: Evaluate) -> Evaluate:
    function = ARITHMETIC[operator]

    def apply(scope: Any) -> Valued:
        a, time_a = left(scope)
        b, time_b = right(scope)
        if type(a) is int or type(a) is float:
            kind = type(b)
            if kind is int or kind is float:
                return function(a, b), (time_b if time_b > time_a or time_a != time_a else time_a)
        return arithmetic(function, a, time_a, b, time_b)

    return apply


def _bits(operator: str, left: Evaluate, right: Evaluate) -> Evaluate:
    function = BITS[operator]

    def apply(scope: Any) -> Valued:
        (a, time_a), (b, time_b) = left(scope), right(scope)
        time = later(time_a, time_b)
        return (None if a is None or b is None else function(atom(a), atom(b))), time

    return apply


def _is_plain_number(value: Value) -> bool:
    return type(value) is int or (type(value) is float and value == value)


def equals(a: Value, b: Value) -> bool:
    """Equality of values that are not null."""
    if (type(a) is str and type(b) is str) or (_is_plain_number(a) and _is_plain_number(b)):
        return a == b
    return equal_values(a, b)


def _less(a: Value, b: Value) -> bool:
    if _is_plain_number(a) and _is_plain_number(b):
        return a < b  # type: ignore[operator]
    return value_key(a) < value_key(b)


COMPARISONS: dict[str, Callable[[Value, Value], bool]] = {
    "=": equals,
    "!=": lambda a, b: not equals(a, b),
    "<": _less,
    ">": lambda a, b: _less(b, a),
    "<=": lambda a, b: not _less(b, a),
    ">=": lambda a, b: not _less(a, b),
}


def _comparison(operator: str, left: Evaluate, right: Evaluate) -> Evaluate:
    test = COMPARISONS[operator]
    plain = _PLAIN[operator]

    def apply(scope: Any) -> Valued:
        a, time_a = left(scope)
        b, time_b = right(scope)
        time = time_b if time_b > time_a or time_a != time_a else time_a
        if a is None or b is None:
            return None, time
        kind = type(a)
        if kind is type(b) and (kind is int or kind is str or (kind is float and a == a and b == b)):
            return (1 if plain(a, b) else 0), time
        return (1 if test(a, b) else 0), time

    return apply


_PLAIN: dict[str, Callable[[Any, Any], bool]] = {
    "=": operators.eq,
    "!=": operators.ne,
    "<": operators.lt,
    "<=": operators.le,
    ">": operators.gt,
    ">=": operators.ge,
}
"""Comparisons of two numbers or two texts of one kind; the order of code points is that of UTF-8."""


def _logic(operator: str, left: Code, right: Code) -> Code:
    """Three-valued; a constant that decides makes the whole a constant. Source: 5.8, 2.12."""
    decides = false if operator == "AND" else true
    for side in (left, right):
        if side.constant is not None and decides(side.constant[0]):
            return constant((int(operator == "OR"), side.constant[1]))
    combine = _and if operator == "AND" else _or
    one, other = left.run, right.run
    return _folded(lambda scope: combine(one(scope), other(scope)), [left, right])


def _and(left: Valued, right: Valued) -> Valued:
    false_left, false_right = false(left[0]), false(right[0])
    if false_left or false_right:
        return 0, _earlier(left[1], right[1]) if false_left and false_right else left[1] if false_left else right[1]
    if left[0] is None or right[0] is None:
        both = left[0] is None and right[0] is None
        return None, _earlier(left[1], right[1]) if both else left[1] if left[0] is None else right[1]
    return 1, later(left[1], right[1])


def _or(left: Valued, right: Valued) -> Valued:
    true_left, true_right = true(left[0]), true(right[0])
    if true_left or true_right:
        return 1, later(left[1], right[1]) if true_left and true_right else left[1] if true_left else right[1]
    if left[0] is None or right[0] is None:
        both = left[0] is None and right[0] is None
        return None, later(left[1], right[1]) if both else left[1] if left[0] is None else right[1]
    return 0, _earlier(left[1], right[1])


def _earlier(left: float, right: float) -> float:
    return left if left != left or left < right else right


# Tests

_TESTS: dict[str, Callable[[Value], bool]] = {
    "NULL": lambda value: value is None,
    "TRUE": true,
    "FALSE": false,
    "STRING": lambda value: isinstance(value, str),
    "NUMBER": lambda value: isinstance(value, int | float),
    "INTEGER": lambda value: isinstance(value, int),
    "TIMESTAMP": lambda value: isinstance(value, Timestamp),
    "INTERVAL": lambda value: type(value).__name__ == "Interval",
}


@_bind.register
def _(node: tree.Is, context: Context) -> Code:
    operand, test, wanted = bind_expression(node.operand, context), _TESTS[node.test], not node.negated

    def run(scope: Any) -> Valued:
        value, time = operand.run(scope)
        return (1 if test(value) is wanted else 0), time

    return _folded(run, [operand])


@_bind.register
def _(node: tree.Between, context: Context) -> Code:
    codes = [bind_expression(part, context) for part in (node.operand, node.low, node.high)]
    operand, low, high = (code.run for code in codes)
    negated = node.negated

    def run(scope: Any) -> Valued:
        (value, time), (bottom, time_low) = operand(scope), low(scope)
        time = later(time, time_low)
        if value is None or bottom is None:
            return None, time
        if _less(value, bottom):
            return int(negated), time
        top, time_high = high(scope)
        time = later(time, time_high)
        return (None if top is None else int(_less(top, value) is negated)), time

    return _folded(run, codes)


@_bind.register
def _(node: tree.InList, context: Context) -> Code:
    operand = bind_expression(node.operand, context)
    items = [bind_expression(item, context) for item in node.items]
    negated = node.negated
    fixed = _fixed_items(items)

    def find(scope: Any, value: Value) -> float | None:
        if fixed is not None:
            return fixed.get(value_key(value))
        for item in items:
            found, time = item.run(scope)
            if found is not None and equals(value, found):
                return time
        return None

    def run(scope: Any) -> Valued:
        value, time = operand.run(scope)
        if value is None:
            return None, time
        found = find(scope, value)
        return int((found is not None) is not negated), time if found is None else later(time, found)

    return _folded(run, [operand, *items])


def _fixed_items(items: Sequence[Code]) -> dict[Any, float] | None:
    """Constant atoms by their sort key, each with its time; None if some item is not constant or is a structure."""
    fixed: dict[Any, float] = {}
    for item in items:
        if item.constant is None or isinstance(item.constant[0], RowValue | Embedding):
            return None
        if item.constant[0] is not None:
            fixed.setdefault(value_key(item.constant[0]), item.constant[1])
    return fixed


@_bind.register
def _(node: tree.InSelect, context: Context) -> Code:
    operand = bind_expression(node.operand, context)
    environment, query, negated = context.environment, context.environment.bind(node.query), node.negated

    def members() -> dict[Any, float]:
        found: dict[Any, float] | None = environment.results.get(id(query))
        if found is None:
            found = environment.results[id(query)] = {
                value_key(cell.value): cell.time for row in environment.rows(query) for cell in row.cells if cell.value is not None
            }
        return found

    def run(scope: Any) -> Valued:
        value, time = operand.run(scope)
        if value is None:
            return None, time
        found = None if isinstance(value, RowValue | Embedding) else members().get(value_key(value))
        return int((found is not None) is not negated), time if found is None else later(time, found)

    return Code(run)


@_bind.register
def _(node: tree.InMembers, context: Context) -> Code:
    operand, row = bind_expression(node.operand, context), bind_expression(node.row, context)
    negated, keys = node.negated, node.keys

    def run(scope: Any) -> Valued:
        (value, time), (members, row_at) = operand.run(scope), row.run(scope)
        if members is None:
            return None, row_at
        if not isinstance(members, RowValue | Embedding):
            raise QueryError(f"IN ({'KEYS' if keys else 'VALUES'} OF ..) expects a row, got an atom")
        if value is None and not keys:
            return None, time
        found = _find_member(value, as_row(members, row_at), keys)
        return int((found is not None) is not negated), time if found is None else later(time, found)

    return _folded(run, [operand, row])


def _find_member(value: Value, row: RowValue, keys: bool) -> float | None:
    text = None
    if keys:
        text = "" if value is None else CASTS["string"](value)
    for name, member, time in row.members():
        if (name == text) if keys else (member is not None and equals(value, member)):
            return time
    return None


@_bind.register
def _(node: tree.Like, context: Context) -> Code:
    operand, pattern = bind_expression(node.operand, context), bind_expression(node.pattern, context)
    negated = node.negated

    def run(scope: Any) -> Valued:
        (text, time), (wanted, _) = operand.run(scope), pattern.run(scope)
        if text is None:
            return None, time
        if not isinstance(text, str):
            raise QueryError("LIKE expression must have string on left side")
        if wanted is None:
            return _NULL
        if not isinstance(wanted, str):
            raise QueryError("LIKE expression must have string on right side")
        return int(like(wanted)(text) is not negated), time

    return _folded(run, [operand, pattern])


# Choices and conversions


@_bind.register
def _(node: tree.Case, context: Context) -> Code:
    subject = None if node.subject is None else bind_expression(node.subject, context)
    branches = [(bind_expression(condition, context), bind_expression(value, context)) for condition, value in node.branches]
    gives_row = branches[0][1].is_row
    empty: Valued = (RowValue([]), NEVER) if gives_row else _NULL
    otherwise = constant(empty) if node.otherwise is None else bind_expression(node.otherwise, context)
    pairs = [(condition.run, value.run) for condition, value in branches]
    codes = [code for pair in branches for code in pair] + [otherwise] + ([] if subject is None else [subject])

    def searched(scope: Any) -> Valued:
        for condition, value in pairs:
            if true(condition(scope)[0]):
                return value(scope)
        return otherwise.run(scope)

    def simple(scope: Any) -> Valued:
        assert subject is not None
        wanted = subject.run(scope)[0]
        for condition, value in pairs:
            found = condition(scope)[0]
            if wanted is not None and found is not None and equals(wanted, found):
                return value(scope)
        return otherwise.run(scope)

    return _folded(searched if subject is None else simple, codes, is_row=gives_row)


@_bind.register
def _(node: tree.Cast, context: Context) -> Code:
    operand = bind_expression(node.operand, context)
    name = node.type_name.lower()
    convert = CASTS.get(name)
    if convert is None:
        raise QueryError(f"Unknown type '{node.type_name}' for {context.text[slice(*node.span)]}")
    of_null = Path() if name == "path" else None

    def run(scope: Any) -> Valued:
        value, time = operand.run(scope)
        return (of_null if value is None else convert(value)), time

    return _folded(run, [operand])


# Structures


@_bind.register
def _(node: tree.RowLiteral, context: Context) -> Code:
    from datapod_server.sql.items import bind_items  # rows hold items, and items hold expressions

    items = bind_items(node.items, context, top=False)

    def run(scope: Any) -> Valued:
        row = RowValue(items.run(scope), is_sorted=True)
        return row, row_time(row)

    return constant(run(None)) if items.is_constant else Code(run, is_row=True)


@_bind.register
def _(node: tree.ArrayLiteral, context: Context) -> Code:
    codes = [bind_expression(element, context) for element in node.elements]
    if not codes:
        return constant((None, NEVER))
    runs = [code.run for code in codes]

    def run(scope: Any) -> Valued:
        return _array([element(scope) for element in runs])

    return _folded(run, codes, is_row=True)


def _array(parts: list[Valued]) -> Valued:
    embeddings = [value for value, _ in parts if isinstance(value, Embedding)]
    if not embeddings and not any(isinstance(value, RowValue) for value, _ in parts):
        return Embedding([value for value, _ in parts]), latest_of([time for _, time in parts])
    if len(embeddings) != len(parts) or len({value.shape for value in embeddings}) != 1:
        raise QueryError("an array holds either atoms only, or arrays of one shape only")
    elements = [element for value in embeddings for element in value.elements]
    return Embedding(elements, (len(parts), *embeddings[0].shape)), ALWAYS


@_bind.register
def _(node: tree.Extract, context: Context) -> Code:
    operand = bind_expression(node.operand, context)
    member = bind_expression(node.member, MembersContext(context.environment, context.text))
    known = None if operand.constant is None else operand.constant[0]
    if isinstance(known, RowValue) and isinstance(node.member, tree.Column) and not Scope(Path(), known.cells).has(node.member.path):
        raise QueryError(f"Couldn't find column '{node.member.path}' in extract")
    if member.constant is not None:
        return member

    def run(scope: Any) -> Valued:
        value, time = operand.run(scope)
        cells = as_row(value, time).cells if isinstance(value, RowValue | Embedding) else []
        return member.run(Scope(Path(), cells))

    return _folded(run, [operand])


# Calls


@_bind.register
def _(node: tree.Call, context: Context) -> Code:
    with context.environment.nested():
        codes: list[Code] = []

        def arguments() -> Sequence[Code]:
            if not codes:
                codes.extend(bind_expression(argument, context) for argument in node.arguments)
            return codes

        supplied = context.call(node, arguments)
        if supplied is not None:
            return supplied
        if len(node.name) != 1 or node.star:
            raise context.unknown_function(node)
        name = node.name[0]
        user = context.environment.resolve.function(name) if name not in BUILT_IN and name != "try" else None
        if user is not None:
            return _user_call(name, user.bind(context.environment), node, arguments)
        if name == "try":
            return _try(node, context)
        builtin = BUILT_IN.get(name)
        if builtin is None:
            raise context.unknown_function(node)
        if builtin.all_values:
            codes.extend(_all_values(argument, context) for argument in node.arguments)
        run = bind_call(builtin, arguments())
        return _folded(run, codes) if builtin.folds and codes else Code(run)


def _all_values(node: tree.Expression, context: Context) -> Code:
    """A bare column with all values of its cell, as a row of cells without a name."""
    cells = context.cells(node.path) if isinstance(node, tree.Column) else None
    if cells is None:
        return bind_expression(node, context)

    def run(scope: Any) -> Valued:
        found = cells(scope)
        if not found:
            return _NULL
        if len(found) == 1 and not found[0].column:
            return found[0].value, found[0].time
        row = RowValue(found)
        return row, row_time(row)

    return Code(run)


def _user_call(name: str, apply: Apply, node: tree.Call, arguments: Callable[[], Sequence[Code]]) -> Code:
    if not node.arguments:
        raise QueryError("Wrong number of arguments (0) passed to user function expecting 1")
    if len(node.arguments) > 1:
        raise QueryError(f"User function {name} expected a single row {{ }} argument")
    argument = arguments()[0].run

    def run(scope: Any) -> Valued:
        value, time = argument(scope)
        cells = apply(as_row(value, time).cells)
        if len(cells) == 1 and not cells[0].column:
            return cells[0].value, cells[0].time
        row = RowValue(cells)
        return row, row_time(row)

    return Code(run, is_row=True)


def _try(node: tree.Call, context: Context) -> Code:
    if len(node.arguments) not in (1, 2):
        raise QueryError(f"Binding builtin function try: expected between 1 and 2 arguments, got {len(node.arguments)}")
    fallback = bind_expression(node.arguments[1], context) if len(node.arguments) == 2 else None

    def failed(error: QueryError) -> Code:
        return constant((str(error), ALWAYS)) if fallback is None else fallback

    try:
        tried = bind_expression(node.arguments[0], context)
    except QueryError as error:
        return failed(error)

    def run(scope: Any) -> Valued:
        try:
            return tried.run(scope)
        except QueryError as error:
            return failed(error).run(scope)

    return Code(run, is_row=tried.is_row)
