"""Items and edges as tables of the query language: they fit its `Table` protocol without importing it. Source: design, 5.

Rows are read in batches, each of which shows one state of the pod; no transaction stays open between two of them, so a slow query keeps
nobody from writing. Deleted items, edges of deleted items, and secret properties are absent.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import apsw

from datapod_server.items.audit import Touched
from datapod_server.items.kinds import ValueType
from datapod_server.items.reading import rows_as_json
from datapod_server.items.schema import Schema
from datapod_server.items.view import View
from datapod_server.items.words import matching_rows
from datapod_server.principal import Principal
from datapod_server.secret_properties import is_secret
from datapod_server.storage.sqlite import Database
from datapod_server.values.atoms import Atom, number
from datapod_server.values.path import Path
from datapod_server.values.rows import Cell, Row
from datapod_server.values.timestamp import Timestamp

_BATCH = 2000
_NO_ROW = -1
_TYPE, _CREATED, _MODIFIED, _SERVER_MODIFIED = (Path((name,)) for name in ("type", "dateCreated", "dateModified", "dateServerModified"))
_SOURCE, _TARGET, _NAME = (Path((name,)) for name in ("source", "target", "name"))

_ITEMS = """
SELECT row, id, type, dateServerModified, dateCreated, dateModified FROM items
WHERE row IN (SELECT value FROM json_each(?1)) AND NOT deleted AND {visible} ORDER BY row
"""
_LIVE_EDGES = """edges JOIN items ON items.row = edges.self AND NOT items.deleted
JOIN items AS source ON source.row = edges.source AND NOT source.deleted
JOIN items AS target ON target.row = edges.target AND NOT target.deleted WHERE {visible}"""
_EDGES = f"""
SELECT items.row, items.id, items.type, items.dateServerModified, source.id, target.id, edges.name FROM {_LIVE_EDGES}
AND edges.self IN (SELECT value FROM json_each(?1)) ORDER BY edges.self
"""  # noqa: S608 - constant texts
_VALUES = " UNION ALL ".join(
    f"SELECT item, name, value FROM {table}"  # noqa: S608 - constant texts
    " WHERE item IN (SELECT value FROM json_each(?1)) AND name IN (SELECT value FROM json_each(?2))"
    for table in ("strings", "integers", "reals")
)

Note = Callable[[Touched, Principal], None]
"""Told for the audit record what each batch of rows held."""
Property = tuple[Path, ValueType, str]
"""The column, the type and the name of what is stored under one number of the value tables."""


class _Stored(ABC):
    """What both tables share: which numbers of the value tables are which columns, and reading rows in batches.

    Its queries: `_count` counts the rows, `_rows` gives their numbers, `_names` which types carry which properties, and `_entries` gives
    the row number, id, type and time of each row of a batch, then what `_own_cells` takes.
    """

    base: tuple[Path, ...]
    _count: str
    _rows: str
    _names: str
    _entries: str

    def __init__(
        self, database: Database, schema: Callable[[], Schema], restriction: tuple[str, ...], principal: Principal, note: Note
    ) -> None:
        self._database = database
        self._note = note
        self._principal = principal
        self._schema = schema
        self._restriction = restriction

    def columns(self) -> Sequence[Path]:
        """The columns that every row has, then the properties in the order in which the pod got to know them."""
        with self._database.read() as connection:
            view = View(connection, self._principal)
            used = set(connection.execute(self._names.format(visible=self._visible(view)), self._restriction))
        properties = _properties(self._schema())
        seen = {
            number: properties[number][0]
            for item_type, number in used
            if number in properties and _shows_somewhere(view, item_type, properties[number][2])
        }
        return (*self.base, *(seen[number] for number in sorted(seen) if seen[number] not in self.base))

    def row_count(self) -> int:
        with self._database.read() as connection:
            count = self._count.format(visible=self._visible(View(connection, self._principal)))
            return next(int(count) for (count,) in connection.execute(count, self._restriction))

    def rows(self, *, columns: Collection[Path] | None = None) -> Iterator[Row]:
        """All rows; of the properties only those in `columns`, if given."""
        wanted = self._wanted(columns)
        numbers = self._row_numbers()
        for start in range(0, len(numbers), _BATCH):
            with self._database.read() as connection:
                batch = rows_as_json(numbers[start : start + _BATCH])
                view = View(connection, self._principal)
                entries = list(connection.execute(self._entries.format(visible=self._visible(view)), (batch,)))
                values = _values(connection, batch, wanted, {entry[0]: entry[2] for entry in entries}, view)
            if self._principal.run_id is not None:
                self._note(self._touched(entries, values), self._principal)
            for row, item_id, item_type, server_modified, *own in entries:
                time = server_modified / 1000
                cells = self._own_cells(item_type, time, *own)
                cells += [Cell(column, value, time) for column, value in values.get(row, ())]
                yield Row(Path((item_id,)), cells)

    @abstractmethod
    def _touched(self, entries: Sequence[Sequence[Any]], values: Mapping[int, Sequence[tuple[Path, Atom]]]) -> Touched:
        """What a batch holds, for the audit record."""

    @abstractmethod
    def _own_cells(self, item_type: str, time: float, *own: Any) -> list[Cell]:
        """The cells of the `base` columns. `time` is in seconds since 1970, as of all cells of the row."""

    @abstractmethod
    def _visible(self, view: View) -> str:
        """The condition, in the words of the queries of the class, for the rows that the asker sees."""

    def relation(self) -> None:  # noqa: B027 - no table here has one
        """None: only `rows` reads it; the engine does not hold it."""

    def _row_numbers(self) -> array[int]:
        with self._database.read() as connection:
            query = self._rows.format(visible=self._visible(View(connection, self._principal)))
            return array("q", sorted(row for (row,) in connection.execute(query, self._restriction)))

    def _wanted(self, columns: Collection[Path] | None) -> dict[int, Property]:
        properties = _properties(self._schema())
        return {
            number: entry for number, entry in properties.items() if entry[0] not in self.base and (columns is None or entry[0] in columns)
        }


class ItemsTable(_Stored):
    """One row per item that is not deleted, by creation; its name is the item's id.

    Args:
        schema: The pod's schema as it is published.
        principal: Who asks; what he may not read is absent.
        item_type: Only items of this type; None for all.
    """

    base = (_TYPE, _CREATED, _MODIFIED, _SERVER_MODIFIED)
    _entries = _ITEMS

    def __init__(self, database: Database, schema: Callable[[], Schema], item_type: str | None, principal: Principal, note: Note) -> None:
        where = "{visible} AND " if item_type is None else "{visible} AND type = ?1 AND "
        self._count = f"SELECT count(*) FROM items WHERE {where}NOT deleted"  # noqa: S608 - constant texts; values are parameters
        self._rows = f"SELECT row FROM items WHERE {where}NOT deleted"  # noqa: S608
        self._names = _names(f"SELECT row, type FROM items WHERE {where}NOT deleted")  # noqa: S608
        super().__init__(database, schema, () if item_type is None else (item_type,), principal, note)

    def _visible(self, view: View) -> str:
        return view.visible("items")

    def _touched(self, entries: Sequence[Sequence[Any]], values: Mapping[int, Sequence[tuple[Path, Atom]]]) -> Touched:
        touched = Touched()
        for row, _, item_type, *_ in entries:
            touched.add("item", item_type, "read", (column[0] for column, _ in values.get(row, ())))
        return touched

    def _own_cells(self, item_type: str, time: float, *own: Any) -> list[Cell]:
        created, modified = own
        return [
            Cell(_TYPE, item_type, time),
            Cell(_CREATED, Timestamp(created / 1000), time),
            Cell(_MODIFIED, Timestamp(modified / 1000), time),
            Cell(_SERVER_MODIFIED, Timestamp(time), time),
        ]


class MatchingItemsTable(ItemsTable):
    """Those of them whose texts match `expression`, an expression of the text index."""

    def __init__(
        self,
        database: Database,
        schema: Callable[[], Schema],
        item_type: str | None,
        principal: Principal,
        note: Note,
        expression: str,
    ) -> None:
        super().__init__(database, schema, item_type, principal, note)
        self._expression = expression

    def row_count(self) -> int:
        return len(self._row_numbers())

    def _row_numbers(self) -> array[int]:
        rows = super()._row_numbers()
        with self._database.read() as connection:
            found = set(matching_rows(connection, self._schema(), View(connection, self._principal), self._expression))
        return array("q", (row for row in rows if row in found))


class EdgesTable(_Stored):
    """One row per edge between items that are not deleted, by creation; its name is the id of the edge's own item.

    Args:
        name: Only edges of this name; None for all.
    """

    base = (_SOURCE, _TARGET, _NAME)
    _entries = _EDGES

    def __init__(self, database: Database, schema: Callable[[], Schema], name: str | None, principal: Principal, note: Note) -> None:
        tail = _LIVE_EDGES + ("" if name is None else " AND edges.name = ?1")
        self._count = f"SELECT count(*) FROM {tail}"  # noqa: S608 - constant texts; values are parameters
        self._rows = f"SELECT edges.self FROM {tail}"  # noqa: S608
        self._names = _names(f"SELECT items.row, items.type FROM {tail}")  # noqa: S608
        super().__init__(database, schema, () if name is None else (name,), principal, note)

    def _visible(self, view: View) -> str:
        return view.edge_visible("edges", "source", "target")

    def _touched(self, entries: Sequence[Sequence[Any]], values: Mapping[int, Sequence[tuple[Path, Atom]]]) -> Touched:
        touched = Touched()
        for *_, name in entries:
            touched.add("edge", name, "read")
        return touched

    def _own_cells(self, item_type: str, time: float, *own: Any) -> list[Cell]:
        source, target, name = own
        return [Cell(_SOURCE, source, time), Cell(_TARGET, target, time), Cell(_NAME, name, time)]


def _names(items: str) -> str:
    """Which types of these items (a query for `row` and `type`) carry which names."""
    return " UNION ".join(
        f"SELECT DISTINCT found.type, {table}.name FROM ({items}) AS found CROSS JOIN {table} ON {table}.item = found.row"  # noqa: S608
        for table in ("strings", "integers", "reals")
    )


def _properties(schema: Schema) -> dict[int, Property]:
    found = {}
    for name, stored_number in schema.numbers.items():
        kind = schema.find(name)
        if kind is not None:
            found[stored_number] = (Path((name,)), kind, name)
    return found


def _values(
    connection: apsw.Connection, batch: str, wanted: dict[int, Property], types: dict[int, str], view: View
) -> dict[int, list[tuple[Path, Atom]]]:
    """The wanted properties of each row, in the order of their numbers."""
    values: dict[int, list[tuple[int, Path, Atom]]] = {}
    if wanted:
        for row, stored_number, value in connection.execute(_VALUES, (batch, rows_as_json(wanted))):
            column, kind, name = wanted[stored_number]
            item_type = types.get(row)
            if item_type is not None and _shows(view, row, item_type, name):
                atom = _atom(value, kind)
                if atom is not None:
                    values.setdefault(row, []).append((stored_number, column, atom))
    for entries in values.values():
        entries.sort(key=_by_number)
    return {row: [entry[1:] for entry in entries] for row, entries in values.items()}


def _shows(view: View, row: int, item_type: str, name: str) -> bool:
    """Secret properties are absent for everybody. Source: design.md, 5."""
    return not is_secret(item_type, name) and (view.rights is None or view.names(row, item_type).allow(item_type, name))


def _shows_somewhere(view: View, item_type: str, name: str) -> bool:
    rows = [row for row, own_type in ({} if view.own is None else view.own.rows).items() if own_type == item_type]
    return any(_shows(view, row, item_type, name) for row in (*rows, _NO_ROW))


def _by_number(entry: tuple[int, Path, Atom]) -> int:
    return entry[0]


def _atom(value: Any, kind: ValueType) -> Atom:
    """A stored value as an atom; None for one that does not fit the schema."""
    match kind:
        case ValueType.TEXT:
            return value if isinstance(value, str) else None
        case ValueType.REAL:
            return number(value) if isinstance(value, float) else None
        case ValueType.DATE_TIME:
            return Timestamp(value / 1000) if isinstance(value, int) else None
        case _:
            return value if isinstance(value, int) else None
