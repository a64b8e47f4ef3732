"""Operators on engine expressions. Source: sql-language.md, 5; its section 17.1 lists the traps."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from datapod_server.sql.compiler.coverage import Uncovered
from datapod_server.sql.compiler.typed import Kind, Time, Typed, as_double, case, double, is_null

_RANK = {Kind.FLAG: 1, Kind.INTEGER: 1, Kind.NUMBER: 1, Kind.TEXT: 2, Kind.TIMESTAMP: 3}
EXACT_DOUBLE = 2**53


def arithmetic(operator: str, left: Typed, right: Typed, time: Time) -> Typed:
    """`+ - * / %`."""
    if Kind.NULL in (left.kind, right.kind):
        return Typed(exp.Null(), Kind.NULL, time)
    if left.kind is Kind.TEXT or right.kind is Kind.TEXT:
        return _concatenation(operator, left, right, time)
    if not (left.kind.numeric and right.kind.numeric):
        raise Uncovered(f"{left.kind} {operator} {right.kind}")
    if operator == "%":
        return _remainder(left, right, time)
    node: type[exp.Binary] = {"+": exp.Add, "-": exp.Sub, "*": exp.Mul, "/": exp.Div}[operator]
    tree: exp.Expr = exp.paren(node(this=as_double(left), expression=as_double(right)))
    if operator in "*/":
        tree = _without_negative_zero(tree)
    return Typed(tree, Kind.NUMBER, time, nan=True)


def _without_negative_zero(tree: exp.Expr) -> exp.Expr:
    # -0.0 is the integer 0 (2.2), and 1 / 0 is not 1 / -0.0.
    return exp.paren(exp.Add(this=tree, expression=double(0.0)))


def _concatenation(operator: str, left: Typed, right: Typed, time: Time) -> Typed:
    if operator != "+" or not {left.kind, right.kind} <= {Kind.TEXT, Kind.INTEGER}:
        raise Uncovered(f"{left.kind} {operator} {right.kind}")
    texts = [typed.tree.copy() if typed.kind is Kind.TEXT else exp.cast(typed.tree.copy(), "VARCHAR") for typed in (left, right)]
    return Typed(exp.paren(exp.DPipe(this=texts[0], expression=texts[1])), Kind.TEXT, time)


def _remainder(left: Typed, right: Typed, time: Time) -> Typed:
    if left.kind is not Kind.INTEGER or not right.constant or not isinstance(right.literal, int) or right.literal == 0:
        raise Uncovered("% with anything but an integer column and a constant")
    return Typed(exp.paren(exp.Mod(this=left.tree.copy(), expression=right.tree.copy())), Kind.INTEGER, time)


def negation(operand: Typed) -> Typed:
    """Unary minus."""
    if operand.kind is Kind.NULL:
        return operand
    if not operand.kind.numeric:
        raise Uncovered(f"-{operand.kind}")
    return Typed(_without_negative_zero(exp.paren(exp.Neg(this=as_double(operand)))), Kind.NUMBER, operand.time, nan=operand.nan)


def comparison(operator: str, left: Typed, right: Typed, time: Time) -> Typed:
    """`= != < <= > >=` by the total order; null beside a null."""
    if Kind.NULL in (left.kind, right.kind):
        return Typed(exp.Null(), Kind.NULL, time)
    if Kind.MIXED in (left.kind, right.kind):
        raise Uncovered("comparing a column of mixed types")
    if _RANK[left.kind] != _RANK[right.kind]:
        return _of_different_kinds(operator, left, right, time)
    a, b = _comparable(left, right)
    nan = Kind.NUMBER in (left.kind, right.kind) or left.kind is Kind.TIMESTAMP
    if not nan:
        return Typed(exp.paren(_NODES[operator](this=a, expression=b)), Kind.FLAG, time)
    return Typed(_with_nan(operator, a, b, left.nan, right.nan), Kind.FLAG, time)


_NODES: dict[str, type[exp.Binary]] = {"=": exp.EQ, "!=": exp.NEQ, "<": exp.LT, "<=": exp.LTE, ">": exp.GT, ">=": exp.GTE}


def _of_different_kinds(operator: str, left: Typed, right: Typed, time: Time) -> Typed:
    below = _RANK[left.kind] < _RANK[right.kind]
    result = {"=": False, "!=": True, "<": below, "<=": below, ">": not below, ">=": not below}[operator]
    either = exp.or_(is_null(left.tree), is_null(right.tree))
    return Typed(case([(either, exp.Null())], exp.convert(result)), Kind.FLAG, time)


def _comparable(left: Typed, right: Typed) -> tuple[exp.Expr, exp.Expr]:
    kinds = {left.kind, right.kind}
    if len(kinds) == 1:
        return left.tree.copy(), right.tree.copy()
    if kinds == {Kind.FLAG, Kind.INTEGER}:
        return (
            exp.cast(left.tree.copy(), "BIGINT") if left.kind is Kind.FLAG else left.tree.copy(),
            exp.cast(right.tree.copy(), "BIGINT") if right.kind is Kind.FLAG else right.tree.copy(),
        )
    # An integer beside a double is compared as a double, which is exact only where the integer is one, or where the double is a constant
    # with a fraction: such are below 2^53, and no rounding moves an integer across them.
    for one, other in ((left, right), (right, left)):
        if one.kind is Kind.INTEGER and not _is_exact_beside(one, other):
            raise Uncovered("comparing an integer with a computed number")
    return as_double(left), as_double(right)


def _is_exact_beside(integer: Typed, other: Typed) -> bool:
    if integer.constant and isinstance(integer.literal, int):
        return abs(integer.literal) <= EXACT_DOUBLE
    return other.constant and isinstance(other.literal, float) and abs(other.literal) < EXACT_DOUBLE


def _with_nan(operator: str, a: exp.Expr, b: exp.Expr, a_nan: bool, b_nan: bool) -> exp.Expr:
    """The engine sorts NaN last, the language first; both hold it equal to itself."""
    if operator == ">":
        return _less(b, a, b_nan, a_nan)
    if operator == "<":
        return _less(a, b, a_nan, b_nan)
    if operator in ("=", "!="):
        return exp.paren(_NODES[operator](this=a, expression=b))
    turned = _less(b, a, b_nan, a_nan) if operator == "<=" else _less(a, b, a_nan, b_nan)
    return exp.paren(exp.not_(turned))


def _less(a: exp.Expr, b: exp.Expr, a_nan: bool, b_nan: bool) -> exp.Expr:
    plain: exp.Expr = exp.LT(this=a.copy(), expression=b.copy())
    if b_nan:
        plain = exp.and_(plain, exp.not_(exp.IsNan(this=b.copy())))
    if a_nan:
        first = exp.IsNan(this=a.copy())
        other = exp.not_(exp.IsNan(this=b.copy())) if b_nan else exp.not_(is_null(b))
        plain = exp.or_(exp.paren(exp.and_(first, other)), exp.paren(plain))
    if a_nan or b_nan:
        # NaN beside null must stay null: OR with a true side would hide it.
        return case([(exp.or_(is_null(a), is_null(b)), exp.Null())], exp.paren(plain))
    return exp.paren(plain)


def truth(operand: Typed) -> exp.Expr:
    """The value as a three-valued BOOLEAN. Source: 2.7."""
    match operand.kind:
        case Kind.NULL:
            return exp.cast(exp.Null(), "BOOLEAN")
        case Kind.FLAG:
            return operand.tree.copy()
        case Kind.INTEGER:
            return exp.paren(exp.NEQ(this=operand.tree.copy(), expression=exp.Literal.number(0)))
        case Kind.NUMBER:
            return exp.paren(exp.NEQ(this=operand.tree.copy(), expression=double(0.0)))
        case Kind.TEXT:
            return exp.paren(exp.NEQ(this=operand.tree.copy(), expression=exp.Literal.string("")))
        case _:
            raise Uncovered(f"the truth of a {operand.kind}")


def test(name: str, operand: Typed) -> exp.Expr:
    """`IS name`: a BOOLEAN that is never null."""
    if operand.kind is Kind.MIXED:
        return _test_of_mixed(name, operand)
    present = exp.not_(is_null(operand.tree))
    match name:
        case "NULL":
            return is_null(operand.tree)
        case "TRUE":
            return exp.Coalesce(this=truth(operand), expressions=[exp.false()])
        case "FALSE":
            return exp.Coalesce(this=exp.paren(exp.not_(truth(operand))), expressions=[exp.false()])
        case "STRING":
            return present if operand.kind is Kind.TEXT else exp.false()
        case "NUMBER":
            return present if operand.kind.numeric else exp.false()
        case "TIMESTAMP":
            return present if operand.kind is Kind.TIMESTAMP else exp.false()
        case "INTERVAL":
            return exp.false()
        case _:
            return _is_integer(operand, present)


def _is_integer(operand: Typed, present: exp.Expr) -> exp.Expr:
    if operand.kind in (Kind.FLAG, Kind.INTEGER):
        return present
    if operand.kind is not Kind.NUMBER:
        return exp.false()
    value = operand.tree
    whole = exp.EQ(this=exp.Trunc(this=value.copy()), expression=value.copy())
    bounded = exp.and_(exp.GTE(this=value.copy(), expression=double(-(2.0**63))), exp.LT(this=value.copy(), expression=double(2.0**63)))
    return exp.Coalesce(this=exp.paren(exp.and_(whole, bounded)), expressions=[exp.false()])


def _test_of_mixed(name: str, operand: Typed) -> exp.Expr:
    """Tags say the type of what does not fit the column (datasets/tagged.py)."""
    assert operand.overflow is not None
    overflow = operand.overflow
    if name == "NULL":
        return exp.paren(exp.and_(is_null(operand.tree), is_null(overflow)))
    if name not in ("STRING", "NUMBER"):
        raise Uncovered(f"IS {name} of a column of mixed types")
    tags = ("s",) if name == "STRING" else ("i", "d")
    tag = exp.Substring(this=overflow.copy(), start=exp.Literal.number(1), length=exp.Literal.number(1))
    tagged = exp.Coalesce(this=exp.In(this=tag, expressions=[exp.Literal.string(text) for text in tags]), expressions=[exp.false()])
    base_fits = operand.literal == ("text" if name == "STRING" else "number")
    if not base_fits:
        return tagged
    return exp.paren(exp.or_(exp.paren(exp.not_(is_null(operand.tree))), tagged))


Handler = Callable[[Typed], Typed]


def _rounded(tree: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this="round", expressions=[tree])


_FUNCTIONS: dict[str, Callable[[exp.Expr], exp.Expr]] = {
    "abs": lambda tree: exp.Abs(this=tree),
    "ceil": lambda tree: exp.Anonymous(this="ceil", expressions=[tree]),
    "floor": lambda tree: exp.Anonymous(this="floor", expressions=[tree]),
    "round": _rounded,
    "sqrt": lambda tree: case([(exp.LT(this=tree.copy(), expression=double(0.0)), double(float("nan")))], exp.Sqrt(this=tree)),
}
"""Functions of one number whose results are the same to the last bit in the engine and in Python."""


def numeric_function(name: str, operand: Typed) -> Typed:
    """A call of one of the functions of one number that are exact in the engine."""
    function = _FUNCTIONS.get(name)
    if function is None:
        raise Uncovered(f"the function {name}")
    if operand.kind is Kind.NULL:
        return operand
    if not operand.kind.numeric:
        raise Uncovered(f"{name} of a {operand.kind}")
    return Typed(_without_negative_zero(function(as_double(operand))), Kind.NUMBER, operand.time, nan=operand.nan or name == "sqrt")
