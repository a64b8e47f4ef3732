"""From a pod's JSON to items: which class stands for a type, and edges attached on both sides of the local store.

Source: plugin-sdk.md, 2.11 to 2.13 and 6.1.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any

from datapod.item import Item
from datapod.store import DB, Priority

Json = Mapping[str, Any]


class Assembly:
    """Builds items for one client. Unknown types and edges never fail: they become generic ones."""

    def __init__(self, store: DB, registered: dict[str, type[Item]]) -> None:
        self._store = store
        self._registered = registered
        self._generic: dict[str, type[Item]] = {}
        self._lock = threading.Lock()
        self.kinds: dict[str, dict[str, type]] = {}
        """Types of properties that were registered from a sample: item type to name to Python type."""

    def class_of(self, json: Json) -> type[Item]:
        """The class registered with the client, else the built-in one, else a generic one made for the purpose."""
        from datapod.schema import BUILT_IN

        name = str(json["type"])
        found = self._registered.get(name) or BUILT_IN.get(name)
        if found is not None:
            return found
        seen = [key for key in json if not key.startswith(("_", "[", "~"))]
        with self._lock:
            generic = self._generic.get(name)
            if generic is None:
                generic = self._generic[name] = Item.generic_class(name, seen)
            else:
                generic.learn_properties(seen)
            return generic

    def item(self, json: Json, store: bool = True, priority: Priority | str | None = None) -> Item:
        """One item; with `store` the very object of the local store, brought up to date."""
        cls = self.class_of(json)
        item = cls.from_json(json, kinds=self.kinds.get(cls.__name__))
        return self._store.merge(item, priority) if store else item

    def partial_item(self, json: Json) -> Item:
        """One item of which only some properties were asked for; the others keep what the local store knows."""
        cls = self.class_of(json)
        return self._store.merge(cls.from_json(json, kinds=self.kinds.get(cls.__name__)), only=list(json))

    def with_edges(self, json: Json, store: bool = True, priority: Priority | str | None = None) -> Item:
        """One item of a search answer, with the neighbours that came along under `[[edges]]`."""
        item = self.item(json, store, priority)
        for edge in json.get("[[edges]]") or ():
            item.attach_edge(edge["_edge"], self.item(edge["_item"], store, priority))
        return item

    def attach(self, item: Item, edges: Iterable[Json], store: bool = True) -> None:
        """Neighbours as `get_edges` gives them."""
        for edge in edges:
            item.attach_edge(edge["name"], self.item(edge["item"], store))
