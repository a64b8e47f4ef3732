"""Items, edges, search and bulk. Source: pod-protocol.md, 6 to 9, 13.3."""

from __future__ import annotations

import logging
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from datapod_server.api.v4.envelope import Asked
from datapod_server.errors import Invalid
from datapod_server.items.bulk import Bulk, BulkAnswer, NewEdge
from datapod_server.items.definitions import Definitions
from datapod_server.items.edges import Direction
from datapod_server.items.reading import Item

log = logging.getLogger("datapod.items")

JsonObject = dict[str, Any]
Done = dict[str, str]
_DONE: Done = {}


class EdgesOf(Struct, frozen=True, rename={"expand_items": "expandItems"}):
    """Whose edges are wanted."""

    item: str
    direction: Direction = Direction.OUTGOING
    expand_items: bool = True


class EdgeEnds(
    Struct,
    frozen=True,
    rename={
        "source": "_source",
        "target": "_target",
        "name": "_name",
        "plain_source": "source",
        "plain_target": "target",
        "plain_name": "name",
    },
):
    """Edges between two items; some clients send the names without the underscore."""

    source: str | UnsetType = UNSET
    target: str | UnsetType = UNSET
    name: str | None = None
    plain_source: str | UnsetType = UNSET
    plain_target: str | UnsetType = UNSET
    plain_name: str | None = None


def get_item(asked: Asked, item_id: str) -> list[Item]:
    return asked.pod.items.get_item(item_id, asked.principal)


def create_item(asked: Asked, item: JsonObject) -> str:
    return asked.pod.items.create(item, asked.principal)


def update_item(asked: Asked, item: JsonObject) -> Done:
    asked.pod.items.update(item, asked.principal)
    return _DONE


def delete_item(asked: Asked, item_id: str) -> Done:
    asked.pod.items.delete(item_id, asked.principal)
    return _DONE


def get_edges(asked: Asked, edges_of: EdgesOf) -> list[JsonObject]:
    return asked.pod.items.get_edges(edges_of.item, edges_of.direction, asked.principal, expand=edges_of.expand_items)


def create_edge(asked: Asked, edge: NewEdge) -> str:
    return asked.pod.items.create_edge(edge, asked.principal)


def delete_edges(asked: Asked, ends: EdgeEnds) -> Done:
    source = ends.plain_source if ends.source is UNSET else ends.source
    target = ends.plain_target if ends.target is UNSET else ends.target
    if source is UNSET or target is UNSET:
        raise Invalid(f"JSON deserialization error payload: missing field `{'_source' if source is UNSET else '_target'}`")
    asked.pod.items.delete_edges(source, target, ends.name or ends.plain_name, asked.principal)
    return _DONE


def search(asked: Asked, query: JsonObject) -> list[Item]:
    log.info("searching items")
    return asked.pod.items.search(query, asked.principal)


def graphql(asked: Asked, query: str) -> dict[str, list[Item]]:
    return {"data": asked.pod.items.graph_query(query, asked.principal)}


def bulk(asked: Asked, parts: Bulk) -> BulkAnswer:
    return asked.pod.items.bulk(parts, asked.principal)


def define(asked: Asked, definitions: Definitions) -> Done:
    asked.pod.items.define(definitions, asked.principal)
    return _DONE
