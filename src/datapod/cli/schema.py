"""`datapod schema show|check|push`: what item classes tell a pod, checked without one, or told to it. Source: plugin-sdk.md, 16.1."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from datapod.item import Item
from datapod.registration import ADVICE, ItemSchema, check, schema_of_class


def item_classes(place: str) -> list[type[Item]]:
    """Item classes of `MODULE`, or the one of `MODULE:CLASS`; modules are looked for in the current folder too.

    Raises:
        ValueError: There is no such module or class, or none that is an item class of one's own.
    """
    module_name, _, class_name = place.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not module_name.startswith(error.name):
            raise
        raise ValueError(f"There is no module {module_name}") from error
    found = [getattr(module, class_name, None)] if class_name else list(vars(module).values())
    classes = [entry for entry in found if isinstance(entry, type) and issubclass(entry, Item) and (class_name or not entry.is_built_in)]
    if not classes:
        raise ValueError(f"{place} holds no item class")
    return classes


def show(classes: Iterable[type[Item]]) -> str:
    """JSON: one object per class, with properties and edges, and descriptions and older names where there are some."""
    return json.dumps([_shown(cls) for cls in classes], indent=2)


def _shown(cls: type[Item]) -> dict[str, Any]:
    extras = {name: entry.extras for name, entry in cls.declaration.properties.items() if entry.extras}
    shown: dict[str, Any] = cls.pod_schema()._asdict()
    descriptions = {name: extra.description for name, extra in extras.items() if extra.description}
    aliases = {name: extra.alias for name, extra in extras.items() if extra.alias}
    return {**shown, **({"descriptions": descriptions} if descriptions else {}), **({"aliases": aliases} if aliases else {})}


def check_classes(classes: Iterable[type[Item]], since: Path | None = None) -> int:
    """How many classes a pod would take; compared with what `show` said of an earlier release, if that is given.

    Raises:
        ValueError: A name, a missing annotation or a pair of types that a pod refuses; a type that changed since.
    """
    schemas = [schema_of_class(cls) for cls in classes]
    check(schemas)
    if since is not None:
        _check_evolution(schemas, since)
    return len(schemas)


def _check_evolution(schemas: Iterable[ItemSchema], since: Path) -> None:
    earlier = {name.lower(): (name, kind) for entry in json.loads(since.read_text("utf-8")) for name, kind in entry["properties"].items()}
    for schema in schemas:
        for name, kind in schema.properties.items():
            old_name, old_kind = earlier.get(name.lower(), (name, kind))
            if old_kind != kind:
                raise ValueError(f"{schema.name}.{name} is {kind} now and was {old_kind} as {old_name} in {since}. {ADVICE}")


def push(classes: list[type[Item]]) -> int:
    """Register the classes with the pod of the key file; the number of them.

    Raises:
        PodError: The pod refuses, or cannot be reached.
    """
    from datapod.cli.runs import owner_client

    with owner_client() as client:
        client.raise_errors = True
        client.add_to_schema(*classes)
    return len(classes)
