"""What one asker may write: asked before every change of an item or an edge. Source: pod-protocol.md, 23.3, 23.5, 23.7.

What may not be seen is answered as if it were not there; what may be seen but not written is 403 and names the missing right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import apsw

from datapod_server.errors import NotFound
from datapod_server.items.own import Own, find_own
from datapod_server.items.runs import PLUGIN_RUN
from datapod_server.items.schema import DEFINING_KEYS, EDGE_SCHEMA, Entry, Schema
from datapod_server.items.view import View
from datapod_server.principal import Kind, Principal, Scope
from datapod_server.rights import NO_NAMES, Level, Rights, missing

_BASE = frozenset({"id", "type", "dateCreated", "dateModified", "dateServerModified", "deleted", "rowid"})
_FOR_OWNERS_ONLY = frozenset({"pluginPermissions", "pluginRestart", "pluginSchedule"})
_NOT_OF_ITS_OWN_RUN = _FOR_OWNERS_ONLY | {
    "deleted",
    "containerImage",
    "pluginModule",
    "pluginName",
    "config",
    "targetItemId",
    "containerId",
    "scheduledBy",
}
LINKS = frozenset({"account", "view"})
"""Names of the edges that a run may make from its own item, to what it made itself."""
_EQUAL_EDGE = """
SELECT self.id FROM edges JOIN items AS self ON self.row = edges.self
WHERE edges.source = ?1 AND edges.target = ?2 AND edges.name = ?3 AND NOT self.deleted LIMIT 1
"""

Ends = tuple[int, str]
"""Row number and type of an item at an end of an edge."""


class Permit:
    """The rights of one principal within one write transaction, which may itself add to what is its own."""

    def __init__(self, connection: apsw.Connection, principal: Principal) -> None:
        self._connection = connection
        self._principal = principal
        self._rights = principal.rights
        self._own: Own | None = None

    @property
    def own(self) -> Own | None:
        if self._own is None and self._principal.run_id is not None:
            self._own = find_own(self._connection, self._principal.run_id)
        return self._own

    @property
    def _is_bounded(self) -> bool:
        """Whether the asker must not change what runs are granted."""
        return self._principal.kind is Kind.RUN or (self._principal.kind is Kind.TOKEN and Scope.ADMIN not in self._principal.scopes)

    def forget_own(self) -> None:
        """Something was made that may be the run's own."""
        self._own = None

    def create(self, item_type: str, properties: Mapping[str, Any]) -> None:
        """Raises `Forbidden` unless such an item may be made. For entries of the schema see `define`."""
        rights = self._rights
        if item_type == PLUGIN_RUN and self._principal.kind is Kind.TOKEN and Scope.CODE not in self._principal.scopes:
            raise missing(f"scope {Scope.CODE}")
        if item_type == PLUGIN_RUN and self._is_bounded:
            # A narrowed run hands on a part of its own rights; an unrestricted one starts unrestricted ones.
            _refuse_owners_names(properties, allowed=frozenset() if rights is None else frozenset({"pluginPermissions"}))
        if rights is None or item_type in DEFINING_KEYS:
            return
        if item_type == PLUGIN_RUN:
            rights.require(rights.runs, "runs")
            return
        if self._makes_its_own(item_type):
            return
        names = rights.write.of(item_type)
        if names is None:
            raise missing(f"write {item_type}")
        asked = [name for name, value in properties.items() if name not in _BASE and value is not None]
        for name in [*asked, *(["deleted"] if properties.get("deleted") else [])]:
            rights.require(names.allow(item_type, name), f"write {item_type}.{name}")

    def define(self, entry: Entry, schema: Schema) -> None:
        """Raises `Forbidden` for a new name of a type that may not be written; what agrees with the schema needs no right."""
        rights = self._rights
        entry_type, item_type, name, value_type = entry
        if rights is None or entry_type == EDGE_SCHEMA or rights.write.of(item_type) is not None or schema.agrees(name, value_type):
            return
        raise missing(f"write {item_type}.{name}")

    def update_unrestricted(self, item_type: str, properties: Mapping[str, Any]) -> None:
        """Raises `Forbidden` for what no run may change, whatever its rights."""
        if item_type == PLUGIN_RUN and self._is_bounded:
            _refuse_owners_names(properties)

    def update(
        self, row: int, item_id: str, current: Mapping[str, Any], properties: Mapping[str, Any], view: View
    ) -> Mapping[str, Any] | None:
        """What of an update is to be carried out.

        Args:
            current: The item as the asker sees it; only its type, where it may be written but not seen.

        Returns:
            Its properties without those that have their values already and need no right; None if there is nothing to do.

        Raises:
            NotFound: The asker knows nothing of such an item.
            Forbidden: It may not be changed so.
        """
        item_type = current["type"]
        if not self._knows(row, item_type, view) and "_edge" not in current:
            raise NotFound(f"Item with id {item_id} not found")
        kept = {name: value for name, value in properties.items() if name in _BASE - {"deleted"}}
        changed = False
        readable = view.names(row, item_type)
        for name, value in properties.items():
            if name in kept or (name == "deleted" and value is None):
                continue
            if self._may_set(row, item_type, name) or (name == "deleted" and self._may_write_edge(current)):
                kept[name] = value
                changed = True
            elif not ((name == "deleted" or readable.allow(item_type, name)) and _equal(current.get(name), value)):
                edge = current.get("_edge") if name == "deleted" else None
                raise missing(f"write {item_type}.{name}" if edge is None else f"edges write {edge}")
        return kept if changed or self._may_touch(row, item_type) else None

    def create_edge(self, source: Ends, target: Ends, name: str, view: View) -> str | None:
        """Raises `Forbidden` unless the edge may be made; the id of an equal one that stands for it if it needs no right to exist."""
        rights = self._rights
        if rights is None or (rights.edge(name) is Level.WRITE and rights.knows(source[1]) and rights.knows(target[1])):
            return None
        existing = self._connection.execute(_EQUAL_EDGE, (source[0], target[0], name)).fetchone()
        if existing is not None and self.sees_edge(source, target, name, view):
            return str(existing[0])
        if not self._may_link(source[0], target[0], name):
            raise missing(f"edges write {name}")
        return None

    def delete_edges(self, source: Ends, target: Ends, names: Iterable[str], view: View) -> set[str]:
        """Which of the edges of these names between two items are to be deleted: hidden ones look absent.

        Raises:
            Forbidden: One of them may be seen, but not deleted.
        """
        rights = self._rights
        if rights is None:
            return set(names)
        permitted = set()
        for name in set(names):
            may = rights.edge(name) is Level.WRITE and rights.knows(source[1]) and rights.knows(target[1])
            if may or self._may_link(source[0], target[0], name):
                permitted.add(name)
            elif self.sees_edge(source, target, name, view):
                raise missing(f"edges write {name}")
        return permitted

    def knows_end(self, end: Ends, view: View) -> bool:
        """Whether an item may stand at the end of an edge, as far as the asker knows."""
        return self._rights is None or self._knows(end[0], end[1], view)

    def may_become_edge(self, item: Ends) -> bool:
        """Whether an item that exists may be made the own item of an edge."""
        return self._rights is None or self._rights.write.of(item[1]) is not None

    def sees_edge(self, source: Ends, target: Ends, name: str, view: View) -> bool:
        if view.sees(*source) and view.sees(*target) and view.reads_edges(name):
            return True
        own = self.own
        return own is not None and own.run in (source[0], target[0]) and source[0] in own.rows and target[0] in own.rows

    def _knows(self, row: int, item_type: str, view: View) -> bool:
        rights: Rights = self._rights or Rights()
        return (item_type != "Edge" and rights.knows(item_type)) or view.sees(row, item_type)

    def _may_set(self, row: int, item_type: str, name: str) -> bool:
        own = self.own
        if own is not None:
            if row == own.run:
                return name not in _NOT_OF_ITS_OWN_RUN
            if row in own.accounts or row in own.views:
                return True
        names = NO_NAMES if self._rights is None else self._rights.write.of(item_type) or NO_NAMES
        return item_type != PLUGIN_RUN and names.allow(item_type, name)

    def _may_write_edge(self, current: Mapping[str, Any]) -> bool:
        return self._rights is not None and "_edge" in current and self._rights.edge(current["_edge"]) is Level.WRITE

    def _may_touch(self, row: int, item_type: str) -> bool:
        own = self.own
        mine = own is not None and (row == own.run or row in own.accounts or row in own.views)
        return mine or (item_type != PLUGIN_RUN and self._rights is not None and self._rights.write.of(item_type) is not None)

    def _makes_its_own(self, item_type: str) -> bool:
        own = self.own
        return own is not None and (item_type == "CVUStoredDefinition" or (item_type == "Account" and not own.accounts))

    def _may_link(self, source: int, target: int, name: str) -> bool:
        """From a run to an account, or a view, that it made itself."""
        own = self.own
        if own is None or source != own.run or name not in LINKS:
            return False
        return target in (own.accounts if name == "account" else own.views)


def _refuse_owners_names(properties: Mapping[str, Any], allowed: frozenset[str] = frozenset()) -> None:
    """No run may widen itself, nor give others more than it has. Source: pod-protocol.md, 23.3, 23.5."""
    for name in sorted((_FOR_OWNERS_ONLY - allowed) & properties.keys()):
        if name not in allowed:
            raise missing(f"write {PLUGIN_RUN}.{name}")


def _equal(current: Any, given: Any) -> bool:
    return current == given and isinstance(current, bool) is isinstance(given, bool)
