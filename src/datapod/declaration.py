"""What an item class declares, in any of three styles: lists, lists with an annotated `__init__`, or class annotations.

Read once, when the class is made, and kept as its `declaration`. Source: plugin-sdk.md, 2.1 and 16.1.
"""

from __future__ import annotations

import enum
import inspect
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from datapod.edge import EdgeList
from datapod.values import TYPE_TO_SCHEMA

MISSING: Any = object()
"""Stands for "no default": the property is required when a person makes the item."""


@dataclass(frozen=True)
class Prop:
    """Extras of a property: `Annotated[str, Prop(description="as printed on the cover", alias="heading")]`.

    The alias is an older name: items that carry it are read, keywords and attributes of that name mean this property; it is never sent.
    """

    description: str | None = None
    alias: str | None = None


@dataclass(frozen=True)
class Property:
    """One declared property. `kind` is a key of `TYPE_TO_SCHEMA`, or None where nothing says the type."""

    name: str
    kind: type | None = None
    default: Any = None
    choices: tuple[str, ...] = ()
    extras: Prop | None = None


@dataclass(frozen=True)
class Declaration:
    """All properties and edges of a class, inherited ones included, in order of declaration."""

    properties: dict[str, Property] = field(default_factory=dict)
    edges: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Edge name to the names of its target types; `Any` where nothing says it."""
    own_edges: dict[str, tuple[str, ...]] = field(default_factory=dict)
    local: dict[str, Any] = field(default_factory=dict)
    """Attributes that never go to the pod, with their defaults."""
    declarative: bool = False
    """Class annotations: values are converted, unknown names are refused."""
    annotated: frozenset[str] = frozenset()
    """Properties whose type a declaration names."""

    def aliases(self) -> dict[str, str]:
        """Older names to names of today."""
        return {entry.extras.alias: name for name, entry in self.properties.items() if entry.extras and entry.extras.alias}


def declare(cls: type, parent: Declaration, item_base: type) -> Declaration:
    """Read one class body; afterwards its `properties` and `edges` are lists and hold no defaults in the class."""
    own = cls.__dict__
    annotations = {name: text for name, text in own.get("__annotations__", {}).items() if _declares(name, text)}
    if annotations:
        return _declare_annotated(cls, parent, annotations, item_base)
    if "properties" in own or "edges" in own or "__init__" in own:
        return _declare_listed(cls, parent)
    return parent


def _declares(name: str, annotation: Any) -> bool:
    """Whether an annotated name of a class body is a property, edge or local attribute of its items."""
    if name.startswith("_") or name in ("properties", "edges"):
        return False
    if isinstance(annotation, str):
        return not annotation.startswith(("ClassVar", "typing.ClassVar"))
    return annotation is not typing.ClassVar and typing.get_origin(annotation) is not typing.ClassVar


def _declare_listed(cls: Any, parent: Declaration) -> Declaration:
    kinds: dict[str, Any] = {}
    if "__init__" in cls.__dict__:
        namespace = _Names(vars(sys.modules.get(cls.__module__, types)))
        for parameter in inspect.signature(cls.__init__).parameters.values():
            if parameter.annotation is not inspect.Parameter.empty:
                kinds[parameter.name] = _evaluate(parameter.annotation, namespace)
    properties: dict[str, Property] = {}
    for name in cls.properties:
        kind, choices, _ = _property_kind(kinds[name]) if name in kinds else (None, (), None)
        inherited = parent.properties.get(name)
        properties[name] = inherited if kind is None and inherited is not None else Property(name, kind, None, choices)
    edges: dict[str, tuple[str, ...]] = {}
    for name in cls.edges:
        edges[name] = _edge_targets(kinds.get(name), cls, name) or parent.edges.get(name, ("Any",))
    own_edges = {name: targets for name, targets in edges.items() if name not in parent.edges}
    annotated = frozenset(name for name, entry in properties.items() if entry.kind is not None)
    local = {name: default for name, default in parent.local.items() if name not in properties and name not in edges}
    return Declaration(properties, edges, {**parent.own_edges, **own_edges}, local, False, annotated)


def _declare_annotated(cls: Any, parent: Declaration, annotations: Mapping[str, Any], item_base: type) -> Declaration:
    properties, edges, local = dict(parent.properties), dict(parent.edges), dict(parent.local)
    own_edges = dict(parent.own_edges)
    namespace = _Names(vars(sys.modules.get(cls.__module__, types)))
    for name, annotation in annotations.items():
        kind_text = _evaluate(annotation, namespace)
        default = cls.__dict__.get(name, MISSING)
        if name in cls.__dict__ and not isinstance(default, property):
            delattr(cls, name)
        targets = _edge_targets(kind_text, cls, name)
        kind, choices, extras = _property_kind(kind_text)
        for place in (properties, edges, own_edges, local):
            place.pop(name, None)
        if targets:
            edges[name] = own_edges[name] = targets
        elif kind is not None:
            properties[name] = Property(name, kind, default, choices, extras)
        else:
            local[name] = None if default is MISSING else default
    for name, entry in properties.items():
        if entry.extras and entry.extras.alias and (entry.extras.alias in properties or entry.extras.alias in edges):
            raise TypeError(f"{cls.__name__}.{name}: its alias '{entry.extras.alias}' is itself a property or edge")
    cls.properties, cls.edges = list(properties), list(edges)
    annotated = frozenset(name for name, entry in properties.items() if entry.kind is not None)
    return Declaration(properties, edges, own_edges, local, True, annotated)


class _Names(dict[str, Any]):
    """Names for evaluating annotations: those of the module, and for others a forward reference to the name itself."""

    def __missing__(self, name: str) -> Any:
        known = getattr(typing, name, None) or getattr(__import__("builtins"), name, None)
        return known if known is not None else typing.ForwardRef(name)


def _evaluate(annotation: Any, namespace: _Names) -> Any:
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, {"__builtins__": {}}, namespace)  # noqa: S307 - the text stands in the plugin's own source
    except (TypeError, SyntaxError, AttributeError):
        return typing.Any  # what cannot be read declares a local attribute


def _members(annotation: Any) -> Iterator[Any]:
    """The members of a union, without None; of anything else the thing itself."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        for member in typing.get_args(annotation):
            if member is not type(None):
                yield from _members(member)
    else:
        yield annotation


