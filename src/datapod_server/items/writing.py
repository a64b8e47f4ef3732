"""One write transaction over items and edges. Rows are gathered and written in batches; whatever has to see them flushes first.

Source: pod-protocol.md, 4 to 7.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any

import apsw

from datapod_server.errors import Failed, Invalid, NotFound
from datapod_server.items.audit import UNRESTRICTED, Audit, Touched
from datapod_server.items.grants import rights_of_new_run
from datapod_server.items.kinds import GREATEST_INTEGER, LEAST_INTEGER, STORED_AS, Stored, ValueType, to_stored
from datapod_server.items.malformed import Malformed, json_kind
from datapod_server.items.own import NOTED_TYPES
from datapod_server.items.permit import LINKS, Permit
from datapod_server.items.reading import BASE, Item, read_items
from datapod_server.items.runs import PLUGIN_RUN, TRIGGER, BeforeChange, BeforeRun, PreparedRun
from datapod_server.items.schema import DEFINING_KEYS, Entry, Schema, contradiction
from datapod_server.items.sealed import SEALED_NAMES, SEALED_TYPE, Sealer, is_sealed
from datapod_server.items.view import View
from datapod_server.items.words import note_changed
from datapod_server.principal import OWNER, Principal, plugin_run
from datapod_server.rights import parse_rights

_ID = re.compile(r"[a-zA-Z0-9_-]{6,36}")
_TYPE = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,127}")
_SPECIAL = frozenset({"id", "type", "dateCreated", "dateModified", "dateServerModified", "deleted", "rowid"})
_WATCHED = frozenset({PLUGIN_RUN, TRIGGER})
_FLUSH_AT = 20_000

_INSERT = {
    "items": "INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?)",
    "edges": "INSERT INTO edges VALUES (?, ?, ?, ?)",
    "strings": "INSERT INTO strings VALUES (?, ?, ?)",
    "integers": "INSERT INTO integers VALUES (?, ?, ?)",
    "reals": "INSERT INTO reals VALUES (?, ?, ?)",
}
_REPLACE = {table: f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?)" for table in ("strings", "integers", "reals")}  # noqa: S608
_ERASE = {table: f"DELETE FROM {table} WHERE item = ? AND name = ?" for table in ("strings", "integers", "reals")}  # noqa: S608
_EDGES_BETWEEN = """
SELECT self, name FROM edges JOIN items ON items.row = edges.self
WHERE source = ?1 AND target = ?2 AND (?3 IS NULL OR name = ?3) AND NOT items.deleted
"""
_CARRIED = " UNION ALL ".join(f"SELECT 1 FROM (SELECT 1 FROM {table} WHERE name = ?1 LIMIT 1)" for table in (*_REPLACE, "sealed"))  # noqa: S608


class Writing:
    """The work of one transaction; `ItemStore` makes it, commits, and publishes `schema` and starts `prepared` afterwards."""

    def __init__(
        self,
        connection: apsw.Connection,
        schema: Schema,
        clock: Callable[[], int],
        principal: Principal,
        before_run: BeforeRun | None,
        before_change: BeforeChange | None,
        audit: Audit,
        sealer: Sealer,
    ) -> None:
        self._connection = connection
        self.schema = schema
        self._owns_schema = False
        self._clock = clock
        self._principal = principal
        self._before_run = before_run
        self._before_change = before_change
        self._audit = audit
        self._sealer = sealer
        self._permit = Permit(connection, principal)
        self._run_id = principal.run_id
        self._view: View | None = None
        self.touched = Touched()
        self._gathered: dict[str, list[tuple[Any, ...]]] = {table: [] for table in _INSERT}
        self._direct: dict[str, tuple[type, Callable[[tuple[Any, ...]], None], int]] = {}
        self._touched: dict[int, int] = {}
        self._rows: dict[str, int] = {}
        self._next_row = next(row for (row,) in connection.execute("SELECT coalesce(max(row), 0) + 1 FROM items"))
        self.first_row = self._next_row
        self.changed_rows: set[int] = set()
        self.watched_items: dict[tuple[str, str], frozenset[str]] = {}
        """Type and id of the `PluginRun` and `Trigger` items that were written, and the names that were set."""
        self.prepared: list[tuple[PreparedRun, str, Principal]] = []
        """Runs to be started after the commit, the ids of their targets, and who they will be."""

    def create(self, properties: Mapping[str, Any]) -> str:
        """Store a new item; its id. Source: pod-protocol.md, 6.1."""
        item_type = properties.get("type")
        if type(item_type) is not str:
            raise _wrong(properties, "type", "a string")
        if not _TYPE.fullmatch(item_type):
            raise Invalid(f"Item type '{item_type}' does not satisfy the format {_TYPE.pattern}")
        item_id = properties.get("id")
        if item_id is None:
            item_id = secrets.token_hex(16)
        elif type(item_id) is not str:
            raise _wrong(properties, "id", "a string")
        elif not _ID.fullmatch(item_id):
            raise Invalid(f"Item id '{item_id}' does not satisfy the format ^{_ID.pattern}$")
        entry = self._entry(item_type, properties) if item_type in DEFINING_KEYS else None
        if entry is not None:
            existing = self.schema.entries.get(entry)
            if existing is not None:
                return existing
            self._define(entry, item_id)
        self._permit.create(item_type, properties)
        self._insert(item_id, item_type, properties)
        if self._run_id is not None:
            self._note_maker(item_id, item_type, properties)
        if item_type in _WATCHED:
            self._note_watched(item_type, item_id, properties)
            if item_type == PLUGIN_RUN:
                self._prepare_run(item_id, properties)
        return item_id

    def define(self, entry: Entry) -> str:
        """Store a schema entry unless an equal one is there; the id of the stored one. Source: pod-protocol.md, 5.2."""
        return self.create({"type": entry[0], **dict(zip(DEFINING_KEYS[entry[0]], entry[1:], strict=True))})

    def update(self, properties: Mapping[str, Any]) -> None:
        """Change an item, or only touch it. Source: pod-protocol.md, 6.3."""
        item_id = properties.get("id")
        if type(item_id) is not str:
            raise _wrong(properties, "id", "a string")
        row, item_type = self._get(item_id)
        permitted = self._permitted(row, item_id, item_type, properties)
        if permitted is None:
            return
        properties = permitted
        if item_type in _WATCHED:
            self._note_watched(item_type, item_id, properties)
            self._check_change(item_type, item_id, properties)
        now = self._clock()
        modified = properties.get("dateModified", now)
        if type(modified) is not int or not LEAST_INTEGER <= modified <= GREATEST_INTEGER:
            raise Invalid(f"Cannot parse dateModified {json_kind(modified)} to i64")
        deleted = properties.get("deleted")
        if deleted is not None and type(deleted) is not bool:
            raise _wrong(properties, "deleted", "a boolean")
        if item_type in DEFINING_KEYS:
            self._check_definition_kept(item_id, item_type, properties)
        for name, value in properties.items():
            if name not in _SPECIAL:
                self._set(row, item_type, name, value)
        self._connection.execute(
            "UPDATE items SET dateModified = ?, dateServerModified = ?, deleted = coalesce(?, deleted) WHERE row = ?",
            (modified, now, deleted, row),
        )
        self.changed_rows.add(row)
        if any(name not in _SPECIAL for name in properties):
            note_changed(self._connection, row)

    def delete(self, item_id: str) -> None:
        """Mark an item deleted. Source: pod-protocol.md, 6.4."""
        self.update({"id": item_id, "deleted": True})

    def create_edge(self, source: str, target: str, name: str, self_id: str | None) -> str:
        """Store an edge; the id of its own item. Source: pod-protocol.md, 7.2."""
        if not name:
            raise Invalid("An edge needs a name that is not empty (_name)")
        self_row = None
        if self_id is not None:
            self_row = self._row(self_id)
            if self_row is None:
                raise Invalid(f"Failed to create edge with _self: {self_id}")
        source_row = self._row(source)
        if source_row is None:
            raise NotFound(f"Edge source not found: {source}")
        target_row = self._row(target)
        if target_row is None:
            raise NotFound(f"Edge target not found: {target}")
        if self._principal.rights is not None:
            existing = self._permitted_edge((source, source_row), (target, target_row), name, self_row)
            if existing is not None:
                return existing
        now = self._clock()
        if self_id is None or self_row is None:
            self_id = secrets.token_hex(16)
            self_row = self._add_item(self_id, "Edge", now, now, now, deleted=False)
        if self._run_id is not None and name in LINKS:  # whatever item the edge has for its own
            self._note_row(self_row)
        self._gathered["edges"].append((self_row, source_row, name, target_row))
        self._touched[source_row] = now
        self._note_edge(name)
        return self_id

    def delete_edges(self, source: str, target: str, name: str | None) -> None:
        """Remove the edges between two items and mark their own items deleted. Source: pod-protocol.md, 7.4."""
        self.flush()
        source_row, target_row = self._row(source), self._row(target)
        if source_row is None or target_row is None:
            raise NotFound("Edge not found")
        found = list(self._connection.execute(_EDGES_BETWEEN, (source_row, target_row, name)))
        names = self._permit.delete_edges(self._end(source_row), self._end(target_row), (edge for _, edge in found), self.view())
        found = [(row, edge) for row, edge in found if edge in names]
        if not found:
            raise NotFound("Edge not found")
        for row, edge in found:
            now = self._clock()
            self._connection.execute("DELETE FROM edges WHERE self = ?", (row,))
            self._connection.execute("UPDATE items SET deleted = 1, dateModified = ?1, dateServerModified = ?1 WHERE row = ?2", (now, row))
            self._note_edge(edge)
        self._touched[source_row] = self._clock()

    def _note_edge(self, name: str) -> None:
        if self._run_id is not None:
            self.touched.add("edge", name, "write")

    def flush(self) -> None:
        """Write what was gathered, so that statements see it. Raises `Failed` for an id that is taken."""
        try:
            for table, rows in self._gathered.items():
                if rows:
                    self._connection.executemany(_INSERT[table], rows)
                    rows.clear()
        except apsw.ConstraintError as error:
            raise Failed(f"Failed to store: {str(error).removeprefix('ConstraintError: ')}") from error
        if self._touched:
            self._connection.executemany(
                "UPDATE items SET dateServerModified = ? WHERE row = ?", [(now, row) for row, now in self._touched.items()]
            )
            self.changed_rows.update(self._touched)
            self._touched.clear()

    def find_item(self, item_id: str, principal: Principal = OWNER) -> Item | None:
        """An item as this transaction has it and `principal` sees it, deleted or not."""
        self.flush()
        view = View(self._connection, principal, self._sealer)
        rows = self._connection.execute(f"SELECT {BASE} FROM items WHERE id = ? AND {view.visible('items')}", (item_id,))  # noqa: S608
        return next((item for _, item in read_items(self._connection, self.schema, rows, view)), None)

    @property
    def created_rows(self) -> range:
        return range(self.first_row, self._next_row)

    def view(self) -> View:
        """What the asker sees, as this transaction has it."""
        self.flush()
        if self._view is None:
            self._view = View(self._connection, self._principal, None if self._run_id is None else self._sealer)
        return self._view

    def _insert(self, item_id: str, item_type: str, properties: Mapping[str, Any]) -> None:
        now = self._clock()
        created, modified = _date(properties, "dateCreated", now), _date(properties, "dateModified", now)
        _date(properties, "dateServerModified", now)
        deleted = properties.get("deleted", False)
        if type(deleted) is not bool:
            raise _wrong(properties, "deleted", "a boolean")
        if type(properties.get("rowid", 0)) not in (int, type(None)):
            raise _wrong(properties, "rowid", "an integer")
        row = self._add_item(item_id, item_type, created, modified, now, deleted=deleted)
        direct = self._direct
        for name, value in properties.items():
            if name in _SPECIAL:
                continue
            if item_type == SEALED_TYPE and name in SEALED_NAMES:
                self._seal(row, name, value)
                continue
            known = direct.get(name)
            if known is not None and type(value) is known[0]:
                known[1]((row, known[2], value))
            else:
                self._gather(row, name, value)

    def _gather(self, row: int, name: str, value: Any) -> None:
        kind = self.schema.get(name, value)
        if value is None:
            return
        number, rows = self._number(name), self._gathered[kind.table]
        rows.append((row, number, to_stored(value, kind, name)))
        if kind is ValueType.TEXT or kind is ValueType.REAL:  # nothing to check or to change beyond the type
            self._direct[name] = (STORED_AS[kind], rows.append, number)

    def _add_item(self, item_id: str, item_type: str, created: int, modified: int, now: int, *, deleted: bool) -> int:
        row: int = self._next_row
        self._next_row += 1
        self._rows[item_id] = row
        gathered = self._gathered["items"]
        gathered.append((row, item_id, item_type, created, modified, now, deleted))
        if len(gathered) >= _FLUSH_AT:
            self.flush()
        return row

    def _set(self, row: int, item_type: str, name: str, value: Any) -> None:
        if is_sealed(item_type, name):
            self._seal(row, name, value)
            return
        kind = self.schema.get(name, value)
        if value is None:
            self._connection.execute(_ERASE[kind.table], (row, self.schema.numbers.get(name)))
        else:
            stored: Stored = to_stored(value, kind, name)
            self._connection.execute(_REPLACE[kind.table], (row, self._number(name), stored))

    def _seal(self, row: int, name: str, value: Any) -> None:
        kind = self.schema.get(name, value)
        self.flush()
        if value is None:
            self._sealer.erase(self._connection, row, self._number(name))
        else:
            self._sealer.put(self._connection, row, self._number(name), to_stored(value, kind, name))

    def _number(self, name: str) -> int:
        number = self.schema.numbers.get(name)
        if number is None:
            number = self._own_schema().number(name, self._connection)
        return number

    def _own_schema(self) -> Schema:
        if not self._owns_schema:
            self.schema = self.schema.copy()
            self._owns_schema = True
        return self.schema

    def _row(self, item_id: str) -> int | None:
        row = self._rows.get(item_id)
        if row is None:
            for (found,) in self._connection.execute("SELECT row FROM items WHERE id = ?", (item_id,)):
                row = self._rows[item_id] = int(found)
        return row

    def _get(self, item_id: str) -> tuple[int, str]:
        self.flush()
        for row, item_type in self._connection.execute("SELECT row, type FROM items WHERE id = ?", (item_id,)):
            return int(row), str(item_type)
        raise NotFound(f"Item with id {item_id} not found")

    def _entry(self, item_type: str, properties: Mapping[str, Any]) -> Entry:
        texts = []
        for key in DEFINING_KEYS[item_type]:
            text = properties.get(key)
            if type(text) is not str:
                raise _wrong(properties, key, "a string")
            texts.append(text)
        return (item_type, texts[0], texts[1], texts[2])

    def _define(self, entry: Entry, item_id: str) -> None:
        soft = self.schema.check(entry)
        self._permit.define(entry, self.schema)
        name = entry[2]
        if soft is not None and name in self.schema.numbers:
            self.flush()
            if self._connection.execute(_CARRIED, (self.schema.numbers[name],)).fetchone() is not None:
                raise contradiction(name, soft, entry[3])
        self._own_schema().add(entry, item_id)
        self._direct.clear()

    def _check_definition_kept(self, item_id: str, item_type: str, properties: Mapping[str, Any]) -> None:
        stored = self.find_item(item_id) or {}
        for key in DEFINING_KEYS[item_type]:
            if key in properties and properties[key] != stored.get(key):
                raise Invalid(f"A definition in the schema cannot be changed ({key} of {item_id}); define another name instead")

    def _note_watched(self, item_type: str, item_id: str, properties: Mapping[str, Any]) -> None:
        written = self.watched_items.get((item_type, item_id), frozenset())
        self.watched_items[item_type, item_id] = written | properties.keys()

    def _check_change(self, item_type: str, item_id: str, properties: Mapping[str, Any]) -> None:
        if item_type != PLUGIN_RUN:
            return
        if self._before_change is not None:
            self._before_change(properties)
        if "pluginPermissions" in properties:
            self._change_grant(item_id, properties["pluginPermissions"])

    def _change_grant(self, run_id: str, permissions: Any) -> None:
        if permissions is not None:
            parse_rights(permissions)
        self._audit_grant(run_id, permissions, restricted=True)

    def _audit_grant(self, run_id: str, permissions: str | None, *, restricted: bool) -> None:
        text = permissions or ("{}" if restricted else UNRESTRICTED)
        self._audit.granted(self._connection, run_id, self._principal.label, text)

    def _permitted(self, row: int, item_id: str, item_type: str, properties: Mapping[str, Any]) -> Mapping[str, Any] | None:
        permitted: Mapping[str, Any] | None = properties
        if self._principal.rights is None:
            self._permit.update_unrestricted(item_type, properties)
        else:
            current = self.find_item(item_id, self._principal) or {"type": item_type}
            permitted = self._permit.update(row, item_id, current, properties, self.view())
        if permitted is not None and self._run_id is not None:
            self.touched.add("item", item_type, "write", permitted.keys() - _SPECIAL)
        return permitted

    def _note_maker(self, item_id: str, item_type: str, properties: Mapping[str, Any]) -> None:
        self.touched.add("item", item_type, "write", properties.keys() - _SPECIAL)
        if item_type in NOTED_TYPES:
            self._note_row(self._rows[item_id])

    def _note_row(self, row: int) -> None:
        self.flush()
        self._connection.execute("INSERT OR IGNORE INTO made_by_runs VALUES (?, ?)", (row, self._run_id))
        self._permit.forget_own()
        self._view = None

    def _permitted_edge(self, source: tuple[str, int], target: tuple[str, int], name: str, self_row: int | None) -> str | None:
        """The id of the edge that stands for this one already; None if it is to be made."""
        self.flush()
        view = self.view()
        for item_id, row, role in ((*source, "source"), (*target, "target")):
            if not self._permit.knows_end(self._end(row), view):
                raise NotFound(f"Edge {role} not found: {item_id}")
        if self_row is not None and not self._permit.may_become_edge(self._end(self_row)):
            raise Invalid("Failed to create edge with this _self: the item may not be written")
        return self._permit.create_edge(self._end(source[1]), self._end(target[1]), name, view)

    def _end(self, row: int) -> tuple[int, str]:
        return row, str(next(item_type for (item_type,) in self._connection.execute("SELECT type FROM items WHERE row = ?", (row,))))

    def _prepare_run(self, item_id: str, properties: Mapping[str, Any]) -> None:
        self.flush()
        if self._before_run is None:
            return
        rights = rights_of_new_run(self._connection, properties, self._principal)
        prepared = self._before_run(item_id, properties, lambda other: self.find_item(other, self._principal), rights, self._principal)
        if prepared is None:
            return
        self.prepared.append((prepared, str(properties["targetItemId"]), plugin_run(item_id, rights)))
        self._audit_grant(item_id, properties.get("pluginPermissions"), restricted=rights is not None)
        for name, value in prepared.properties.items():
            if self.schema.find(name) is not None:
                self._set(self._rows[item_id], PLUGIN_RUN, name, value)


def _date(properties: Mapping[str, Any], name: str, now: int) -> int:
    value = properties.get(name)
    if value is None:
        return now
    if type(value) is not int or not LEAST_INTEGER <= value <= GREATEST_INTEGER:
        raise _wrong(properties, name, "an integer")
    return value


def _wrong(properties: Mapping[str, Any], name: str, wanted: str) -> Malformed:
    if name not in properties:
        return Malformed("", f"missing field `{name}`")
    return Malformed(name, f"invalid type: {json_kind(properties[name])}, expected {wanted}")
