"""Runs a bound statement row by row: the definition of right. Source: sql-language.md, 12.

FROM, WHERE, WHEN, groups and HAVING, NAMED and SELECT, ORDER BY, DISTINCT ON, OFFSET, LIMIT.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from typing import Any

from datapod_server.sql.binder import BoundQuery
from datapod_server.sql.environment import Environment
from datapod_server.sql.naming import path_of_name
from datapod_server.sql.scopes import Group, Scope
from datapod_server.sql.structures import true, value_key
from datapod_server.values.path import Path
from datapod_server.values.rowhash import row_hash
from datapod_server.values.rows import Row

_RESULT = Path(("result",))
_CHECKED_EVERY = 1024


def interpret(query: BoundQuery, environment: Environment) -> Iterator[Row]:
    """The rows of the answer, in order; computed while they are read where the order allows it. Raises `QueryError`, `Cancelled`."""
    scopes = _filtered(query, environment)
    inputs: Iterable[Scope | Group] = scopes if query.grouping is None else _groups(query, scopes)
    rows = _ordered(query, inputs) if query.order else (_row(query, scope) for scope in inputs)
    limit, offset = query.select.limit, query.select.offset
    return islice(rows, offset, None if limit is None else offset + limit)


def _filtered(query: BoundQuery, environment: Environment) -> Iterator[Scope]:
    where, when = query.where, query.when
    scopes = iter((Scope(_RESULT, ()),)) if query.source is None else query.source.scopes()
    for place, scope in enumerate(scopes):
        if place % _CHECKED_EVERY == 0:
            environment.check()
        if where is not None:
            kept = where(scope)[0]
            # Most conditions give 1, 0 or null.
            if kept != 1 and not true(kept):
                continue
        yield scope if when is None else _when(query, scope)


def _when(query: BoundQuery, scope: Scope) -> Scope:
    """The row with the values for which WHEN is true."""
    assert query.when is not None
    if not query.when_per_value:
        return scope if true(query.when(scope)[0]) else Scope(scope.name, (), scope.joined, scope.extra)
    kept = []
    for cell in scope.cells:
        scope.value_time = cell.time
        if true(query.when(scope)[0]):
            kept.append(cell)
    return Scope(scope.name, kept, scope.joined, scope.extra)


def _groups(query: BoundQuery, scopes: Iterable[Scope]) -> Iterator[Group]:
    assert query.grouping is not None
    for group in query.grouping.run(scopes):
        if query.having is None or true(query.having(group)[0]):
            yield group


def _row(query: BoundQuery, scope: Scope | Group) -> Row:
    name = scope.name if query.named is None else path_of_name(query.named(scope)[0])
    return Row(name, query.items.run(scope))


def _ordered(query: BoundQuery, scopes: Iterable[Scope | Group]) -> Iterator[Row]:
    """Sorted by the keys, ties of rows by the hash of the input row's name, ties of groups in the order of their keys."""
    entries: list[tuple[list[Any], Path, Row]] = []
    for scope in scopes:
        row = _row(query, scope)
        scope.output = Scope(row.name, row.cells)
        keys = [value_key(order.run(scope)[0]) for order in query.order]
        entries.append((keys, scope.name, row))
    for place in range(len(query.order) - 1, -1, -1):
        entries.sort(key=lambda entry: entry[0][place], reverse=query.order[place].descending)
    previous: list[Any] | None = None
    for keys, row in _ties_settled(query, entries):
        if query.distinct:
            leading = keys[: query.distinct]
            if leading == previous:
                continue
            previous = leading
        yield row


def _ties_settled(query: BoundQuery, entries: Iterable[tuple[list[Any], Path, Row]]) -> Iterator[tuple[list[Any], Row]]:
    """The sorted entries, those with equal keys by the hashes of their names; a hash takes longer to compute than all else here."""
    for keys, run in groupby(entries, key=lambda entry: entry[0]):
        tied = list(run)
        if len(tied) > 1 and query.grouping is None:
            tied.sort(key=lambda entry: row_hash(entry[1]))
        for _, _, row in tied:
            yield keys, row