def _property_kind(annotation: Any) -> tuple[type | None, tuple[str, ...], Prop | None]:
    extras = None
    if typing.get_origin(annotation) is typing.Annotated:
        annotation, *metadata = typing.get_args(annotation)
        extras = next((entry for entry in metadata if isinstance(entry, Prop)), None)
    members = list(_members(annotation))
    if len(members) != 1:
        return None, (), None
    (kind,) = members
    if kind in TYPE_TO_SCHEMA:
        return kind, (), extras
    if kind is date:
        return datetime, (), extras
    if typing.get_origin(kind) is typing.Literal and all(isinstance(choice, str) for choice in typing.get_args(kind)):
        return str, typing.get_args(kind), extras
    if isinstance(kind, type) and issubclass(kind, enum.Enum) and all(isinstance(member.value, str) for member in kind):
        return str, tuple(member.value for member in kind), extras
    if isinstance(kind, typing.ForwardRef) and kind.__forward_arg__ in ("str", "int", "float", "bool"):
        return {"str": str, "int": int, "float": float, "bool": bool}[kind.__forward_arg__], (), extras
    return None, (), None


def _edge_targets(annotation: Any, cls: type, name: str) -> tuple[str, ...]:
    """Names of the target types when the annotation is a list of items, else nothing.

    Raises:
        TypeError: A list of something that is no item class.
    """
    members = [member for member in _members(annotation) if typing.get_origin(member) in (list, EdgeList)]
    if len(members) != 1:
        return ()
    targets: list[str] = []
    for target in (entry for argument in typing.get_args(members[0]) for entry in _members(argument)):
        target_name = _target_name(target)
        if target_name is None:
            raise TypeError(f"{cls.__name__}.{name}: a list declares an edge, and {target!r} is no item class")
        targets.append(target_name)
    return tuple(targets)


def _target_name(target: Any) -> str | None:
    if isinstance(target, str):
        return target
    if isinstance(target, typing.ForwardRef):
        return target.__forward_arg__
    if target is typing.Any:
        return "Any"
    return target.__name__ if isinstance(target, type) and hasattr(target, "declaration") else None
