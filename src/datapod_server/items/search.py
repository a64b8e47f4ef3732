"""Search: a JSON query to one SQL statement, and its rows to objects. Source: pod-protocol.md, 8.

Every condition is answered inside the statement, by index where there is one, so that limit and offset count what matches.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import apsw

from datapod_server.errors import Invalid
from datapod_server.items.edges import Direction, attach_edges
from datapod_server.items.kinds import GREATEST_INTEGER, LEAST_INTEGER, ValueType, to_stored
from datapod_server.items.malformed import Malformed, json_kind
from datapod_server.items.reading import BASE, Item, read_items, rows_as_json
from datapod_server.items.schema import Schema
from datapod_server.items.view import EVERYWHERE, View
from datapod_server.items.words import matching_rows, text_query

OUTGOING_KEY, INCOMING_KEY = "[[edges]]", "~[[edges]]"
_KEY = re.compile(r"(?P<name>.*?)(?P<operator>>=|<=|==|!=|>|<)?", re.DOTALL)
_BASE_KINDS = {
    "id": ValueType.TEXT,
    "type": ValueType.TEXT,
    "dateCreated": ValueType.DATE_TIME,
    "dateModified": ValueType.DATE_TIME,
    "dateServerModified": ValueType.DATE_TIME,
    "deleted": ValueType.BOOL,
}
_EXACT: dict[ValueType, tuple[type, str]] = {
    ValueType.TEXT: (str, "a string"),
    ValueType.BOOL: (bool, "a boolean"),
    ValueType.DATE_TIME: (int, "an integer"),
}
_NO_CONDITION_IF_NULL = frozenset({"id", "type", "deleted", "dateServerModified>=", "dateServerModified<"})
_RELEVANCE = "Relevance"
_OPTIONS = frozenset({"_match", "_sortOrder", "_limit", "_offset", "_includeDeleted", OUTGOING_KEY, INCOMING_KEY})
_RANGES = frozenset({">", ">=", "<", "<="})
_SQL_OPERATORS = {"==": "=", "!=": "!=", ">=": ">=", "<=": "<=", ">": ">", "<": "<"}

Parameters = list[Any]
Bounded = tuple[ValueType, int, str, list[tuple[str, Any]]]
"""Type and number of a property, where it may be read, and what its value is compared with."""


class Search:
    """One checked query; raises `Invalid` when it is made from JSON of the wrong shape."""

    def __init__(self, query: Any) -> None:
        if not isinstance(query, dict):
            raise Malformed("", f"invalid type: {json_kind(query)}, expected a map")
        self.words = _words(query)
        """An expression of the text index; None without `_match`. Whoever runs the search has to have the index up to date."""
        self._by_relevance = self.words is not None and query.get("_sortOrder") == _RELEVANCE
        self._order = "ASC" if self._by_relevance else _sort_order(query)
        self._limit = _count(query, "_limit")
        self._offset = _count(query, "_offset")
        self._edges = {key: _is_object(query, key) for key in (OUTGOING_KEY, INCOMING_KEY)}
        self._includes_deleted = _flag(query, "_includeDeleted")
        self._base: list[tuple[str, str, Any]] = []
        self._properties: list[tuple[str, str, Any]] = []
        self._nulls: list[tuple[str, str]] = []
        for key, value in query.items():
            if key not in _OPTIONS:
                self._add_condition(key, value)

    def run(self, connection: apsw.Connection, schema: Schema, view: View) -> list[Item]:
        """The matching items, as the view shows them, in order, with the edges that were asked for. Raises `Invalid`; see `rows`."""
        found = dict(read_items(connection, schema, self.rows(connection, schema, view), view))
        for key, direction in ((OUTGOING_KEY, Direction.OUTGOING), (INCOMING_KEY, Direction.INCOMING)):
            if self._edges[key]:
                attach_edges(connection, schema, found, direction, key, view, deleted_ends=not schema.registered)
        return list(found.values())

    def rows(self, connection: apsw.Connection, schema: Schema, view: View) -> Iterable[Sequence[Any]]:
        """The columns of `BASE` of the matching items, in order.

        Raises:
            Invalid: A property is unknown (and an item meets the base conditions), or a value does not fit its type.
        """
        for name, key in self._nulls:
            if schema.find(name) is not None:
                raise _null_condition(name, key)
        if self._limit == 0:
            return []
        unknown = next(((name, value) for name, _, value in self._properties if schema.find(name) is None and view.reads_name(name)), None)
        if unknown is not None:
            statement, parameters = self._statement(connection, schema, view, with_properties=False)
            if connection.execute(f"{statement} LIMIT 1", parameters).fetchone() is None:
                return []
            schema.get(*unknown)  # raises
        statement, parameters = self._statement(connection, schema, view, with_properties=True)
        if self._offset is None:
            rows: Iterable[Sequence[Any]] = connection.execute(statement, parameters)
            if self._limit is None:
                return rows
            return islice(rows, self._limit) if self._by_relevance else _with_ties(rows, self._limit)
        limit = -1 if self._limit is None else self._limit
        return connection.execute(f"{statement} LIMIT ? OFFSET ?", (*parameters, limit, self._offset))

    def among(self, connection: apsw.Connection, schema: Schema, view: View, rows: Iterable[int]) -> set[int]:
        """Which of the items with these row numbers match, whatever limit and offset; none while a property is unknown."""
        if any(schema.find(name) is None for name, _, _ in self._properties):
            return set()
        statement, parameters = self._statement(connection, schema, view, with_properties=True, among=rows)
        return {row for row, *_ in connection.execute(statement, parameters)}

    def _add_condition(self, key: str, value: Any) -> None:
        if key.startswith(("[", "~[")):
            raise Invalid(f"Conditions on edges are not supported yet: {key[:80]}")
        match = _KEY.fullmatch(key)
        name, operator = (match["name"], match["operator"]) if match else (key, None)
        kind = _BASE_KINDS.get(name)
        if value is None:
            if key in _NO_CONDITION_IF_NULL:
                return
            if operator not in ("==", "!="):
                if kind is not None:
                    raise _null_condition(name, key)
                self._nulls.append((name, key))  # judged with the schema: a name that it lacks is no error while nothing matches
        elif isinstance(value, list | dict):
            raise Malformed(key, f"invalid type: {json_kind(value)}, expected a scalar")
        operator = operator or "=="
        if kind is None:
            self._properties.append((name, operator, value))
            return
        _check_operator(name, kind, operator)
        if value is not None:
            value = _base_value(key, kind, value)
        self._base.append((name, operator, value))

    def _statement(
        self, connection: apsw.Connection, schema: Schema, view: View, *, with_properties: bool, among: Iterable[int] | None = None
    ) -> tuple[str, Parameters]:
        """The statement without limit, and its parameters. Of `among`, if there is one, each is looked at, and nothing else."""
        conditions: list[str] = []
        parameters: Parameters = []
        driven = among is not None
        if among is not None:
            conditions.append("items.row IN (SELECT value FROM json_each(?))")
            parameters.append(rows_as_json(among))
        if with_properties:
            driven = self._add_properties(connection, schema, view, conditions, parameters, driven=driven)
        # A unary plus keeps SQLite from taking the index of the base condition where that of a property is the narrower one.
        mark = "+" if driven else ""
        for name, operator, value in self._base:
            if value is None:
                conditions.append("0" if operator == "==" else "1")
            else:
                plus = "" if name == "id" and among is None else mark
                conditions.append(f"{plus}items.{name} {_SQL_OPERATORS[operator]} ?")
                parameters.append(value)
        if schema.registered and not self._includes_deleted and not any(name == "deleted" for name, _, _ in self._base):
            conditions.append("items.deleted = 0")
        if view.rights is not None:
            conditions.append(view.visible("items"))
        source = "items"
        if self.words is not None:
            if self._by_relevance or view.rights is not None:
                source = "(SELECT key AS place, value AS found FROM json_each(?)) CROSS JOIN items ON items.row = found"
                parameters.insert(0, rows_as_json(matching_rows(connection, schema, view, self.words)))
            else:
                conditions.append("items.row IN (SELECT rowid FROM words WHERE words MATCH ?)")
                parameters.append(self.words)
        where = " AND ".join(conditions) or "1"
        if self._by_relevance:
            return f"SELECT {BASE} FROM {source} WHERE {where} ORDER BY place", parameters  # noqa: S608 - as below
        order = f"{mark}items.dateServerModified {self._order}, items.row {self._order}"
        return f"SELECT {BASE} FROM {source} WHERE {where} ORDER BY {order}", parameters  # noqa: S608 - names of this module; values are parameters

    def _add_properties(
        self,
        connection: apsw.Connection,
        schema: Schema,
        view: View,
        conditions: list[str],
        parameters: Parameters,
        *,
        driven: bool,
    ) -> bool:
        """Conditions on properties; whether one of them, or what was added before them, leads to the items by its index."""
        ranges: dict[str, list[tuple[str, Any]]] = {}
        asked: list[Bounded] = []
        for name, operator, value in sorted(self._properties, key=_equality_first):
            if not view.reads_name(name):  # as if no item had it
                conditions.append("1" if operator == "==" and value is None else "0")
                continue
            kind = schema.get(name, value)
            try:
                _check_operator(name, kind, operator)
                stored = None if value is None else to_stored(value, kind, name)
            except Invalid:
                if view.grants_name(name):
                    raise
                conditions.append("0")  # all that the asker may know is that his own items do not have such a value
                continue
            number = schema.numbers.get(name, -1)
            carries = view.carries("items", name)
            if stored is None:
                negation = "NOT " if operator == "==" else ""
                conditions.append(f"{negation}({carries} AND EXISTS (SELECT 1 FROM {kind.table} WHERE item = items.row AND name = ?))")  # noqa: S608
                parameters.append(number)
                continue
            # Both ends of a range go into one condition, which leads to the few items between them by the index.
            bounds = ranges.setdefault(name, []) if operator in _RANGES else []
            bounds.append((operator, stored))
            if len(bounds) == 1:
                asked.append((kind, number, carries, bounds))
        return self._add_bounds(connection, asked, conditions, parameters, driven=driven)

    def _add_bounds(
        self, connection: apsw.Connection, asked: list[Bounded], conditions: list[str], parameters: Parameters, *, driven: bool
    ) -> bool:
        """Whether one of these conditions, or what was `driven` before, leads to the items by its index."""
        narrow = any(name in ("id", "type") for name, operator, value in self._base if operator == "==" and value is not None)
        for kind, number, carries, bounds in asked:
            values = " AND ".join(f"value {_SQL_OPERATORS[operator]} ?" for operator, _ in bounds)
            comparison = f"FROM {kind.table} WHERE name = ? AND {values}"
            parameters += (number, *(stored for _, stored in bounds))
            if carries != EVERYWHERE:
                conditions.append(carries)
            operators = {operator for operator, _ in bounds}
            leads = operators == {"=="} or ("!=" not in operators and (not narrow or len(bounds) > 1))
            if not driven and leads and self._are_few(connection, comparison, parameters[-1 - len(bounds) :]):
                driven = True
                conditions.append(f"items.row IN (SELECT item {comparison})")
            else:
                conditions.append(f"EXISTS (SELECT 1 {comparison} AND item = items.row)")
        return driven

    def _are_few(self, connection: apsw.Connection, comparison: str, values: Parameters) -> bool:
        """Whether it pays to fetch and sort all that an index finds, rather than to walk by date until the page is full.

        Of n items, m of which match, a page of p costs m by the index and p * n / m by date: equal where m * m = p * n.
        """
        if self._limit is None or self.words is not None:
            return True
        items = next(int(row) for (row,) in connection.execute("SELECT coalesce(max(row), 0) FROM items"))
        enough = math.isqrt(min(self._limit + (self._offset or 0), items) * items) + 1
        counted = f"SELECT count(*) FROM (SELECT 1 {comparison} LIMIT ?)"  # noqa: S608 - names of this module; values are parameters
        return next(int(count) for (count,) in connection.execute(counted, (*values, enough))) < enough


def _with_ties(rows: Iterable[Sequence[Any]], limit: int) -> Iterator[Sequence[Any]]:
    """The first `limit` rows and those that share the last one's `dateServerModified`: clients page by that date. Source: 8.4."""
    remaining = iter(rows)
    last = None
    for row in islice(remaining, limit):
        last = row
        yield row
    for row in remaining:
        if last is None or row[5] != last[5]:
            return
        yield row


