"""Reading: one item, neighbours, searches, pages, graph queries. Source: plugin-sdk.md, 4.4."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from datapod.client.core import Json, Query
from datapod.client.registering import RegisteringClient
from datapod.edge import Edge
from datapod.errors import PodError
from datapod.graph_query import GQLQuery
from datapod.item import Item
from datapod.store import Priority
from datapod.values import to_wire

AnyItem = TypeVar("AnyItem", bound=Item)

_SEARCHES_PER_REQUEST = 1_000


class ReadingClient(RegisteringClient):
    """A client that finds items; what it reads goes into the local store, unless the caller says otherwise."""

    def get(self, id: str, expanded: bool = True, include_deleted: bool = False) -> Item | None:  # noqa: A002 - the name old code passes
        """One item, with its direct neighbours if expanded; None for a deleted one.

        Raises:
            ValueError: There is no such item.
        """
        found = self.api.get_item(id) or self.api.search({"id": id, "deleted": True})
        if not found:
            raise ValueError(f"Item with id {id} does not exist")
        if found[0].get("deleted") and not include_deleted:
            print(f"Item with id {id} has been deleted", flush=True)
            return None
        item = self._assembly.item(found[0], priority=self.default_priority)
        if expanded and not found[0].get("deleted"):
            try:
                self.expand(item)
            except PodError as error:
                if error.status != 404:
                    raise
                raise ValueError(f"Item with id {id} does not exist") from error  # it went away between the two requests
        self._give_reference(item)
        return item

    def exists(self, id: str) -> bool:  # noqa: A002
        return bool(self._attempt("exists", id, lambda: self.api.get_item(id)))

    def refresh(self, item: AnyItem, priority: Priority | str = Priority.local) -> AnyItem:
        """Bring this very object up to date with the pod; unsaved local changes stay, unless another priority is given.

        Raises:
            ValueError: The pod has no such item.
        """
        found = self.api.get_item(item.id)
        if not found:
            raise ValueError(f"Item with id {item.id} does not exist")
        self.local_db.nodes.setdefault(item.id, item)
        fresh = type(item).from_json(found[0], kinds=self._assembly.kinds.get(type(item).__name__))
        known = self.local_db.merge(fresh, priority)
        if known is not item:
            for name in item.properties:
                if name not in item._original_properties:
                    item.__dict__[name] = known.__dict__.get(name)
        return item

    def expand(self, item: AnyItem, depth: int = 1) -> AnyItem:
        """Load the neighbours of an item, and theirs, up to `depth` steps away; each item is asked for once."""
        seen, frontier = {item.id}, [item]
        for _ in range(depth):
            reached: dict[str, Any] = {}
            for start in frontier:
                self._assembly.attach(start, self.api.get_edges(start.id))
                for edge in start.get_all_edges():
                    neighbour = edge.traverse(start)
                    if neighbour.id and neighbour.id not in seen:
                        reached[neighbour.id] = neighbour
            seen.update(reached)
            frontier = list(reached.values())
        return item

    def get_edges(self, id: str) -> list[Json] | None:  # noqa: A002
        """List of `{"name", "item"}`; None after an error."""
        edges = self._attempt("get_edges", id, lambda: self.api.get_edges(id))
        return None if edges is None else [{"name": edge["name"], "item": self.item_from_json(edge["item"])} for edge in edges]

    def item_from_json(self, json: Mapping[str, Any], add_to_local_db: bool = True, priority: Priority | str | None = None) -> Item:
        return self._assembly.item(json, add_to_local_db, priority or self.default_priority)

    def filter_deleted(self, items: Iterable[Item]) -> list[Item]:
        return [item for item in items if not item.deleted]

    # Searches

    def search(
        self, fields_data: Query, include_edges: bool = True, add_to_local_db: bool = True, priority: Priority | str | None = None
    ) -> list[Item]:
        """Items with these properties; control keys such as `_limit` pass through. With `ids`: those of them that exist, in that order."""
        found = self._attempt("search", str(fields_data.get("type", "")), lambda: self._find(_outgoing(fields_data, include_edges)))
        return self._items(found or [], fields_data, add_to_local_db, priority)

    def _find(self, query: Json) -> list[Json]:
        ids = query.pop("ids", None)
        if ids is None:
            return self.api.search(query)
        queries = [{**query, "id": item_id} for item_id in ids]
        pieces = (queries[start : start + _SEARCHES_PER_REQUEST] for start in range(0, len(queries), _SEARCHES_PER_REQUEST))
        return [json for piece in pieces for result in self.api.bulk(search=piece)["search"] for json in result]

    def _items(self, found: Iterable[Json], query: Query, store: bool, priority: Priority | str | None) -> list[Item]:
        live = [json for json in found if "deleted" in query or not json.get("deleted")]
        items = [self._assembly.with_edges(json, store, priority or self.default_priority) for json in live]
        for item in items:
            self._give_reference(item)
        return items

    def search_paginate(
        self,
        fields_data: Query,
        limit: int = 50,
        include_edges: bool = True,
        add_to_local_db: bool = True,
        priority: Priority | str | None = None,
    ) -> Iterator[list[Item]]:
        """Pages of `limit` items; the last may be shorter. Errors show at the first `next()`."""
        if "ids" in fields_data:
            raise NotImplementedError("Searching by ids is not paginated; pass the ids in pieces to search.")
        for page in self.api.search_paginate(_outgoing(fields_data, include_edges), limit):
            yield self._items(page, fields_data, add_to_local_db, priority)

    def search_typed(self, item_type: type[AnyItem], fields_data: Query | None = None, **keywords: Any) -> list[AnyItem]:
        """`search` for the items of a class."""
        items = self.search({"type": item_type.__name__, **(fields_data or {})}, **keywords)
        return [item for item in items if isinstance(item, item_type)]

    def search_last_added(self, type: str | None = None, with_prop: str | None = None, with_val: Any = None) -> Item:  # noqa: A002
        """The item that changed last.

        Raises:
            IndexError: There is none.
        """
        query: Json = {"_limit": 1, "_sortOrder": "Desc"}
        if type is not None:
            query["type"] = type
        if with_prop is not None:
            query[f"{with_prop}=="] = with_val
        return self.search(query)[0]

    def external_id_exists(self, item: Item) -> bool:
        return bool(item.externalId and self.search({"type": type(item).__name__, "externalId": item.externalId}, include_edges=False))

    def get_all_items(self) -> list[Item]:
        return self.search({})

    # Graph queries

    def search_graphql(self, query: str | GQLQuery, variables: Query | None = None) -> list[Item]:
        """Items of a graph query, with the properties and neighbours that it asked for; `~name` gives the sources of incoming edges."""
        answer = self._attempt("search_graphql", "", lambda: self.api.graphql(query, variables))
        return [self._graph_item(json) for json in (answer or {}).get("data", [])]

    def _graph_item(self, json: Json) -> Item:
        values = {name: value for name, value in json.items() if not isinstance(value, list)}
        item = self._assembly.partial_item(values)
        for name, neighbours in json.items():
            for neighbour in neighbours if isinstance(neighbours, list) else ():
                other = self._graph_item(neighbour)
                if name.startswith("~"):
                    other.attach_edge(name[1:], item)
                    item.attach_incoming(Edge(other, item, name[1:]))
                else:
                    item.attach_edge(name, other)
        return item


def _outgoing(query: Query, include_edges: bool) -> Json:
    wire = {name: value if name == "ids" or value is None or isinstance(value, dict) else to_wire(value) for name, value in query.items()}
    return {**wire, "[[edges]]": {}} if include_edges else wire
