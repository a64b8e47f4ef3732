"""Answering a query level by level: for each level one statement for the items and a few for their properties, however many there are.

What may not be read looks absent, as everywhere: see `View`. Deleted items and edges never appear. Source: pod-protocol.md, 10.2, 10.3.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

import apsw

from datapod_server.errors import Invalid
from datapod_server.items.edges import Direction, edges_query
from datapod_server.items.graph.tree import Arguments, Condition, Edge, Root, Selection
from datapod_server.items.reading import BATCH, Item, add_properties, base_object, rows_as_json
from datapod_server.items.schema import Schema
from datapod_server.items.search import Search
from datapod_server.items.view import View

_BASE_NAMES = frozenset({"id", "type", "dateCreated", "dateModified", "dateServerModified", "deleted"})
_ROW, _FAR_ROW, _FAR_BASE = 0, 9, 10
_MOST_REPEATED = 1_000_000

Level = list[tuple[int, Item]]
"""Row numbers and complete objects."""


def run_graph_query(roots: Sequence[Root], connection: apsw.Connection, schema: Schema, view: View) -> list[Item]:
    """One flat list: the items of each root, in the order written.

    Raises:
        Invalid: A value does not fit its property, or the answer would repeat items without end.
    """
    answers = [item for root in roots for item in _root(root, connection, schema, view)]
    # An item below many others is one object here, but as many in the answer: ten that all link each other are 10**50 at depth 50.
    sizes: dict[int, int] = {}
    total = sum(_size(item, sizes) for item in answers)
    if total - len(sizes) > _MOST_REPEATED:
        raise Invalid(f"The answer would show items more than {_MOST_REPEATED:,} times again; limit the edges, or ask fewer levels")
    return answers


def _size(item: Item, sizes: dict[int, int]) -> int:
    """How many objects this one is in the answer, itself included."""
    size = sizes.get(id(item))
    if size is None:
        size = sizes[id(item)] = 1 + sum(_size(far, sizes) for value in item.values() if isinstance(value, list) for far in value)
    return size


def _root(root: Root, connection: apsw.Connection, schema: Schema, view: View) -> list[Item]:
    arguments = root.arguments
    query: dict[str, Any] = {"type": root.item_type, "deleted": False}
    # `search` answers the conditions; what it does not know as a key (the same name twice) is looked at afterwards, like on edges.
    rest: list[Condition] = []
    for condition in arguments.conditions:
        key = condition.name + condition.operator
        if key in query or condition.name in ("type", "deleted") or not _is_known(condition.name, schema, view):
            rest.append(condition)
        else:
            query[key] = condition.value
    plain = not rest and arguments.order is None
    if plain:
        query["_offset"] = arguments.offset
        if arguments.limit is not None:
            query["_limit"] = arguments.limit
    rows = Search(query).rows(connection, schema, view)
    level: Level = []
    batch: list[Sequence[Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            level += _loaded(batch, connection, schema, view)
            batch = []
    level += _loaded(batch, connection, schema, view)
    if not plain:
        level = _arranged(level, arguments, rest)
    return _selected(level, root.selection, connection, schema, view)


def _loaded(rows: Iterable[Sequence[Any]], connection: apsw.Connection, schema: Schema, view: View) -> Level:
    items = {columns[_ROW]: base_object(columns[1:]) for columns in rows}
    add_properties(connection, schema, items, view)
    return list(items.items())


def _selected(level: Level, selection: Selection, connection: apsw.Connection, schema: Schema, view: View) -> list[Item]:
    """The objects of the answer: base properties, the selected ones that are set, and a list for each selected edge."""
    answers = []
    for _, item in level:
        answer = {name: value for name, value in item.items() if name in _BASE_NAMES}
        answer.update({entry.key: item[entry.name] for entry in selection.properties if entry.name in item})
        answers.append(answer)
    for edge in selection.edges:
        lists = _edge_lists(edge, [row for row, _ in level], connection, schema, view)
        for (row, _), answer in zip(level, answers, strict=True):
            answer[edge.key] = lists.get(row, [])
    return answers


def _edge_lists(edge: Edge, rows: Sequence[int], connection: apsw.Connection, schema: Schema, view: View) -> dict[int, list[Item]]:
    """For each near item the list under this edge, already restricted and with its own selection."""
    query = edges_query(Direction.INCOMING if edge.incoming else Direction.OUTGOING, view)
    pairs: list[tuple[int, int]] = []
    far: dict[int, Item] = {}
    distinct = list(dict.fromkeys(rows))
    for start in range(0, len(distinct), BATCH):
        batch: dict[int, Item] = {}
        for columns in connection.execute(query, (rows_as_json(distinct[start : start + BATCH]), False)):
            if columns[1] == edge.name:
                pairs.append((columns[_ROW], columns[_FAR_ROW]))
                if columns[_FAR_ROW] not in far:
                    batch[columns[_FAR_ROW]] = base_object(columns[_FAR_BASE:])
        for first in range(0, len(batch), BATCH):
            part = dict(list(batch.items())[first : first + BATCH])
            add_properties(connection, schema, part, view)
            far.update(part)
    kept: list[tuple[int, int]] = []
    for near, group in groupby(pairs, key=_near):
        level = _arranged([(row, far[row]) for _, row in group], edge.arguments, edge.arguments.conditions)
        kept += [(near, row) for row, _ in level]
    wanted = list(dict.fromkeys(row for _, row in kept))
    answers = dict(zip(wanted, _selected([(row, far[row]) for row in wanted], edge.selection, connection, schema, view), strict=True))
    lists: dict[int, list[Item]] = {}
    for near, row in kept:
        lists.setdefault(near, []).append(answers[row])
    return lists


def _near(pair: tuple[int, int]) -> int:
    return pair[0]


def _arranged(level: Level, arguments: Arguments, conditions: Sequence[Condition]) -> Level:
    """Conditions, order, then the exact slice; items that lack the property to order by come last, in either direction."""
    found = [entry for entry in level if all(_meets(entry[1], condition) for condition in conditions)]
    name = arguments.order
    if name is not None:
        having = [entry for entry in found if name in entry[1]]
        having.sort(key=lambda entry: entry[1][name], reverse=arguments.descending)
        found = having + [entry for entry in found if name not in entry[1]]
    end = None if arguments.limit is None else arguments.offset + arguments.limit
    return found[arguments.offset : end]


def _meets(item: Item, condition: Condition) -> bool:
    found, wanted = item.get(condition.name), condition.value
    if wanted is None or condition.name not in item:
        return wanted is None and (condition.name in item) is (condition.operator == "!=")
    numbers = not isinstance(found, bool | str) and isinstance(wanted, int | float) and not isinstance(wanted, bool)
    if not numbers and type(found) is not type(wanted):
        raise Invalid(f"The value of {condition.name} in the filter has the wrong type")
    if isinstance(found, bool) and condition.operator not in ("==", "!="):
        raise Invalid(f"{condition.name} is a Bool: it can be compared with eq and ne only")
    match condition.operator:
        case "==":
            return bool(found == wanted)
        case "!=":
            return bool(found != wanted)
        case ">":
            return bool(found > wanted)  # type: ignore[operator]  # both numbers or both texts
        case ">=":
            return bool(found >= wanted)  # type: ignore[operator]
        case "<":
            return bool(found < wanted)  # type: ignore[operator]
        case _:
            return bool(found <= wanted)  # type: ignore[operator]


def _is_known(name: str, schema: Schema, view: View) -> bool:
    """Unknown names are ignored here, so that a filter by one finds it unset instead of being an error."""
    return name in _BASE_NAMES or (schema.find(name) is not None and view.reads_name(name))
