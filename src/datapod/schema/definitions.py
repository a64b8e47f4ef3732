"""Items that tell a pod about types. Source: pod-protocol.md, 5.2 and 5.4."""

# ruff: noqa: N815 - names on the wire; a list declares an edge

from __future__ import annotations

from datapod.item import Item


class ItemPropertySchema(Item):
    itemType: str | None = None
    propertyName: str | None = None
    valueType: str | None = None


class ItemEdgeSchema(Item):
    edgeName: str | None = None
    sourceType: str | None = None
    targetType: str | None = None
