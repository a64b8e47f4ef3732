"""Telling the pod about item types: when the caller says so, and by itself at the first write of a type. Source: plugin-sdk.md, 7."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from datapod import registration
from datapod.client.core import ClientCore, Result, logger
from datapod.errors import PodError, RefusedSchema, SchemaConflict
from datapod.item import Item
from datapod.registration import ItemSchema, SchemaMeta
from datapod.schema import Account, CVUStoredDefinition, Photo, PluginRun
from datapod.values import TYPE_TO_SCHEMA

_FOUNDING_TYPES = (PluginRun, CVUStoredDefinition, Account, Photo)
_UNKNOWN_PROPERTY = "not defined in Schema"
_OTHER_TYPE = "already defined"


class RegisteringClient(ClientCore):
    """A client that knows which types it has told the pod about."""

    def register_base_schemas(self) -> bool:
        """Tell a pod that knows no types about those that every plugin needs."""
        return self.add_to_schema(*_FOUNDING_TYPES)

    def add_to_schema(self, *items: SchemaMeta | Item | type[Item]) -> bool:
        """Register item types: classes, or samples whose properties are filled in; a `SchemaMeta` may come first.

        Raises:
            SchemaConflict: One property name with two types among what is registered here.
            ValueError: A class without annotations, a name or value that no property can have.
        """
        meta = items[0] if items and isinstance(items[0], SchemaMeta) else None
        things: list[Any] = [entry for entry in items if not isinstance(entry, SchemaMeta)]
        for thing in things:
            cls = thing if isinstance(thing, type) else type(thing)
            self.registered_classes[cls.__name__] = cls
        with self._registering:
            schemas = [registration.schema_of(thing, logger) for thing in things]
            self._note_registered(schemas)
            return self._register(schemas, meta)

    def _register(self, schemas: list[ItemSchema], meta: SchemaMeta | None = None) -> bool:
        try:
            registration.check(schemas)
        except SchemaConflict as error:
            self.last_error = error
            raise
        if not self._is_datapod:
            registration.warn_of_names(schemas, logger)

        def attempt() -> bool:
            try:
                return self._send_schemas(schemas, meta)
            except PodError as error:
                if error.status == 400 and _OTHER_TYPE in (error.message or ""):
                    raise RefusedSchema(400, f"{error.message}. {registration.ADVICE}") from error
                if error.status != 400:  # a pod that refuses will refuse again; after any other failure the next write tries again
                    self._forget_registered(schemas)
                raise

        return self._attempt("add_to_schema", ", ".join(schema.name for schema in schemas), attempt) is not None

    def _send_schemas(self, schemas: list[ItemSchema], meta: SchemaMeta | None) -> bool:
        if meta is not None:
            nodes, edges = registration.v5_payload(schemas)
            try:
                self.api.create_schema(nodes, edges, {"name": meta.name, "url": meta.url, "version": meta.version})
            except PodError as error:
                # An unknown account is a 404 too; falling back would create it unasked.
                if error.status != 404 or "Endpoint not found" not in (error.message or ""):
                    raise
            else:
                return True
        entries = self._entries(schemas)
        if entries:
            self.api.bulk(create_items=entries)
        return True

    def _entries(self, schemas: Iterable[ItemSchema]) -> list[dict[str, Any]]:
        """Schema items; older pods know no edge types."""
        entries = [entry for schema in schemas for entry in schema.to_items()]
        return entries if self._is_datapod else [entry for entry in entries if entry["type"] != "ItemEdgeSchema"]

    def _note_registered(self, schemas: Iterable[ItemSchema]) -> None:
        python_types = {name: kind for kind, name in TYPE_TO_SCHEMA.items()}
        for schema in schemas:
            self._registered_names.setdefault(schema.name, set()).update(schema.properties)
            self._assembly.kinds.setdefault(schema.name, {}).update({name: python_types[kind] for name, kind in schema.properties.items()})

    def _forget_registered(self, schemas: Iterable[ItemSchema]) -> None:
        for schema in schemas:
            self._registered_names.pop(schema.name, None)

    def _register_late(self, created: Iterable[Item], updated: Iterable[Item] = ()) -> bool:
        """Register the classes of items that nobody registered: from the class, or, for a new item in list style, from the item.

        The lock is held until the pod has answered, so that no other thread writes an item of a type that is only on its way.
        """
        if not self.auto_schema:
            return True
        declarative = [item for item in updated if type(item).declaration.declarative]
        with self._registering:
            schemas: list[ItemSchema] = []
            for item in (*created, *declarative):
                schema = None if type(item).is_built_in else self._missing_schema(item)
                if schema is not None:
                    schemas.append(schema)
                    self._note_registered([schema])
            return self._register(schemas) if schemas else True

    def _missing_schema(self, item: Item) -> ItemSchema | None:
        """What the pod has not been told about the item's type."""
        cls = type(item)
        known = self._registered_names.get(cls.__name__)
        schema = None
        if cls.declaration.declarative:
            if known is None or self.registered_classes.get(cls.__name__) is not cls:
                schema = registration.schema_of_class(cls)
        else:
            sample = registration.schema_of_sample(item, None)
            missing = {name: kind for name, kind in sample.properties.items() if name not in (known or ())}
            schema = ItemSchema(sample.name, missing, {} if known else sample.edges) if missing else None
        if not cls.is_generic:
            self.registered_classes.setdefault(cls.__name__, cls)
        return schema

    def _write(self, method: str, items: Sequence[Item], call: Callable[[], Result]) -> Result | None:
        """A write; where the pod knows the built-in types not yet, they are registered and the write is repeated once."""

        def attempt() -> Result:
            try:
                return call()
            except PodError as error:
                built_in = {type(item) for item in items if type(item).is_built_in}
                if error.status != 400 or _UNKNOWN_PROPERTY not in (error.message or "") or not built_in:
                    raise
                self.api.bulk(create_items=self._entries(registration.schema_of_class(cls) for cls in built_in))
                return call()

        return self._attempt(method, ", ".join(sorted({type(item).__name__ for item in items})), attempt)
