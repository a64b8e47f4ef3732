"""`PodClient`: items in, items out. Source: plugin-sdk.md, 4.

Writing methods answer True or False, as plugin code of all times expects; what went wrong is logged and kept in `last_error`,
or raised where the caller asked for that (`raise_errors`, environment `DATAPOD_STRICT=1`).
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import httpx
import msgspec

from datapod import bulk, registration
from datapod.api import POD_VERSION, PodAPI, default_pod_address
from datapod.assembly import Assembly
from datapod.edge import Edge
from datapod.errors import PodConnectionError, PodError, SchemaConflict, ValidationError
from datapod.item import Item
from datapod.keyfile import generate_random_key, read_pod_key
from datapod.registration import ItemSchema, SchemaMeta
from datapod.schema import Account, CVUStoredDefinition, Dataset, Photo, PluginRun
from datapod.store import DB, Priority
from datapod.values import TYPE_TO_SCHEMA, milliseconds, to_wire

logger = logging.getLogger("datapod.client")

Json = dict[str, Any]
Result = TypeVar("Result")
AnyItem = TypeVar("AnyItem", bound=Item)
Query = Mapping[str, Any]

_CAUGHT = (PodError, httpx.HTTPError, ValidationError)
_FOUNDING_TYPES = (PluginRun, CVUStoredDefinition, Account, Photo)
_UNKNOWN_PROPERTY = "not defined in Schema"


class PodClient:
    """A client of one owner's pod. Without keys: those of a new, empty owner, whom only a pod with `--owners=ANY` admits."""

    TYPE_TO_SCHEMA: ClassVar[dict[type, str]] = TYPE_TO_SCHEMA

    def __init__(
        self,
        url: str | None = None,
        version: str = POD_VERSION,
        database_key: str | None = None,
        owner_key: str | None = None,
        auth_json: Mapping[str, Any] | None = None,
        *,
        register_base_schema: bool = True,
        verbose: bool = False,
        default_priority: Priority | str = "local",
        create_account: bool = True,
        raise_errors: bool = False,
        auto_schema: bool = True,
        api: Any = None,
    ) -> None:
        self.url = (url or default_pod_address()).rstrip("/")
        self.database_key = database_key or generate_random_key()
        self.owner_key = owner_key or generate_random_key()
        self.verbose = verbose
        self.default_priority = Priority(default_priority)
        self.raise_errors = raise_errors or os.environ.get("DATAPOD_STRICT") == "1"
        self.auto_schema = auto_schema
        self.last_error: Exception | None = None
        self.local_db = DB()
        self.registered_classes: dict[str, type[Item]] = {}
        self._registered_names: dict[str, set[str]] = {}
        self._assembly = Assembly(self.local_db, self.registered_classes)
        self.api: PodAPI = api or PodAPI(self.database_key, self.owner_key, self.url, version, auth_json, verbose)
        self.api.test_connection()
        self._is_datapod = "datapod" in self._version() if register_base_schema else True
        if create_account and auth_json is None:
            self.create_account()
        if not self._is_datapod:
            self.register_base_schemas()

    @classmethod
    def from_local_keys(cls, path: Path | str | None = None, **keywords: Any) -> PodClient:
        """A client with the keys of a key file; prints from where they were read."""
        database_key = read_pod_key("database_key", path)
        return cls(database_key=database_key, owner_key=read_pod_key("owner_key", path), **keywords)

    @staticmethod
    def generate_random_key() -> str:
        return generate_random_key()

    def close(self) -> None:
        """Close the connection; the client cannot be used afterwards."""
        self.api.close()

    def _version(self) -> Json:
        try:
            return self.api.pod_version
        except PodConnectionError:
            raise
        except (PodError, msgspec.DecodeError):
            return {}  # a pod that has no /version at all

    def create_account(self) -> None:
        """Make the account known to the pod. Any answer will do: pods that cannot do this, or know it already, say so by an error."""
        try:
            self.api.create_account()
        except PodError as error:
            logger.info("create_account: %s", error)

    def register_base_schemas(self) -> bool:
        """Tell a pod that knows no types about those that every plugin needs."""
        return self.add_to_schema(*_FOUNDING_TYPES)

    def test_connection(self) -> bool:
        return self.api.test_connection()

    # Errors

    def _attempt(self, method: str, kind: str, call: Callable[[], Result]) -> Result | None:
        """The call's result, or None after an error, which is logged and kept; raised if the caller wants errors."""
        try:
            return call()
        except _CAUGHT as error:
            self.last_error = error
            if self.raise_errors:
                raise
            logger.error("%s %s: %s", method, kind, error)
            return None

    def _write(self, method: str, items: Sequence[Item], call: Callable[[], Result]) -> Result | None:
        """A write; where the pod knows the built-in types not yet, they are registered and the write is repeated once."""

        def attempt() -> Result:
            try:
                return call()
            except PodError as error:
                built_in = {type(item) for item in items if type(item).is_built_in}
                if error.status != 400 or _UNKNOWN_PROPERTY not in (error.message or "") or not built_in:
                    raise
                schemas = [registration.schema_of_class(cls) for cls in built_in]
                self.api.bulk(create_items=[entry for schema in schemas for entry in schema.to_items()])
                return call()

        return self._attempt(method, ", ".join(sorted({type(item).__name__ for item in items})), attempt)

    # Schema

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
        schemas = [registration.schema_of(thing, logger) for thing in things]
        self._note_registered(schemas)
        return self._register(schemas, meta)

    def _register(self, schemas: list[ItemSchema], meta: SchemaMeta | None = None) -> bool:
        try:
            registration.check(schemas)
        except SchemaConflict as error:
            self.last_error = error
            raise

        def attempt() -> bool:
            try:
                return self._send_schemas(schemas, meta)
            except PodError as error:
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
        entries = [entry for schema in schemas for entry in schema.to_items() if self._is_datapod or entry["type"] != "ItemEdgeSchema"]
        if entries:
            self.api.bulk(create_items=entries)
        return True

    def _note_registered(self, schemas: Iterable[ItemSchema]) -> None:
        python_types = {name: kind for kind, name in TYPE_TO_SCHEMA.items()}
        for schema in schemas:
            self._registered_names.setdefault(schema.name, set()).update(schema.properties)
            self._assembly.kinds.setdefault(schema.name, {}).update({name: python_types[kind] for name, kind in schema.properties.items()})

    def _forget_registered(self, schemas: Iterable[ItemSchema]) -> None:
        for schema in schemas:
            self._registered_names.pop(schema.name, None)

    def _register_late(self, items: Iterable[Item]) -> bool:
        """Register the classes of items that nobody registered, from the class or, in list style, from the item."""
        if not self.auto_schema:
            return True
        schemas: list[ItemSchema] = []
        for item in items:
            cls = type(item)
            if cls.is_built_in:
                continue
            known = self._registered_names.get(cls.__name__)
            if cls.declaration.declarative:
                if known is None or self.registered_classes.get(cls.__name__) is not cls:
                    schemas.append(registration.schema_of_class(cls))
            else:
                sample = registration.schema_of_sample(item, _Silent())
                missing = {name: kind for name, kind in sample.properties.items() if name not in (known or ())}
                if missing:
                    schemas.append(ItemSchema(sample.name, missing, {} if known else sample.edges))
            if not cls.is_generic:
                self.registered_classes.setdefault(cls.__name__, cls)
            self._note_registered(schemas[-1:])
        return self._register(schemas) if schemas else True

    # Writing

    def add_to_store(self, item: Item, priority: Priority | str | None = None) -> Item:
        """Keep an item in the local store; gives it an id."""
        return self.local_db.merge(item, priority or self.default_priority) if item.id in self.local_db.nodes else self.local_db.add(item)

    def reset_local_db(self) -> None:
        """Empty the local store, in place: long imports do this now and then."""
        self.local_db.nodes.clear()

    def create(self, item: Item) -> bool:
        """Write a new item's properties; never its edges (`item.update(client)` does both)."""
        if not self._register_late([item]):
            return False
        self.local_db.add(item)
        logger.info("creating %r", item)
        written = self._write("create", [item], lambda: self.api.create_item(self.get_create_dict(item)))
        if written is None:
            return False
        if written != item.id:
            self.local_db.nodes.pop(item.id, None)
            item.id = written
            self.local_db.add(item)
        item.reset_local_sync_state()
        self._give_reference(item)
        return True

    def update_item(self, item: Item, partial_update: bool = True) -> bool:
        """Write the properties that changed (all of them if not partial); one that was set to None is erased in the pod."""
        names = list(item._original_properties) if partial_update else list(item.properties)
        logger.info("updating %r", item)
        if self._write("update_item", [item], lambda: self.api.update_item(self.get_update_dict(item, partial_update))) is None:
            return False
        item.mark_written(names)
        return True

    def delete_item(self, item_or_id: Item | str) -> bool:
        item_id = item_or_id if isinstance(item_or_id, str) else item_or_id.id
        return self._attempt("delete_item", item_id, lambda: self.api.delete_item(item_id)) is not None

    def delete_items(self, items: Iterable[Item]) -> bool:
        return self.bulk_action(delete_items=[item for item in items if item.id])

    def delete_all(self) -> None:
        """No release could do this, and neither does this one: it would be one slip away from losing everything."""
        raise NotImplementedError("delete_all was never offered; delete items by delete_items")

    def create_edge(self, edge: Edge) -> bool:
        """Write one edge; False, and nothing is sent, while one of its ends has no id."""
        if not (edge.source.id and edge.target.id):
            return False
        if self._attempt("create_edge", edge.name, lambda: self.api.create_edge(self.get_create_edge_dict(edge))) is None:
            return False
        _mark_edge_written(edge)
        return True

    def create_edges(self, edges: Iterable[Edge]) -> bool:
        return self.bulk_action(create_edges=list(edges))

    def delete_edge(self, edge: Edge) -> bool:
        return self._attempt("delete_edge", edge.name, lambda: self.api.delete_edge(self.get_delete_edge_dict(edge))) is not None

    def bulk_action(
        self,
        create_items: Sequence[Item] | None = None,
        update_items: Sequence[Item] | None = None,
        create_edges: Sequence[Edge] | None = None,
        delete_items: Sequence[Item] | None = None,
        partial_update: bool = True,
        priority: Priority | str | None = None,
    ) -> bool:
        """Write many things in as few requests as the limits allow; edges after all new items.

        Each request is atomic, the whole call is not: it stops at the first one that fails.
        """
        creations, updates, edges, deletions = (
            list(create_items or ()),
            list(update_items or ()),
            list(create_edges or ()),
            list(delete_items or ()),
        )
        if not self._register_late(creations):
            return False
        for item in creations:
            self.local_db.add(item)
        linked = [edge for edge in edges if edge.source.id and edge.target.id]
        work: list[tuple[bulk.PartName, Any, Any]] = [("create_items", self.get_create_dict(item), item) for item in creations]
        work += [("update_items", self.get_update_dict(item, partial_update), item) for item in updates]
        work += [("delete_items", item.id, item) for item in deletions if item.id]
        return self._send_batches(bulk.batches(work, [(self.get_create_edge_dict(edge), edge) for edge in linked])) and len(linked) == len(
            edges
        )

    def _send_batches(self, batches: Iterator[bulk.Batch]) -> bool:
        refused: set[int] = set()
        for batch in batches:
            if refused:
                # Edges to an item that the pod did not take would only take the others down with them.
                kept = [
                    entry
                    for entry in batch.elements
                    if not (isinstance(entry.origin, Edge) and {id(entry.origin.source), id(entry.origin.target)} & refused)
                ]
                batch = bulk.Batch(tuple(kept))
            if batch.elements and not self._send_batch(batch):
                if not batch.is_oversized:
                    return False
                refused.update(id(element.origin) for element in batch.elements)
                continue
            self._mark_batch_written(batch)
        return not refused

    def _send_batch(self, batch: bulk.Batch) -> bool:
        items = batch.origins("create_items", "update_items")
        return self._write("bulk_action", items, lambda: self.api.bulk(**batch.parts())) is not None

    def _mark_batch_written(self, batch: bulk.Batch) -> None:
        for item in batch.origins("create_items", "update_items"):
            item.reset_local_sync_state()
            self._give_reference(item)
        for edge in batch.origins("create_edges"):
            _mark_edge_written(edge)
        logger.info("Completed Bulk action, written %d items/edges", len(batch.elements))

    def _give_reference(self, item: Item) -> None:
        if item.requires_client_ref:
            item._client = self

    def external_id_exists(self, item: Item) -> bool:
        return bool(item.externalId and self.search({"type": type(item).__name__, "externalId": item.externalId}, include_edges=False))

    def create_if_external_id_not_exists(self, item: Item) -> bool:
        """Create the item unless the pod has one of its type with its `externalId`; True if it was created."""
        return not self.external_id_exists(item) and self.create(item)

    def sync(self, priority: Priority | str = "newest") -> bool:
        """Bring the local store and the pod together: new items are created, stored ones read again, merged and written back."""
        nodes = [item for item in self.local_db.nodes.values() if type(item).__name__ not in ("File", "Photo")]
        known = [item for item in nodes if item._in_pod]
        if known:
            self.search({"ids": [item.id for item in known]}, include_edges=False, priority=priority)
        pending: list[Edge] = []
        for item in nodes:
            for edge in item._new_edges:
                if self.local_db.contains(edge.target):
                    pending.append(edge)
                else:
                    logger.warning("Could not sync `%s` for %r: edge target missing in sync.", edge.name, item)
        return self.bulk_action(
            create_items=[item for item in nodes if not item._in_pod],
            update_items=[item for item in known if item._original_properties],
            create_edges=pending,
        )

    def flush(self) -> bool:
        """Write what changed on stored items and the pending edges between them; creates no items, leaves plugin runs alone."""
        nodes = [item for item in self.local_db.nodes.values() if item._in_pod and not isinstance(item, PluginRun)]
        edges = [edge for item in nodes for edge in item._new_edges if edge.target._in_pod]
        return self.bulk_action(update_items=[item for item in nodes if item._original_properties], create_edges=edges)

    # Reading

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
            self.expand(item)
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
        """Load the neighbours of an item, and theirs, up to `depth` steps away."""
        self._assembly.attach(item, self.api.get_edges(item.id))
        if depth > 1:
            for edge in item.get_all_edges():
                self.expand(edge.traverse(item), depth - 1)
        return item

    def get_edges(self, id: str) -> list[Json] | None:  # noqa: A002
        """List of `{"name", "item"}`; None after an error."""
        edges = self._attempt("get_edges", id, lambda: self.api.get_edges(id))
        return None if edges is None else [{"name": edge["name"], "item": self.item_from_json(edge["item"])} for edge in edges]

    def item_from_json(self, json: Mapping[str, Any], add_to_local_db: bool = True, priority: Priority | str | None = None) -> Item:
        return self._assembly.item(json, add_to_local_db, priority or self.default_priority)

    def filter_deleted(self, items: Iterable[Item]) -> list[Item]:
        return [item for item in items if not item.deleted]

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
        results = self.api.bulk(search=[{**query, "id": item_id} for item_id in ids])["search"]
        return [json for result in results for json in result]

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

    def search_graphql(self, query: str, variables: Query | None = None) -> list[Item]:
        """Items of a graph query, with the neighbours that it asked for."""
        answer = self._attempt("search_graphql", "", lambda: self.api.graphql(query, variables))
        return [self._graph_item(json) for json in (answer or {}).get("data", [])]

    def _graph_item(self, json: Json) -> Item:
        item = self._assembly.item({name: value for name, value in json.items() if not isinstance(value, list)})
        for name, neighbours in json.items():
            for neighbour in neighbours if isinstance(neighbours, list) else ():
                item.attach_edge(name, self._graph_item(neighbour))
        return item

    def get_all_items(self) -> list[Item]:
        return self.search({})

    def get_dataset(self, name: str) -> Dataset:
        found = self.search_typed(Dataset, {"name": name})
        if not found:
            raise PodError(None, f"No datasets found with name {name}")
        if len(found) > 1:
            logger.warning("%d datasets are named %s; taking the last one", len(found), name)
        return found[-1]

    # Files

    def get_file(self, sha256: str) -> bytes:
        return self.api.get_file(sha256)

    def upload_file(self, data: Any, asyncFlag: bool = True, callback: Callable[[bool], Any] | None = None) -> bool:  # noqa: N803
        """Store a file's content; its `File` item must exist. In the background: True at once, `callback(done)` later."""
        content = _content(data)
        if asyncFlag:
            threading.Thread(target=self._upload, args=(content, callback), daemon=True).start()
            return True
        return self._upload(content, callback)

    def upload_file_async(self, data: Any, callback: Callable[[bool], Any] | None = None) -> bool:
        return self.upload_file(data, True, callback)

    def _upload_image(self, img: Any, asyncFlag: bool = True, callback: Callable[[bool], Any] | None = None) -> bool:  # noqa: N803
        return self.upload_file(img, asyncFlag, callback)

    def _upload(self, content: bytes, callback: Callable[[bool], Any] | None) -> bool:
        def attempt() -> bool:
            try:
                self.api.upload_file(content)
            except PodError as error:
                if error.status != 409:  # it is there already
                    raise
            return True

        done = bool(self._attempt("upload_file", "File", attempt))
        if callback is not None:
            callback(done)
        return done

    def delete_file(self, id: str) -> bool:  # noqa: A002
        return self._attempt("delete_file", id, lambda: self.api.delete_file(id)) is not None

    def create_photo(self, photo: Photo, asyncFlag: bool = True) -> bool:  # noqa: N803
        """Write a photo, its file and the edge between them, then its bytes."""
        edges = photo.get_edges("file")
        if not self.bulk_action(create_items=[photo, *(edge.target for edge in edges)], create_edges=edges):
            raise ValueError("Could not create file or photo item")
        return self.upload_file(photo.data, asyncFlag)

    def get_photo(self, id: str, size: int = 640) -> Photo:  # noqa: A002
        """A photo with its bytes."""
        photo = self.get(id)
        if not isinstance(photo, Photo):
            raise ValueError(f"Item with id {id} is no Photo")
        photo.data = self.get_file(str(photo.file[0].sha256))
        return photo

    # Plugins and mail

    def send_email(self, to: str, subject: str = "", body: str = "") -> bool:
        return self._attempt("send_email", to, lambda: self.api.send_email(to, subject, body)) is not None

    def send_trigger_status(self, item_ids: Sequence[str], trigger_id: str, status: str) -> bool:
        return (
            self._attempt("send_trigger_status", trigger_id, lambda: self.api.send_trigger_status(item_ids, trigger_id, status)) is not None
        )

    def plugin_status(self, ids: Sequence[str]) -> Json | None:
        """`{id: {"status": ...}}`; None after an error."""
        answer = self._attempt("plugin_status", "", lambda: self.api.plugin_status(ids))
        return None if answer is None else answer["plugins"]

    def plugin_log(self, id: str) -> str:  # noqa: A002
        """What a run printed; the newest 1 MiB."""
        return self.api.plugin_log(id)

    # JSON of requests

    def get_create_dict(self, item: Item) -> Json:
        json = item.to_json(dates=False)
        for name in ("dateCreated", "dateModified"):
            value = item.__dict__.get(name)
            if value is not None:
                json[name] = milliseconds(value)
        return json

    def get_update_dict(self, item: Item, partial_update: bool = True) -> Json:
        """`id` and what changed; None stands for "erase"."""
        if not partial_update:
            return {name: value for name, value in item.to_json(dates=False).items() if name != "type"}
        names = [name for name in item._original_properties if name not in ("id", "dateCreated", "dateServerModified")]
        values = {name: item.__dict__.get(name) for name in names}
        return {"id": item.id, **{name: None if value is None else to_wire(value) for name, value in values.items()}}

    def get_create_edge_dict(self, edge: Edge) -> Json:
        return {"_source": edge.source.id, "_target": edge.target.id, "_name": edge.name}

    get_delete_edge_dict = get_create_edge_dict
    gather_batch = staticmethod(bulk.gather_batch)


class _Silent:
    """Late registration looks at every new item; what a sample lacks is no warning there."""

    def warning(self, *arguments: Any) -> None:
        """Say nothing."""


def _outgoing(query: Query, include_edges: bool) -> Json:
    wire = {name: value if name == "ids" or value is None or isinstance(value, dict) else to_wire(value) for name, value in query.items()}
    return {**wire, "[[edges]]": {}} if include_edges else wire


def _mark_edge_written(edge: Edge) -> None:
    edge.created = False
    if edge in edge.source._new_edges:
        edge.source._new_edges.remove(edge)


def _content(data: Any) -> bytes:
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    if hasattr(data, "tobytes"):
        return bytes(data.tobytes())
    raise ValueError(f"A file's content is bytes or an array, not {type(data).__name__}")
