"""The schema call: many definitions at once, and who sent them. Source: pod-protocol.md, 13.3."""

from __future__ import annotations

import apsw
from msgspec import Struct

from datapod_server.items.schema import EDGE_SCHEMA, PROPERTY_SCHEMA
from datapod_server.items.writing import Writing


class Node(Struct, frozen=True):
    """An item type: value types by property name."""

    properties: dict[str, str] = {}


class EdgePair(Struct, frozen=True):
    """The item types that an edge of some name leads from and to."""

    source: str
    target: str


class Meta(Struct, frozen=True):
    """Which plugin sent the definitions."""

    name: str = ""
    url: str = ""
    version: str = ""


class Definitions(Struct, frozen=True):
    """Item types by name, pairs of item types by edge name."""

    nodes: dict[str, Node] = {}
    edges: dict[str, list[EdgePair]] = {}
    meta: Meta = Meta()


def define_all(definitions: Definitions, writing: Writing, connection: apsw.Connection, now_ms: int) -> None:
    """Store what is new of these definitions, and note for the administrator who sent them; nothing is ever removed.

    Raises:
        Invalid: One contradicts what is defined, or breaks a rule of names; the caller rolls back.
    """
    for item_type, node in definitions.nodes.items():
        for name, value_type in node.properties.items():
            writing.define((PROPERTY_SCHEMA, item_type, name, value_type))
    for edge_name, pairs in definitions.edges.items():
        for pair in pairs:
            writing.define((EDGE_SCHEMA, edge_name, pair.source, pair.target))
    meta = definitions.meta
    if meta.name:
        connection.execute("INSERT OR REPLACE INTO schema_sources VALUES (?, ?, ?, ?)", (meta.name, meta.url, meta.version, now_ms))
