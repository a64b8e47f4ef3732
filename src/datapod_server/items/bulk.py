"""Many changes and searches in one transaction. Source: pod-protocol.md, 7.2, 9."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import apsw
from msgspec import Struct

from datapod_server.items.malformed import Malformed
from datapod_server.items.reading import Item
from datapod_server.items.search import Search
from datapod_server.items.words import index_pending
from datapod_server.items.writing import Writing

log = logging.getLogger("datapod.items")


class NewEdge(Struct, frozen=True, rename={"source": "_source", "target": "_target", "name": "_name", "self_id": "_self"}):
    """An edge to be created; without `self_id` an item of type `Edge` is made for it."""

    source: str
    target: str
    name: str
    self_id: str | None = None


class Bulk(Struct, frozen=True, rename="camel"):
    """The parts, carried out in this order whatever their order in the request."""

    create_items: list[dict[str, Any]] = []
    update_items: list[dict[str, Any]] = []
    delete_items: list[str] = []
    create_edges: list[NewEdge] = []
    search: list[dict[str, Any]] = []


class BulkAnswer(Struct, frozen=True, rename="camel"):
    """Ids in the order of the request, and one list of items per search."""

    create_edges: list[str]
    create_items: list[str]
    search: list[list[Item]]


def carry_out(bulk: Bulk, searches: list[Search], writing: Writing, connection: apsw.Connection) -> BulkAnswer:
    """The first error ends it; the caller rolls back. Edges may name items that this bulk creates, and searches see all its changes."""
    log.info(
        "bulk: %d new items, %d updated items, %d deleted items, %d created edges, %d searches",
        len(bulk.create_items),
        len(bulk.update_items),
        len(bulk.delete_items),
        len(bulk.create_edges),
        len(bulk.search),
    )
    created = _each(bulk.create_items, "createItems", writing.create)
    _each(bulk.update_items, "updateItems", writing.update)
    for item_id in bulk.delete_items:
        writing.delete(item_id)
    edges = [writing.create_edge(edge.source, edge.target, edge.name, edge.self_id) for edge in bulk.create_edges]
    writing.flush()
    return BulkAnswer(edges, created, run_searches(searches, connection, writing))


def parse_searches(queries: list[dict[str, Any]]) -> list[Search]:
    return _each(queries, "search", Search)


def run_searches(searches: list[Search], connection: apsw.Connection, writing: Writing) -> list[list[Item]]:
    if any(search.words is not None for search in searches):
        while index_pending(connection, writing.schema):
            pass
    view = writing.view()
    return [search.run(connection, writing.schema, view) for search in searches]


def _each(elements: list[dict[str, Any]], part: str, work: Callable[[dict[str, Any]], Any]) -> list[Any]:
    """The work on each element; what is malformed in one is reported with its place in the whole."""
    results = []
    index = 0
    try:
        for index, element in enumerate(elements):  # noqa: B007 - the handler names it
            results.append(work(element))
    except Malformed as error:
        raise error.below(f"{part}[{index}]") from error
    return results
