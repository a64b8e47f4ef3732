"""Reading edges from both ends. Source: pod-protocol.md, 7.3, 8.6."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import apsw

from datapod_server.items.reading import BATCH, Item, add_properties, base_object, rows_as_json
from datapod_server.items.schema import Schema
from datapod_server.items.view import View


class Direction(StrEnum):
    OUTGOING = "Outgoing"
    INCOMING = "Incoming"


_BASE = "{0}.row, {0}.id, {0}.type, {0}.dateCreated, {0}.dateModified, {0}.dateServerModified, {0}.deleted"


_ENDS = {Direction.OUTGOING: ("source", "target"), Direction.INCOMING: ("target", "source")}


def edges_query(direction: Direction, view: View) -> str:
    """The edges that the view shows of the items whose rows are given as JSON (?1); far ends that are deleted only if ?2 says so.

    Columns: row of the near item, name, the columns of `BASE` of the edge's own item, then those of the far item.
    """
    near, far = _ENDS[direction]
    # CROSS JOIN fixes the order: the few near items first, then the index of their edges.
    query = (
        f"SELECT edges.{near}, edges.name, {_BASE.format('self')}, {_BASE.format('far')} FROM json_each(?1) AS given"  # noqa: S608 - column names from this module only
        f" CROSS JOIN edges ON edges.{near} = given.value"
        f" CROSS JOIN items AS self ON self.row = edges.self CROSS JOIN items AS far ON far.row = edges.{far}"
    )
    condition = "self.deleted = 0 AND (far.deleted = 0 OR ?2)"
    if view.rights is not None:
        query += f" CROSS JOIN items AS near ON near.row = edges.{near}"
        condition += " AND " + view.edge_visible("edges", *(("near", "far") if direction is Direction.OUTGOING else ("far", "near")))
    return f"{query} WHERE {condition} ORDER BY edges.{near}, edges.name, edges.self"


def attach_edges(
    connection: apsw.Connection, schema: Schema, items: dict[int, Item], direction: Direction, key: str, view: View, *, deleted_ends: bool
) -> None:
    """Give every object the list of its edges under `key`: the edge's own item, with `_edge` and the far end under `_item`."""
    for item in items.values():
        item[key] = []
    rows = list(items)
    query = edges_query(direction, view)
    for start in range(0, len(rows), BATCH):
        found = list(connection.execute(query, (rows_as_json(rows[start : start + BATCH]), deleted_ends)))
        ends = {columns[9]: base_object(columns[10:]) for columns in found}
        selves = {columns[2]: base_object(columns[3:9]) for columns in found}
        _add_properties(connection, schema, ends, view)
        _add_properties(connection, schema, selves, view)
        for columns in found:
            items[columns[0]][key].append(selves[columns[2]] | {"_edge": columns[1], "_item": ends[columns[9]]})


def list_edges(
    connection: apsw.Connection, schema: Schema, row: int, direction: Direction, view: View, *, expand: bool, deleted_ends: bool
) -> list[dict[str, Any]]:
    """The edges of one item: name and far end; by name, then in creation order. Source: pod-protocol.md, 7.3."""
    found = list(connection.execute(edges_query(direction, view), (rows_as_json([row]), deleted_ends)))
    if not expand:
        return [{"name": columns[1], "item": {"id": columns[10]}} for columns in found]
    ends = {columns[9]: base_object(columns[10:]) for columns in found}
    _add_properties(connection, schema, ends, view)
    return [{"name": columns[1], "item": ends[columns[9]]} for columns in found]


def _add_properties(connection: apsw.Connection, schema: Schema, items: dict[int, Item], view: View) -> None:
    rows = list(items.items())
    for start in range(0, len(rows), BATCH):
        add_properties(connection, schema, dict(rows[start : start + BATCH]), view)
