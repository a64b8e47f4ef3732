"""Writing: items, edges, bulk, synchronisation. Source: plugin-sdk.md, 4.3, 4.5 and 6.3."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from datapod import bulk
from datapod.client.core import Json, logger
from datapod.client.reading import ReadingClient
from datapod.edge import Edge
from datapod.item import Item
from datapod.schema import PluginRun
from datapod.store import Priority
from datapod.values import milliseconds, to_wire


class WritingClient(ReadingClient):
    """A client that writes items and edges."""

    def create(self, item: Item) -> bool:
        """Write a new item's properties; never its edges (`item.update(client)` does both)."""
        if not self._register_late([item]):
            return False
        self.local_db.add(item)
        logger.info("creating %r", item)
        sent = item.snapshot(item.properties)
        written = self._write("create", [item], lambda: self.api.create_item(self.get_create_dict(item)))
        if written is None:
            return False
        if written != item.id:
            self.local_db.nodes.pop(item.id, None)
            item.id = sent["id"] = written
            self.local_db.add(item)
        item.mark_written(sent)
        self._give_reference(item)
        return True

    def create_if_external_id_not_exists(self, item: Item) -> bool:
        """Create the item unless the pod has one of its type with its `externalId`; True if it was created."""
        return not self.external_id_exists(item) and self.create(item)

    def update_item(self, item: Item, partial_update: bool = True) -> bool:
        """Write the properties that changed (all of them if not partial); one that was set to None is erased in the pod."""
        if not self._register_late([], [item]):
            return False
        logger.info("updating %r", item)
        sent = item.snapshot(list(item._original_properties) if partial_update else item.properties)
        if self._write("update_item", [item], lambda: self.api.update_item(self.get_update_dict(item, partial_update))) is None:
            return False
        item.mark_written(sent)
        return True

    def delete_item(self, item_or_id: Item | str) -> bool:
        item_id = item_or_id if isinstance(item_or_id, str) else item_or_id.id
        if not item_id or self._attempt("delete_item", item_id, lambda: self.api.delete_item(item_id)) is None:
            return False
        self._note_deleted([item_or_id if isinstance(item_or_id, Item) else self.local_db.get(item_id)])
        return True

    def delete_items(self, items: Iterable[Item]) -> bool:
        return self.bulk_action(delete_items=[item for item in items if item.id])

    def delete_all(self) -> None:
        """No release could do this, and neither does this one: it would be one slip away from losing everything."""
        raise NotImplementedError("delete_all was never offered; delete items by delete_items")

    def create_edge(self, edge: Edge) -> bool:
        """Write one edge; False, and nothing is sent, while one of its ends has no id."""
        if not (edge.source.id and edge.target.id):
            return False
        if self._attempt("create_edge", edge.name, lambda: self.api.create_edge(self.get_create_edge_dict(edge))) is None:
            return False
        _mark_edge_written(edge)
        return True

    def create_edges(self, edges: Iterable[Edge]) -> bool:
        return self.bulk_action(create_edges=list(edges))

    def delete_edge(self, edge: Edge) -> bool:
        return self._attempt("delete_edge", edge.name, lambda: self.api.delete_edge(self.get_delete_edge_dict(edge))) is not None

    # Bulk

    def bulk_action(
        self,
        create_items: Sequence[Item] | None = None,
        update_items: Sequence[Item] | None = None,
        create_edges: Sequence[Edge] | None = None,
        delete_items: Sequence[Item] | None = None,
        partial_update: bool = True,
        priority: Priority | str | None = None,
    ) -> bool:
        """Write many things in as few requests as the limits allow; edges after all new items.

        Each request is atomic, the whole call is not: it stops at the first one that fails.
        """
        creations, updates, edges, deletions = (
            list(create_items or ()),
            list(update_items or ()),
            list(create_edges or ()),
            list(delete_items or ()),
        )
        if not self._register_late(creations, updates):
            return False
        for item in creations:
            self.local_db.add(item)
        work: list[bulk.Work] = [
            bulk.Work("create_items", item, item.snapshot(item.properties), self.get_create_dict(item)) for item in creations
        ]
        for item in updates:
            sent = item.snapshot(list(item._original_properties) if partial_update else item.properties)
            work.append(bulk.Work("update_items", item, sent, self.get_update_dict(item, partial_update)))
        work += [bulk.Work("delete_items", item, {}, item.id) for item in deletions if item.id]
        linked = [edge for edge in edges if edge.source.id and edge.target.id]
        links = [bulk.Work("create_edges", edge, {}, self.get_create_edge_dict(edge)) for edge in linked]
        return self._send_batches(bulk.batches(work, links)) and len(linked) == len(edges)

    def _send_batches(self, batches: Iterator[bulk.Batch]) -> bool:
        refused: set[int] = set()
        for batch in batches:
            if refused:
                # Edges to an item that the pod did not take would only take the others down with them.
                kept = [
                    entry
                    for entry in batch.elements
                    if not (isinstance(entry.origin, Edge) and {id(entry.origin.source), id(entry.origin.target)} & refused)
                ]
                batch = bulk.Batch(tuple(kept))
            if batch.elements and not self._send_batch(batch):
                if not batch.is_oversized:
                    return False
                refused.update(id(element.origin) for element in batch.elements)
                continue
            self._mark_batch_written(batch)
        return not refused

    def _send_batch(self, batch: bulk.Batch) -> bool:
        items = batch.origins("create_items", "update_items")
        logger.info("BULK: Writing %d items/edges", len(batch.elements))
        return self._write("bulk_action", items, lambda: self.api.bulk(**batch.parts())) is not None

    def _mark_batch_written(self, batch: bulk.Batch) -> None:
        for element in batch.elements:
            if isinstance(element.origin, Edge):
                _mark_edge_written(element.origin)
            elif element.part != "delete_items":
                element.origin.mark_written(element.sent)
                self._give_reference(element.origin)
        self._note_deleted(batch.origins("delete_items"))
        logger.info("Completed Bulk action, written %d items/edges", len(batch.elements))

    def _note_deleted(self, items: Iterable[Item | None]) -> None:
        for item in items:
            if item is not None:
                item.__dict__["deleted"] = True
                item.mark_written({"deleted": True})

    # Synchronisation

    def sync(self, priority: Priority | str = "newest") -> bool:
        """Bring the local store and the pod together: new items are created, stored ones read again, merged and written back."""
        nodes = [item for item in list(self.local_db.nodes.values()) if type(item).__name__ not in ("File", "Photo")]
        known = [item for item in nodes if item._in_pod]
        if known:
            query: Mapping[str, Any] = {"ids": [item.id for item in known]}
            found = self._attempt("sync", "", lambda: self._find(dict(query)))
            if found is None:
                return False
            self._items(found, query, True, priority)
        pending: list[Edge] = []
        for item in nodes:
            for edge in list(item._new_edges):
                if self.local_db.contains(edge.target):
                    pending.append(edge)
                else:
                    logger.warning("Could not sync `%s` for %r: edge target missing in sync.", edge.name, item)
        return self.bulk_action(
            create_items=[item for item in nodes if not item._in_pod],
            update_items=[item for item in known if item._original_properties],
            create_edges=pending,
        )

    def flush(self) -> bool:
        """Write what changed on stored items and the pending edges between them; creates no items, leaves plugin runs alone."""
        nodes = [item for item in list(self.local_db.nodes.values()) if item._in_pod and not isinstance(item, PluginRun)]
        edges = [edge for item in nodes for edge in item._new_edges if edge.target._in_pod]
        return self.bulk_action(update_items=[item for item in nodes if item._original_properties], create_edges=edges)

    # JSON of requests

    def get_create_dict(self, item: Item) -> Json:
        json = item.to_json(dates=False)
        for name in ("dateCreated", "dateModified"):
            value = item.__dict__.get(name)
            if value is not None:
                json[name] = milliseconds(value)
        return json

    def get_update_dict(self, item: Item, partial_update: bool = True) -> Json:
        """`id` and what changed; None stands for "erase"."""
        if not partial_update:
            return {name: value for name, value in item.to_json(dates=False).items() if name != "type"}
        names = [name for name in list(item._original_properties) if name not in ("id", "dateCreated", "dateServerModified")]
        values = {name: item.__dict__.get(name) for name in names}
        return {"id": item.id, **{name: None if value is None else to_wire(value) for name, value in values.items()}}

    def get_create_edge_dict(self, edge: Edge) -> Json:
        return {"_source": edge.source.id, "_target": edge.target.id, "_name": edge.name}

    get_delete_edge_dict = get_create_edge_dict
    gather_batch = staticmethod(bulk.gather_batch)


def _mark_edge_written(edge: Edge) -> None:
    edge.created = False
    if edge in edge.source._new_edges:
        edge.source._new_edges.remove(edge)
