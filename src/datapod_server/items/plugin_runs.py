"""`PluginRun` and `Trigger` items as those see them who start runs: with the rights of the owner. Source: pod-protocol.md, 14, 15.3."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from datapod_server.items.edges import Direction
from datapod_server.items.reading import Item
from datapod_server.items.runs import PLUGIN_RUN, TRIGGER
from datapod_server.items.store import ItemStore
from datapod_server.principal import OWNER, Principal


class PluginRunItems:
    """The items of one pod that plugin runs are about."""

    def __init__(self, store: ItemStore) -> None:
        self._store = store

    def find_run(self, run_id: str) -> Item | None:
        """A `PluginRun` item; None if it is unknown or deleted."""
        return self._store.find_run(run_id)

    def update_run(self, run_id: str, properties: Mapping[str, Any]) -> None:
        """Write like a client would; names that the schema does not know are left out. Raises `NotFound`."""
        self._store.update_run(run_id, properties)

    def find_item(self, item_id: str, principal: Principal = OWNER) -> Item | None:
        """Any item that is not deleted."""
        item = self._store.find_item(item_id, principal)
        return None if item is None or item["deleted"] else item

    def runs(self) -> list[Item]:
        """All runs that are not deleted, oldest first."""
        return self._store.search({"type": PLUGIN_RUN, "deleted": False}, OWNER)

    def scheduled_runs(self) -> list[Item]:
        """Those of them that carry a schedule."""
        if not self._store.knows_property("pluginSchedule"):
            return []
        return self._store.search({"type": PLUGIN_RUN, "deleted": False, "pluginSchedule!=": None}, OWNER)

    def triggers(self) -> list[Item]:
        """All triggers that are not deleted."""
        return self._store.search({"type": TRIGGER, "deleted": False}, OWNER)

    def principal(self, run_id: str, *, restricted: bool) -> Principal:
        """Who asks with the token of a run."""
        return self._store.grants.principal(run_id, restricted=restricted)

    def links(self, run_id: str, names: Collection[str]) -> list[tuple[str, str]]:
        """Name and target of the edges of these names that lead from a run."""
        edges = self._store.get_edges(run_id, Direction.OUTGOING, OWNER, expand=False)
        return [(edge["name"], edge["item"]["id"]) for edge in edges if edge["name"] in names]

    def create_run(self, properties: Mapping[str, Any], links: Collection[tuple[str, str]]) -> None:
        """Create a run with its edges, which starts it; names that the schema does not know are left out.

        Args:
            properties: With `id` and `type`.
            links: Name and target of its edges.
        """
        known = {name: value for name, value in properties.items() if name in ("id", "type") or self._store.knows_property(name)}
        with self._store.write(OWNER) as (writing, _):
            writing.create(known)
            for name, target in links:
                writing.create_edge(str(known["id"]), target, name, None)
