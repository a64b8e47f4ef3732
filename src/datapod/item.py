"""Items: typed properties and named edges. One base class serves three ways of declaring a type.

Values that change are remembered until they are written, so that an update sends only what changed. Source: plugin-sdk.md, 2.
"""

from __future__ import annotations

import copy
import inspect
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self

from datapod.declaration import MISSING, Declaration, Property, declare
from datapod.edge import Edge, EdgeList
from datapod.errors import UnknownEdge, ValidationError
from datapod.values import SCALARS, TYPE_TO_SCHEMA, converted, moment_of, plain, to_wire

if TYPE_CHECKING:
    from datapod.client import PodClient
    from datapod.registration import ItemSchema

Json = dict[str, Any]

BASE_PROPERTIES: dict[str, type] = {
    "dateCreated": datetime,
    "dateModified": datetime,
    "dateServerModified": datetime,
    "deleted": bool,
    "externalId": str,
    "itemDescription": str,
    "starred": bool,
    "version": str,
    "id": str,
    "importJson": str,
    "pluginClass": str,
    "isMock": bool,
}
BASE_EDGES: dict[str, tuple[str, ...]] = {
    "label": ("CategoricalPrediction",),
    "changelog": ("AuditItem",),
    "genericAttribute": ("Any",),
    "measure": ("Any",),
    "sharedWith": ("Any",),
    "language": ("Language",),
    "translation": ("Translation",),
}
DATES = ("dateCreated", "dateModified", "dateServerModified")
ALL_EDGES = "allEdges"

_reading: ContextVar[bool] = ContextVar("datapod_reading", default=False)


@contextmanager
def reading_from_pod() -> Iterator[None]:
    """While items are built from a pod's answer: nothing is required and nothing is converted."""
    token = _reading.set(True)
    try:
        yield
    finally:
        _reading.reset(token)