def _null_condition(name: str, key: str) -> Invalid:
    return Invalid(f"Searching for undefined (null) properties is not supported yet ({key[:80]}); use {name[:80]}== or {name[:80]}!=")


def _equality_first(condition: tuple[str, str, Any]) -> bool:
    return condition[1] != "==" or condition[2] is None


def _check_operator(name: str, kind: ValueType, operator: str) -> None:
    if kind is ValueType.BOOL and operator not in ("==", "!="):
        raise Invalid(f"{name} is a Bool: it can be compared with == and != only, not with {operator}")


def _base_value(key: str, kind: ValueType, value: Any) -> Any:
    """Base properties take exact types: a date is whole, unlike a DateTime property. Source: 4.1."""
    given, wanted = _EXACT[kind]
    fits = type(value) is given
    if fits and isinstance(value, int):
        fits = LEAST_INTEGER <= value <= GREATEST_INTEGER
    if not fits:
        raise Malformed(key, f"invalid type: {json_kind(value)}, expected {wanted}")
    return value


def _words(query: Mapping[str, Any]) -> str | None:
    if "_match" not in query:
        return None
    text = query["_match"]
    if not isinstance(text, str):
        raise Malformed("_match", f"invalid type: {json_kind(text)}, expected a string")
    return text_query(text)


def _sort_order(query: Mapping[str, Any]) -> str:
    order = query.get("_sortOrder", "Asc")
    if order not in ("Asc", "Desc"):
        raise Malformed("_sortOrder", "expected `Asc` or `Desc`, or with `_match` also `Relevance`")
    return "ASC" if order == "Asc" else "DESC"


def _count(query: Mapping[str, Any], key: str) -> int | None:
    if key not in query:
        return None
    value = query[key]
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= GREATEST_INTEGER:
        raise Malformed(key, f"invalid value: {json_kind(value)}, expected an integer that is not negative")
    return value


def _flag(query: Mapping[str, Any], key: str) -> bool:
    value = query.get(key, False)
    if not isinstance(value, bool):
        raise Malformed(key, f"invalid type: {json_kind(value)}, expected a boolean")
    return value


def _is_object(query: Mapping[str, Any], key: str) -> bool:
    """Whether edges are asked for; what the object holds has no meaning yet."""
    value = query.get(key)
    if value is not None and not isinstance(value, dict):
        raise Malformed(key, f"invalid type: {json_kind(value)}, expected a map")
    return value is not None
