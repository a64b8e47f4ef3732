"""Generated tables and queries over the compiled surface. Numbers that are summed are small multiples of 1/8: exact in any order."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import strategies as st

from datapod_server.values.atoms import number
from datapod_server.values.path import Path
from datapod_server.values.rows import Cell, Row
from datapod_server.values.timestamp import Timestamp

COLUMNS = {"i": "integer", "n": "number", "s": "text", "t": "timestamp", "user.age": "integer", "m": "mixed", "big": "integer"}
_TIMES = st.sampled_from([0.0, 1577836800.0, 1577836800.25, -math.inf, math.inf, math.nan])
_EIGHTHS = st.integers(-80, 80).map(lambda value: number(value / 8))
_VALUES = {
    "integer": st.integers(-5, 5),
    "number": _EIGHTHS | st.sampled_from([math.nan, math.inf, -math.inf]),
    "text": st.sampled_from(["", "a", "B", "ab", "é", "10", "x_y", "a.b", "%", "10%"]),
    "mixed": st.integers(-3, 3) | st.sampled_from(["NA", "", 0.5]),
    "timestamp": st.sampled_from([0.0, 1577836800.0, 1583020800.5, math.nan]).map(Timestamp),
}

_OWN_VALUES = {"big": st.sampled_from([1, 2**53, 2**53 + 1, -(2**53) - 1, 2**62, 2**63 - 1])}  # never summed


@st.composite
def tables(draw: st.DrawFn, columns: dict[str, str] = COLUMNS) -> list[Row]:
    """Rows of one table; the first one has every column, so that all are known."""
    rows = []
    for place in range(draw(st.integers(1, 8))):
        time = draw(_TIMES)
        cells = [
            Cell(Path.parse(name), draw(_values_of(name, kind) if place == 0 else st.none() | _values_of(name, kind)), time)
            for name, kind in columns.items()
        ]
        rows.append(Row(Path.of(draw(st.sampled_from(["r", "a.b", "x"])) + str(place)), cells))
    return rows


def _values_of(name: str, kind: str) -> st.SearchStrategy[Any]:
    return _OWN_VALUES.get(name, _VALUES[kind])


def _literal(kind: str) -> st.SearchStrategy[str]:
    return {
        "integer": st.integers(-5, 5).map(str),
        "number": st.sampled_from(["0.5", "0.1", "-1.25", "2", "nan", "inf", "1e3"]),
        "text": st.sampled_from(["''", "'a'", "'B'", "'é'", "'10'"]),
        "timestamp": st.sampled_from(["TIMESTAMP '2020-01-01'", "TIMESTAMP 0", "TIMESTAMP '2020-02-30'"]),
    }[kind]


def _column(kind: str) -> st.SearchStrategy[str]:
    names = [name for name, of_kind in COLUMNS.items() if of_kind == kind]
    return st.sampled_from(names + [f"d.{name}" for name in names] + ["unknown"])


@st.composite
def expressions(draw: st.DrawFn, kind: str, depth: int = 2) -> str:
    """An expression whose values are of one kind (or null)."""
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(_literal(kind) if draw(st.integers(0, 2)) == 0 else _column(kind))
    inner = lambda of: draw(expressions(of, depth - 1))  # noqa: E731
    if kind in ("integer", "number"):
        form = draw(
            st.sampled_from(["{0} + {1}", "{0} - {1}", "{0} * {1}", "{0} / {1}", "-{0}", "abs({0})", "CASE WHEN {p} THEN {0} ELSE {1} END"])
        )
        form = draw(st.sampled_from([form, "i % 3", "floor({0})", "length({s})"]))
        return "(" + form.format(inner(kind), inner(kind), p=draw(predicates(depth - 1)), s=inner("text")) + ")"
    if kind == "text":
        form = draw(st.sampled_from(["{0} + {1}", "CASE WHEN {p} THEN {0} ELSE {1} END", "rowName()", "CAST (i AS STRING)", "{0} + i"]))
        return "(" + form.format(inner("text"), inner("text"), p=draw(predicates(depth - 1))) + ")"
    return draw(_column(kind))


@st.composite
def predicates(draw: st.DrawFn, depth: int = 2) -> str:
    """A predicate."""
    kind = draw(st.sampled_from(["integer", "number", "text", "timestamp"]))
    if draw(st.integers(0, 9)) == 0:
        return draw(st.sampled_from(["m IS NUMBER", "m IS NOT NULL", "m IS STRING", "m = 'NA'", "m > 1", "m IN (1, 'NA')"]))
    if depth > 0 and draw(st.booleans()):
        form = draw(st.sampled_from(["{0} AND {1}", "{0} OR {1}", "NOT {0}"]))
        return "(" + form.format(draw(predicates(depth - 1)), draw(predicates(depth - 1))) + ")"
    left = draw(expressions(kind, min(depth, 1)))
    other = draw(st.sampled_from([kind, kind, kind, "text", "integer"]))
    forms = [
        "{0} {op} {1}",
        "{0} IS NULL",
        "{0} IS NOT NULL",
        "{0} IS {test}",
        "{0} BETWEEN {1} AND {2}",
        "{0} IN ({a}, {b}, NULL)",
        "{0} NOT IN ({a}, {b})",
    ]
    if kind == "text":
        forms.append("s LIKE {pattern}")
    form = draw(st.sampled_from(forms))
    return "(" + form.format(
        left,
        draw(expressions(other, 0)),
        draw(expressions(kind, 0)),
        op=draw(st.sampled_from(["=", "!=", "<", "<=", ">", ">="])),
        test=draw(st.sampled_from(["NUMBER", "STRING", "INTEGER", "TIMESTAMP", "INTERVAL"])),
        a=draw(_literal(kind).filter(lambda text: text != "nan")),
        b=draw(_literal(other)),
        pattern=draw(st.sampled_from(["'a%'", "'_'", "'%'", "'%.%'", "'10\\%'", "'x_y'"])),
    ) + ")"  # fmt: skip


_KINDS = ["integer", "number", "text", "timestamp"]


@st.composite
def row_queries(draw: st.DrawFn) -> str:
    """A SELECT over rows."""
    items = [f"{draw(expressions(draw(st.sampled_from(_KINDS))))} AS c{place}" for place in range(draw(st.integers(0, 3)))]
    items += draw(st.sampled_from([[], ["*"], ["i"], ["m"], ["d.s"], ["* EXCLUDING (i, user*)"], ["user* AS u*"]]))
    items += [f"{draw(predicates())} AS p"] if draw(st.booleans()) else []
    text = f"SELECT {', '.join(items or ['i', 's'])} FROM d"
    if draw(st.booleans()):
        text += f" WHERE {draw(predicates())}"
    if draw(st.booleans()):
        keys = [
            f"{draw(expressions(draw(st.sampled_from(_KINDS)), 1))} {draw(st.sampled_from(['', 'ASC', 'DESC']))}"
            for _ in range(draw(st.integers(1, 2)))
        ]
        text += " ORDER BY " + ", ".join(keys)
    return text + draw(st.sampled_from(["", " LIMIT 3", " LIMIT 2 OFFSET 1", " OFFSET 2"]))


_AGGREGATES = """
count(*); count(n); sum(i); avg(n); min(s); max(n); min(n); min(t); max(t); count_distinct(s); max(i); sum(n) / count(*); count(*) + 1;
vertical_sum(user.age); max(i) - min(i); count(big); max(big); min(big); count_distinct(big); count(m); avg(m); max(m); min(m); sum(m)
""".strip().split(";")


@st.composite
def group_queries(draw: st.DrawFn) -> str:
    """A SELECT over groups."""
    keys = draw(st.lists(st.sampled_from(["i", "s", "n", "t", "i % 2", "i > 0", "d.s", "user.age", "big"]), max_size=2, unique=True))
    calls = st.sampled_from(_AGGREGATES)
    items = [f"{draw(calls)} AS a{place}" for place in range(draw(st.integers(1, 3)))] + [
        f"{key} AS k{place}" for place, key in enumerate(keys)
    ]
    text = f"SELECT {', '.join(items)} FROM d"
    if draw(st.booleans()):
        text += f" WHERE {draw(predicates())}"
    if keys:
        text += " GROUP BY " + ", ".join(keys)
        text += draw(st.sampled_from(["", " HAVING count(*) > 1", " HAVING sum(i) > 0 OR min(s) IS NULL"]))
    text += draw(st.sampled_from(["", " ORDER BY count(*) DESC", " ORDER BY a0"]))
    return text + draw(st.sampled_from(["", " LIMIT 2", " LIMIT 2 OFFSET 1"]))


@st.composite
def nested_queries(draw: st.DrawFn) -> str:
    """A query over the answer of another, or with one in its condition."""
    inner = draw(row_queries() | group_queries())
    form = draw(
        st.sampled_from(
            [
                "SELECT * FROM ({0}) AS a",
                "SELECT count(*) AS n, max(c0) AS top FROM ({0}) AS a",
                "SELECT a.* AS *, rowName() AS r FROM ({0}) AS a ORDER BY rowName()",
                "SELECT i, s FROM d WHERE i IN ({0})",
                "SELECT d.i, a.a0 FROM d LEFT JOIN ({0}) AS a ON d.i = a.k0 ORDER BY rowName(), d.i, a.a0",
            ]
        )
    )
    return form.format(inner)