class Item:
    """The base of all item types.

    `item.name` is a property's value or None; `item.friend` is a new list of the neighbours along that edge (change it with `add_edge`).
    """

    properties: ClassVar[list[str]] = list(BASE_PROPERTIES)
    edges: ClassVar[list[str]] = list(BASE_EDGES)
    declaration: ClassVar[Declaration] = Declaration(
        {name: Property(name, kind) for name, kind in BASE_PROPERTIES.items()},
        dict(BASE_EDGES),
        local={"dateAccessed": None},
        annotated=frozenset(BASE_PROPERTIES),
    )
    aliases: ClassVar[Mapping[str, str]] = {}
    """Older names of properties, understood in JSON, as keywords and as attributes, never sent."""
    requires_client_ref: ClassVar[bool] = False
    is_built_in: ClassVar[bool] = True
    is_generic: ClassVar[bool] = False

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        cls.declaration = declare(cls, cls.__mro__[1].declaration if hasattr(cls.__mro__[1], "declaration") else Item.declaration, Item)
        cls.aliases = {**cls.aliases, **cls.declaration.aliases()}
        cls.is_built_in = cls.__module__.startswith("datapod.schema")

    def __init__(self, **keywords: Any) -> None:
        declaration = self.declaration
        state = self.__dict__
        state["_original_properties"] = {}
        state["_date_local_modified"] = {}
        state["_new_edges"] = []
        state["_edges"] = {name: EdgeList() for name in declaration.edges}
        state["_in_pod"] = False
        state["_client"] = None
        state.update(dict.fromkeys(declaration.properties))
        state.update({name: copy.copy(default) for name, default in declaration.local.items()})
        for old, name in self.aliases.items():
            if old in keywords:
                keywords.setdefault(name, keywords.pop(old))
        unknown = [name for name in keywords if not self._takes(name)]
        if unknown:
            message = f"{type(self).__name__} has no property or edge '{unknown[0]}'"
            raise ValidationError(message) if declaration.declarative else TypeError(message)
        if declaration.declarative and not _reading.get():
            keywords = self._checked(keywords)
        for name, value in keywords.items():
            setattr(self, name, value)

    @classmethod
    def _takes(cls, name: str) -> bool:
        declaration = cls.declaration
        return name in declaration.properties or name in declaration.edges or name in declaration.local

    @classmethod
    def _checked(cls, keywords: Json) -> Json:
        """Keywords with values of the declared types and the defaults filled in."""
        checked = dict(keywords)
        for name, entry in cls.declaration.properties.items():
            if name in checked:
                if entry.kind is not None:
                    checked[name] = converted(checked[name], entry.kind, f"{cls.__name__}.{name}")
            elif entry.default is MISSING:
                raise ValidationError(f"{cls.__name__} needs '{name}'")
            elif entry.default is not None:
                checked[name] = plain(entry.default)
        return checked

    # Attributes

    def __setattr__(self, name: str, value: Any) -> None:
        declaration = self.declaration
        name = self.aliases.get(name, name)
        if name.startswith("_"):
            self.__dict__[name] = value
        elif name in self._edges and name not in declaration.properties:
            self._replace_edges(name, value)
        elif name in declaration.properties:
            self._check_choice(name, value)
            current = self.__dict__.get(name)
            if current is not value and current != value:
                self._original_properties.setdefault(name, current)
                self._date_local_modified[name] = datetime.now(UTC)
            self.__dict__[name] = value
        elif isinstance(getattr(type(self), name, None), property):
            object.__setattr__(self, name, value)
        elif declaration.declarative and name not in declaration.local and name != "private" and not hasattr(type(self), name):
            raise ValueError(f"{type(self).__name__} has no property or edge '{name}'")
        else:
            self.__dict__[name] = value

    def __getattr__(self, name: str) -> Any:
        edges = self.__dict__.get("_edges")
        if edges is not None and name in edges:
            return [edge.traverse(self) for edge in edges[name]]
        if name in type(self).declaration.properties:
            return None  # a generic class learned the name after this item was made
        if name in type(self).aliases:
            return getattr(self, type(self).aliases[name])
        raise AttributeError(f"'{type(self).__name__}' item has no attribute '{name}'")

    def _check_choice(self, name: str, value: Any) -> None:
        """What a person assigns is checked; a pod may hold a value that an older declaration allowed."""
        entry = self.declaration.properties[name]
        if entry.choices and not _reading.get() and plain(value) not in (None, *entry.choices):
            raise ValidationError(f"{type(self).__name__}.{name}: {value!r} is none of {', '.join(entry.choices)}")

    def _replace_edges(self, name: str, value: Any) -> None:
        """Take the given neighbours as the local edges of that name; those that are new become pending."""
        given = list(value) if isinstance(value, (list, tuple, set)) else [] if value is None else [value]
        given += getattr(value, "unlinked", [])
        kept = self._edges[name]
        fresh = EdgeList[Any]()
        pending = [edge for edge in self._new_edges if edge.name != name]
        for entry in given:
            edge = Edge(self, entry.target, name) if isinstance(entry, Edge) else Edge(self, entry, name)
            known = next((old for old in kept if old == edge), None)
            edge = known or edge
            if edge in fresh:
                continue
            fresh.append(edge)
            if known is None or known in self._new_edges:
                edge.created = True
                pending.append(edge)
        self._edges[name] = fresh
        self.__dict__["_new_edges"] = pending

    # Edges

    def add_edge(self, name: str, target: Item) -> Edge:
        """Link this item to another one; written by `update`, `bulk_action` or `sync`. An equal edge is not added twice.

        Raises:
            UnknownEdge: The class declares no edge of that name (also a NameError and a ValueError).
        """
        if name not in self._edges:
            raise UnknownEdge(f"{type(self).__name__} has no edge '{name}'; it has {', '.join(self.edges)}")
        edge = Edge(self, target, name, created=True)
        edges: EdgeList[Any] = self._edges[name]
        if edge in edges:
            return edges[edges.index(edge)]
        edges.append(edge)
        self._new_edges.append(edge)
        return edge

    def attach_edge(self, name: str, target: Item) -> None:
        """Note an edge that is in the pod; a class that does not declare it can be read all the same."""
        edges = self._edges.setdefault(name, EdgeList())
        if not any(edge.target is target for edge in edges):
            edges.append(Edge(self, target, name))

    def attach_incoming(self, edge: Edge) -> None:
        """Note an edge that ends here, under `~name`, so that its source is found from here."""
        edges = self._edges.setdefault(f"~{edge.name}", EdgeList())
        if edge not in edges:
            edges.append(edge)

    def remove_edge(self, name: str, target: Item) -> bool:
        """Forget a local edge; the pod keeps what it has. True if there was one."""
        edge = Edge(self, target, name)
        found = edge in self.get_edges(name)
        if found:
            self._edges[name].remove(edge)
            if edge in self._new_edges:
                self._new_edges.remove(edge)
        return found

    def get_edges(self, name: str) -> list[Edge]:
        return list(self._edges.get(name, ()))

    def get_all_edges(self) -> list[Edge]:
        return [edge for edges in self._edges.values() for edge in edges]

    def get_all_edge_names(self) -> list[str]:
        return [name for name, edges in self._edges.items() if edges]

    def get_property_names(self) -> list[str]:
        return list(self.properties)

    def is_expanded(self) -> bool:
        return any(self._edges.values())

    # Local state

    @property
    def _updated_properties(self) -> set[str]:
        return set(self._original_properties)

    def reset_local_sync_state(self) -> None:
        """Forget local changes of properties and mark the item as stored."""
        self._in_pod = True
        self._original_properties.clear()
        self._date_local_modified.clear()

    def snapshot(self, names: Iterable[str]) -> Json:
        """Values of these properties now."""
        return {name: self.__dict__.get(name) for name in names}

    def mark_written(self, values: Mapping[str, Any]) -> None:
        """The pod has these values now. A property that was changed again in the meantime stays marked as changed."""
        self._in_pod = True
        for name, value in values.items():
            if self.__dict__.get(name) == value:
                self._original_properties.pop(name, None)
                self._date_local_modified.pop(name, None)
            elif name in self._original_properties:
                self._original_properties[name] = value

    @staticmethod
    def create_id() -> str:
        """32 lower-case hex digits."""
        return uuid.uuid4().hex

    def create_id_if_not_exists(self) -> None:
        if not self.__dict__.get("id"):
            self.__setattr__("id", self.create_id())

    # Through a client

    def update(self, client: PodClient, edges: bool = True, create_if_not_exists: bool = True, skip_nodes: bool = False) -> bool:
        """Write this item, creating it if the pod has no such id, and then its pending edges whose two ends have ids."""
        done = True
        if not skip_nodes:
            if self._in_pod or (self.id and client.exists(self.id)):
                done = client.update_item(self)
            elif create_if_not_exists:
                done = client.create(self)
        pending = [edge for edge in self._new_edges if edge.source.id and edge.target.id] if edges and done else []
        return client.create_edges(pending) if pending else done

    def exists(self, client: PodClient) -> bool | None:
        return client.exists(self.id) if self.id else None

    def store(self, client: PodClient) -> Item:
        """Put this item into the client's local store without writing it."""
        return client.add_to_store(self)

    # JSON

    def to_json(self, dates: bool = True) -> Json:
        """Flat dict of the values that are set, with `type`; dates are milliseconds since 1970-01-01T00:00Z.

        Raises:
            ValidationError: A value that no property can hold.
        """
        hidden = {*self.__dict__.get("private", ()), *(() if dates else DATES), *self.declaration.local, "private"}
        names = list(self.declaration.properties)
        if not self.declaration.declarative:
            names += [
                name
                for name, value in self.__dict__.items()
                if name not in self.declaration.properties and isinstance(plain(value), SCALARS)
            ]
        result: Json = {}
        for name in names:
            value = self.__dict__.get(name)
            if value is None or isinstance(value, list) or name.startswith("_") or name in hidden:
                continue
            result[name] = to_wire(value)
        result["type"] = type(self).__name__
        return result

    def property_dict(self, exclude_none: bool = True, datetime_to_timestamp: bool = True) -> Json:
        """Declared properties and their values."""
        values = {name: self.__dict__.get(name) for name in self.properties}
        if exclude_none:
            values = {name: value for name, value in values.items() if value is not None}
        if datetime_to_timestamp:
            values = {name: to_wire(value) if isinstance(value, date) else value for name, value in values.items()}
        return values

    def dict(self) -> Json:
        return self.property_dict(exclude_none=False, datetime_to_timestamp=False)

    @classmethod
    def from_data(cls, *args: Any, **keywords: Any) -> Self:
        return cls(*args, **keywords)

    @classmethod
    def from_json(cls, json: Mapping[str, Any], *, kinds: Mapping[str, type] | None = None) -> Self:
        """An item as the pod gave it: stored, with nothing changed locally. Unknown keys are ignored.

        Args:
            kinds: Types of properties that the class itself does not declare.
        """
        values = cls._values_from_json(json, kinds or {})
        with reading_from_pod():
            item = cls._construct(values)
        item._attach_nested(json.get(ALL_EDGES) or ())
        item.reset_local_sync_state()
        return item

    @classmethod
    def _values_from_json(cls, json: Mapping[str, Any], kinds: Mapping[str, type]) -> Json:
        values: Json = {}
        for name, entry in cls.declaration.properties.items():
            old = next((alias for alias, canonical in cls.aliases.items() if canonical == name and alias in json), name)
            value = json.get(name, json.get(old))
            if value is None:
                continue
            kind = entry.kind or kinds.get(name)
            if kind is datetime and isinstance(value, (int, float)) and not isinstance(value, bool):
                value = moment_of(value)
            elif kind is float and type(value) is int:
                value = float(value)
            values[name] = value
        return values

    @classmethod
    def _construct(cls, values: Json) -> Self:
        """Call the class with the keywords that it takes; assign the others afterwards."""
        if cls.__init__ is Item.__init__:
            return cls(**values)
        parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
        takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
        named = [parameter for parameter in parameters if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)]
        keywords = {parameter.name: None for parameter in named if parameter.default is parameter.empty}
        known = {parameter.name for parameter in named}
        keywords |= {name: value for name, value in values.items() if takes_all or name in known}
        item = cls(**keywords)
        for name, value in values.items():
            if name not in keywords or item.__dict__.get(name) != value:
                setattr(item, name, value)
        return item

    def _attach_nested(self, entries: Any) -> None:
        """Edges inside the item itself, as the built-in classes of 2021 understood them."""
        for entry in entries:
            target = entry["_target"]
            nested = Item.generic_class(target["_type"], [name for name in target if not name.startswith("_")])
            self.attach_edge(entry["_type"], nested.from_json(target))

    # Types

    @classmethod
    def generic_class(cls, name: str, properties: list[str]) -> type[Item]:
        """A class for a type that nobody declared, with the properties seen so far."""
        namespace = {"properties": list(Item.properties), "edges": list(Item.edges), "is_generic": True, "__module__": "datapod.generic"}
        made: type[Item] = type(name, (Item,), namespace)
        made.learn_properties(properties)
        return made

    @classmethod
    def learn_properties(cls, names: list[str]) -> None:
        """Take further names into a generic class; items that it has already read them as None."""
        known = cls.declaration.properties
        fresh = [name for name in names if name not in known and name not in ("type", "rowid")]
        if fresh:
            # New objects in the place of the old ones: another thread may be reading those.
            cls.declaration = replace(cls.declaration, properties={**known, **{name: Property(name) for name in fresh}})
            cls.properties = [*cls.properties, *fresh]

    @classmethod
    def generic(cls, type_name: str, **values: Any) -> Item:
        """An item of a type that nobody declared: `Item.generic("Boat", name="x")`."""
        return cls.generic_class(type_name, list(values))(**values)

    @classmethod
    def get_property_types(cls, dates: bool = False) -> Mapping[str, type]:
        """Name to Python type of every property; the three dates only if asked for.

        Raises:
            ValueError: A property without type annotation.
        """
        entries = cls.declaration.properties.values()
        missing = [entry.name for entry in entries if entry.kind is None]
        if missing:
            raise ValueError(f"Item {cls.__name__} has missing property annotations. Not annotated: {', '.join(missing)}")
        return {entry.name: entry.kind for entry in entries if entry.kind is not None and (dates or entry.name not in DATES)}

    @classmethod
    def get_edge_types(cls) -> list[tuple[str, str, str]]:
        """Edge name, source type and target type of every declared edge, one entry per target type."""
        return [(name, cls.__name__, target) for name, targets in cls.declaration.edges.items() for target in targets]

    @classmethod
    def pod_schema(cls) -> ItemSchema:
        """What this class tells a pod about its type."""
        from datapod.registration import ItemSchema

        kinds = {entry.name: TYPE_TO_SCHEMA[entry.kind] for entry in cls.declaration.properties.values() if entry.kind is not None}
        edges = {
            name: [{"source": cls.__name__, "target": target} for target in targets] for name, targets in cls.declaration.edges.items()
        }
        return ItemSchema(cls.__name__, kinds, edges)

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other) or not isinstance(other, Item):
            return NotImplemented
        return all(self.__dict__.get(name) == other.__dict__.get(name) for name in self.properties)

    def __hash__(self) -> int:
        return object.__hash__(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__} (#{self.id})"


ItemBase = Item
