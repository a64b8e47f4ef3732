"""Items as JSON objects, read in batches: a few statements for a thousand items, not a few for each. Source: pod-protocol.md, 4.1."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import apsw
import msgspec

from datapod_server.items.schema import Schema
from datapod_server.items.view import View

Item = dict[str, Any]
BASE = "row, id, type, dateCreated, dateModified, dateServerModified, deleted"
BATCH = 1000

_VALUES = """
SELECT item, name, value FROM strings WHERE item IN (SELECT value FROM json_each(?1))
UNION ALL SELECT item, name, value FROM integers WHERE item IN (SELECT value FROM json_each(?1))
UNION ALL SELECT item, name, value FROM reals WHERE item IN (SELECT value FROM json_each(?1))
"""
_VALUES_OF_ONE = """
SELECT ?1, name, value FROM strings WHERE item = ?1
UNION ALL SELECT ?1, name, value FROM integers WHERE item = ?1
UNION ALL SELECT ?1, name, value FROM reals WHERE item = ?1
"""
_EDGES_OF_SELVES = """
SELECT edges.self, source.id, target.id, edges.name FROM edges
JOIN items AS source ON source.row = edges.source JOIN items AS target ON target.row = edges.target
WHERE edges.self IN (SELECT value FROM json_each(?1)) AND {visible}
"""


def base_object(columns: Sequence[Any]) -> Item:
    """The six base properties, from the columns of `BASE` without the row number."""
    item_id, item_type, created, modified, server_modified, deleted = columns
    return {
        "id": item_id,
        "type": item_type,
        "dateCreated": created,
        "dateModified": modified,
        "dateServerModified": server_modified,
        "deleted": bool(deleted),
    }


def read_items(connection: apsw.Connection, schema: Schema, rows: Iterable[Sequence[Any]], view: View) -> Iterator[tuple[int, Item]]:
    """Row number and object of each of `rows` (columns of `BASE`), in their order, with all the properties that the view shows."""
    remaining = iter(rows)
    while batch := list(islice(remaining, BATCH)):
        items = {columns[0]: base_object(columns[1:]) for columns in batch}
        add_properties(connection, schema, items, view)
        add_ends(connection, items, view)
        yield from items.items()


def add_properties(connection: apsw.Connection, schema: Schema, items: dict[int, Item], view: View) -> None:
    """Add what is stored under the row numbers of these objects: all properties that the view shows.

    Values whose storage class does not fit the schema are left out. Source: pod-protocol.md, 5.1.
    """
    numbers = list(items)
    if not numbers:
        return
    if len(numbers) == 1:
        values = connection.execute(_VALUES_OF_ONE, (numbers[0],))
    else:
        values = connection.execute(_VALUES, (rows_as_json(numbers),))
    names = schema.names
    for row, number, value in values:
        known = names.get(number)
        if known is None:  # a writer defined it after this reader took the schema
            known = Schema.load(connection, registered=schema.registered).names.get(number)
            if known is None:
                continue
        name, stored_as, is_bool = known
        if type(value) is not stored_as:
            continue
        items[row][name] = value == 1 if is_bool else value
    if view.sealer is not None:
        view.sealer.add(connection, schema, items)
    view.strip_all(items)


def add_ends(connection: apsw.Connection, items: dict[int, Item], view: View) -> None:
    """Add `_source`, `_target` and `_edge` to those of these objects that back an edge. Source: pod-protocol.md, 7.1."""
    query = _EDGES_OF_SELVES.format(visible=view.edge_visible("edges", "source", "target"))
    for row, source, target, name in connection.execute(query, (rows_as_json(items),)):
        items[row].update(_source=source, _target=target, _edge=name)


def rows_as_json(rows: Iterable[int | str]) -> str:
    """A list of row numbers, or of texts, as one parameter, for `json_each`."""
    return msgspec.json.encode(list(rows)).decode()
