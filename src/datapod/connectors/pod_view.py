"""What the pod has of the items that a batch is about, read in few requests and kept true while the batch is planned."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from datapod.client import PodClient
from datapod.connectors.identity import belongs_to
from datapod.errors import PodError

Json = dict[str, Any]

_SEARCHES_PER_REQUEST = 1_000
_EDGES, _END, _NAME = "[[edges]]", "_item", "_edge"


class PodView:
    """Live items by id, and the outgoing edges of those that were loaded with edges."""

    def __init__(self, client: PodClient) -> None:
        self.client = client
        self.items: dict[str, Json] = {}
        self.edges: dict[str, set[tuple[str, str]]] = {}
        """Source id to name and target id; has an entry for each source whose edges are all known."""
        self.planned_edges: set[tuple[str, str, str]] = set()
        """Source id, name and target id of edges that this batch will create."""
        self.deleted: set[str] = set()
        """Ids that this batch will delete."""
        self._asked: set[str] = set()

    def load(self, ids: Iterable[str], *, edges: bool) -> None:
        """Read the live items of these ids."""
        wanted = [item_id for item_id in dict.fromkeys(ids) if item_id not in self._asked]
        self._asked.update(wanted)
        for item in self._search(wanted, deleted=False, edges=edges):
            if edges:
                known = item.pop(_EDGES, ())
                self.edges[item["id"]] = {(edge[_NAME], edge[_END]["id"]) for edge in known if not edge[_END].get("deleted")}
            self.items[item["id"]] = item

    def forget(self) -> None:
        """What was read holds no more."""
        self.items.clear()
        self.edges.clear()
        self._asked.clear()

    def revive(self, ids: Iterable[str]) -> list[str]:
        """Take back the deletion of these items, before they are loaded: a pod does not show edges to deleted items. Those it took back.

        This is not part of the batch. A run that is killed right after leaves an old version of the item, and the next one, whose cursor
        still stands before the record, brings it up to date.
        """
        deleted = [item["id"] for item in self._search(list(dict.fromkeys(ids)), deleted=True, edges=False)]
        for part in _pieces(deleted):
            self.client.api.bulk(update_items=[{"id": item_id, "deleted": False} for item_id in part])
        return deleted

    def load_parts_of(self, whole_ids: Iterable[str]) -> None:
        """Read the parts of these records, however deep below the main item, along the edges that lead to them."""
        frontier = list(whole_ids)
        while frontier:
            below = [target for source in frontier for _, target in self.edges.get(source, ()) if belongs_to(target, source)]
            frontier = [item_id for item_id in dict.fromkeys(below) if item_id not in self.edges]
            self._asked.difference_update(frontier)
            self.load(frontier, edges=True)
            frontier = [item_id for item_id in frontier if item_id in self.edges]

    def parts_of(self, whole_id: str) -> list[str]:
        """Ids of the live parts that `load_parts_of` found."""
        found: dict[str, None] = {}
        frontier = [whole_id]
        while frontier:
            below = [target for source in frontier for _, target in self.edges.get(source, ()) if belongs_to(target, whole_id)]
            frontier = [item_id for item_id in below if item_id not in found and item_id != whole_id and item_id in self.items]
            found.update(dict.fromkeys(frontier))
        return list(found)

    def has_edge(self, source: str, name: str, target: str) -> bool:
        """Whether the edge is there. Where the source's edges are not loaded, the target's are asked: an entry has one feed, a feed
        has ten thousand entries."""
        if (source, name, target) in self.planned_edges:
            return True
        if source in self.edges:
            return (name, target) in self.edges[source]
        try:
            incoming = self.client.api.get_edges(target, "Incoming", expand_items=False)
        except PodError as error:
            if error.status != 404:
                raise
            return False
        return any((edge["item"]["id"], edge["name"]) == (source, name) for edge in incoming)

    def _search(self, ids: list[str], *, deleted: bool, edges: bool) -> list[Json]:
        more: Json = {_EDGES: {}} if edges else {}
        found: list[Json] = []
        for part in _pieces(ids):
            answer = self.client.api.bulk(search=[{"id": item_id, "deleted": deleted, **more} for item_id in part])
            found += [item for result in answer["search"] for item in result]
        return found


def _pieces(ids: list[str]) -> Iterable[list[str]]:
    return (ids[start : start + _SEARCHES_PER_REQUEST] for start in range(0, len(ids), _SEARCHES_PER_REQUEST))
