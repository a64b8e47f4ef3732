"""What a pod is told about types: definitions read from classes and samples, checked, and put into requests.

Source: plugin-sdk.md, 7; pod-protocol.md, 5.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from datapod.errors import SchemaConflict
from datapod.item import DATES, Item
from datapod.reserved_names import can_be_updated_everywhere
from datapod.values import TYPE_TO_SCHEMA, plain

Json = dict[str, Any]

MANDATORY = frozenset({"id", "type", "deleted", *DATES})
"""Names that every pod defines by itself."""
ADVICE = (
    "The type of a property never changes: give what changed a new name; `Annotated[.., Prop(alias='old')]` goes on reading the old one."
)
NAME_RULE = re.compile(r"[a-zA-Z][_a-zA-Z0-9]{0,63}")


class SchemaMeta(NamedTuple):
    """Who registers a schema: recorded by the pod for its administrator."""

    name: str
    url: str = ""
    version: str = ""


class ItemSchema(NamedTuple):
    """One item type: property name to value type, and edge name to pairs of source and target."""

    name: str
    properties: dict[str, str]
    edges: dict[str, list[dict[str, str]]]

    def to_items(self) -> list[Json]:
        """The schema items that say the same, one per property and per edge and target."""
        properties = [property_item(self.name, name, kind) for name, kind in self.properties.items()]
        edges = [edge_item(name, pair["source"], pair["target"]) for name, pairs in self.edges.items() for pair in pairs]
        return [*properties, *edges]


def property_item(item_type: str, name: str, value_type: str) -> Json:
    return {"type": "ItemPropertySchema", "itemType": item_type, "propertyName": name, "valueType": value_type}


def edge_item(name: str, source: str, target: str) -> Json:
    return {"type": "ItemEdgeSchema", "edgeName": name, "sourceType": source, "targetType": target}


def schema_of(thing: Item | type[Item], logger: logging.Logger) -> ItemSchema:
    """What a class, or a sample whose properties are filled in, tells a pod about its type.

    Raises:
        ValueError: A class in list style without annotations; a sample with a value that no property can hold.
    """
    return schema_of_class(thing) if isinstance(thing, type) else schema_of_sample(thing, logger)


def schema_of_class(cls: type[Item], *, base_properties: bool = True) -> ItemSchema:
    """All properties of a class but those that every pod defines by itself, and the edges that it declares itself."""
    skipped = MANDATORY if base_properties else {*MANDATORY, *Item.properties}
    kinds = cls.get_property_types()
    return ItemSchema(cls.__name__, {name: TYPE_TO_SCHEMA[kind] for name, kind in kinds.items() if name not in skipped}, own_edges(cls))


def schema_of_sample(item: Item, logger: logging.Logger | None) -> ItemSchema:
    """The properties of a sample that have a value, or an annotation in a declarative class.

    Args:
        logger: Is warned of properties that have neither; None: nobody is.
    """
    cls = type(item)
    if cls.declaration.declarative:
        return schema_of_class(cls)
    kinds: dict[str, str] = {}
    undeclared = [name for name in item.to_json() if name != "type" and name not in cls.properties]
    for name in [*cls.properties, *undeclared]:
        entry = cls.declaration.properties.get(name)
        value = plain(item.__dict__.get(name))
        if name in MANDATORY or (value is None and name in Item.properties):
            continue
        if entry is not None and entry.kind is not None:
            kinds[name] = TYPE_TO_SCHEMA[entry.kind]
        elif value is None:
            if logger is not None:
                logger.warning("%s.%s has no value in the sample and no annotation: it is not registered", cls.__name__, name)
        elif type(value) in TYPE_TO_SCHEMA:
            kinds[name] = TYPE_TO_SCHEMA[type(value)]
        elif not isinstance(value, list):
            raise ValueError(f"Could not add property {name} with type {type(value)}")
    return ItemSchema(cls.__name__, kinds, own_edges(cls))


def own_edges(cls: type[Item]) -> dict[str, list[dict[str, str]]]:
    return {name: [{"source": cls.__name__, "target": target} for target in targets] for name, targets in cls.declaration.own_edges.items()}


def check(schemas: Iterable[ItemSchema]) -> None:
    """Refuse what a pod would refuse, before anything is sent.

    Raises:
        SchemaConflict: One name, in whatever letter case, with two types; names both classes.
        ValueError: A name that no property can have.
    """
    seen: dict[str, tuple[str, str, str]] = {}
    for schema in schemas:
        for name, kind in schema.properties.items():
            if not NAME_RULE.fullmatch(name):
                raise ValueError(f"{schema.name}.{name}: a property name is a letter and up to 63 letters, digits or underscores")
            item_type, other, other_kind = seen.setdefault(name.lower(), (schema.name, name, kind))
            if other_kind != kind:
                raise SchemaConflict(
                    f"{item_type}.{other} is {other_kind} and {schema.name}.{name} is {kind}; "
                    "a pod knows one type per name, use another name for one"
                )


def warn_of_names(schemas: Iterable[ItemSchema], logger: logging.Logger) -> None:
    """Log which properties a pod before Datapod would store once and then refuse to update."""
    names = sorted({f"{schema.name}.{name}" for schema in schemas for name in schema.properties if not can_be_updated_everywhere(name)})
    if names:
        logger.warning("this pod will store but not update the properties %s", ", ".join(names))


def v5_payload(schemas: Iterable[ItemSchema]) -> tuple[Json, Json]:
    """`nodes` and `edges` of the schema call."""
    nodes: Json = {}
    edges: dict[str, list[Mapping[str, str]]] = {}
    for schema in schemas:
        nodes.setdefault(schema.name, {"properties": {}})["properties"].update(schema.properties)
        for name, pairs in schema.edges.items():
            edges.setdefault(name, []).extend(pairs)
    return nodes, edges
