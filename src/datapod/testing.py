"""For tests of plugins: a pod in memory, a front end that answers login dialogues, and a run in one call.

    plugin = run_for_test(MyPlugin, config={"shelf": "all"})
    assert plugin.client.search({"type": "Book"})

Source: plugin-sdk.md, 15.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

import msgspec

from datapod.api import PodAPI
from datapod.client import PodClient
from datapod.driver import carry_out, fit_config
from datapod.errors import PodError
from datapod.item import Item
from datapod.schema import BUILT_IN, Account, PluginRun
from datapod.states import RUN_ABORTED, RUN_USER_ACTION_COMPLETED, RUN_USER_ACTION_NEEDED
from datapod.values import TYPE_TO_SCHEMA

Json = dict[str, Any]

_JSON_TYPES: dict[str, tuple[type, ...]] = {
    "Text": (str,),
    "Integer": (int,),
    "Real": (int, float),
    "Bool": (bool,),
    "DateTime": (int, float),
}
_SPECIAL = {"id": str, "type": str, "dateCreated": int, "dateModified": int, "dateServerModified": int, "deleted": bool}
_CONTROL = ("_match", "_limit", "_offset", "_sortOrder", "[[edges]]", "~[[edges]]")


class InMemoryPod(PodAPI):
    """A registered account in a dict, with the methods of `PodAPI`: `PodClient(api=InMemoryPod())`.

    Knows items, edges, search with operators and words, bulk, schema and files, takes mail; what it does not know is a `PodError` 404,
    as from a server.
    """

    def __init__(self) -> None:
        super().__init__("0" * 64, "0" * 64, "http://in-memory")
        self.items: dict[str, Json] = {}
        self.edges: list[Json] = []
        self.files: dict[str, bytes] = {}
        self.kinds: dict[str, str] = {
            name: TYPE_TO_SCHEMA[entry.kind]
            for cls in BUILT_IN.values()
            for name, entry in cls.declaration.properties.items()
            if entry.kind
        }
        self.requests: list[tuple[str, Any]] = []
        """End point and payload of everything that was asked, in order."""
        self._lock = threading.RLock()
        self._last_ms = 0

    def test_connection(self) -> bool:
        return True

    @property
    def pod_version(self) -> Json:
        return {"cargo": "0.4.4", "datapod": "in-memory", "git_describe": None}

    def create_account(self) -> Any:
        return {}

    def create_schema(self, nodes: Json, edges: Json, meta: Json) -> Any:
        for item_type, node in nodes.items():
            for name, kind in node["properties"].items():
                self._define({"itemType": item_type, "propertyName": name, "valueType": kind})
        return {}

    def _json(self, endpoint: str, payload: Any) -> Any:
        """What a server would answer; copies, so that nobody shares dicts with the pod."""
        asked = msgspec.json.decode(msgspec.json.encode(payload))
        handler = getattr(self, f"_do_{endpoint.replace('/', '_')}", None)
        if handler is None:
            raise PodError(404, "Endpoint not found")
        with self._lock:
            self.requests.append((endpoint, asked))
            return msgspec.json.decode(msgspec.json.encode(handler(asked)))

    def _now_ms(self) -> int:
        self._last_ms = max(self._last_ms, time.time_ns() // 1_000_000)
        return self._last_ms

    # Items

    def _do_get_item(self, item_id: str) -> list[Json]:
        item = self.items.get(item_id)
        return [item] if item is not None and not item["deleted"] else []

    def _do_create_item(self, json: Json) -> str:
        now = self._now_ms()
        item_id = json.get("id") or Item.create_id()
        if item_id in self.items:
            raise PodError(500, "Failure: UNIQUE constraint failed: items.id")
        if not isinstance(json.get("type"), str):
            raise PodError(400, "Failure: JSON deserialization error payload: missing field `type`")
        if json["type"] == "ItemPropertySchema":
            self._define(json)
        item = {"id": item_id, "type": json["type"], "dateCreated": now, "dateModified": now, "deleted": False, **self._checked(json)}
        self.items[item_id] = {**item, "id": item_id, "dateServerModified": now}
        return str(item_id)

    def _do_update_item(self, json: Json) -> Json:
        item = self._existing(json["id"])
        changes = {name: value for name, value in json.items() if name not in ("type", "dateCreated", "dateServerModified")}
        self._checked(changes)
        item["dateModified"] = item["dateServerModified"] = self._now_ms()
        for name, value in changes.items():
            if value is None:
                item.pop(name, None)
            else:
                item[name] = value
        return {}

    def _do_delete_item(self, item_id: str) -> Json:
        return self._do_update_item({"id": item_id, "deleted": True})

    def _existing(self, item_id: str) -> Json:
        if item_id not in self.items:
            raise PodError(404, f"Failure: Item with id {item_id} not found")
        return self.items[item_id]

    def _checked(self, json: Json) -> Json:
        for name, value in json.items():
            kind = self.kinds.get(name)
            if name in _SPECIAL:
                continue
            if kind is None:
                raise PodError(400, f"Failure: Property {name} not defined in Schema (attempted to use it for json value {value})")
            wrong_bool = isinstance(value, bool) and kind != "Bool"
            if value is not None and (wrong_bool or not isinstance(value, _JSON_TYPES[kind])):
                raise PodError(400, f"Failure: Failed to parse json value {value} to {kind} ({name})")
        return {name: value for name, value in json.items() if value is not None}

    def _define(self, entry: Json) -> None:
        name, kind = entry["propertyName"], entry["valueType"]
        known = self.kinds.setdefault(name, kind)
        if known != kind:
            raise PodError(400, f"Failure: Schema for property {name} is already defined to type {known}, cannot override to type {kind}")

    # Edges

    def _do_create_edge(self, json: Json) -> str:
        for end, word in (("_source", "source"), ("_target", "target")):
            if json[end] not in self.items:
                raise PodError(404, f"Failure: Edge {word} not found: {json[end]}")
        self.items[json["_source"]]["dateServerModified"] = self._now_ms()
        self.edges.append({**json, "id": Item.create_id()})
        return str(self.edges[-1]["id"])

    def _do_get_edges(self, json: Json) -> list[Json]:
        if not self._do_get_item(json["item"]):
            raise PodError(404, f"Failure: Cannot find item id {json['item']}")
        here, there = ("_target", "_source") if json["direction"] == "Incoming" else ("_source", "_target")
        found = [(edge["_name"], self.items[edge[there]]) for edge in self.edges if edge[here] == json["item"]]
        return [{"name": name, "item": item} for name, item in found if not item["deleted"]]

    def _do_delete_edge_by_source_target(self, json: Json) -> Json:
        kept = [edge for edge in self.edges if any(edge[key] != json[key] for key in ("_source", "_target", "_name"))]
        if len(kept) == len(self.edges):
            raise PodError(404, "Failure: Edge not found")
        self.edges = kept
        return {}

    # Search and bulk

    def _do_search(self, query: Json) -> list[Json]:
        wanted = {name: value for name, value in query.items() if name not in _CONTROL and value is not None}
        wanted.setdefault("deleted", False)
        found = [item for item in self.items.values() if all(_matches(item, name, value) for name, value in wanted.items())]
        words = str(query.get("_match") or "").lower().split()
        found = [item for item in found if all(any(word in str(value).lower() for value in item.values()) for word in words)]
        found.sort(key=lambda item: item["dateServerModified"])
        if query.get("_sortOrder") == "Desc":
            found.reverse()
        if "_offset" in query:
            found = found[query["_offset"] :][: query.get("_limit")]
        elif "_limit" in query:
            last = found[: query["_limit"]][-1:]
            found = [
                item
                for number, item in enumerate(found)
                if number < query["_limit"] or (last and item["dateServerModified"] == last[0]["dateServerModified"])
            ]
        return [self._with_edges(item) for item in found] if "[[edges]]" in query else found

    def _with_edges(self, item: Json) -> Json:
        edges = [
            {"id": edge["id"], "type": "Edge", "_edge": edge["_name"], "_item": self.items[edge["_target"]]}
            for edge in self.edges
            if edge["_source"] == item["id"] and not self.items[edge["_target"]]["deleted"]
        ]
        return {**item, "[[edges]]": edges}

    def _do_bulk(self, parts: Json) -> Json:
        before = msgspec.json.encode([self.items, self.edges, self.kinds])
        try:
            created = [self._do_create_item(json) for json in parts.get("createItems", ())]
            for json in parts.get("updateItems", ()):
                self._do_update_item(json)
            for item_id in parts.get("deleteItems", ()):
                self._do_delete_item(item_id)
            edges = [self._do_create_edge(json) for json in parts.get("createEdges", ())]
            return {"createItems": created, "createEdges": edges, "search": [self._do_search(query) for query in parts.get("search", ())]}
        except PodError:
            self.items, self.edges, self.kinds = msgspec.json.decode(before)
            raise

    # Mail and plugins

    def _do_send_email(self, mail: Json) -> Json:
        """Nothing is sent; `requests` holds it."""
        return {}

    def _do_plugin_status(self, payload: Json) -> Json:
        return {"plugins": {run_id: {"status": "unreachable"} for run_id in payload["plugins"]}}

    def _do_trigger_status(self, payload: Json) -> Json:
        return {}

    # Files

    def _do_delete_file(self, payload: Json) -> Json:
        digest = self._existing(payload["id"]).get("sha256")
        self._do_delete_item(payload["id"])
        if not any(item.get("sha256") == digest and not item["deleted"] for item in self.items.values()):
            self.files.pop(str(digest), None)
        return {}

    def upload_file(self, data: bytes | BinaryIO) -> Any:
        data = data if isinstance(data, bytes) else data.read()
        digest = hashlib.sha256(data).hexdigest()
        if digest in self.files:
            raise PodError(409, "Failure: File already exists")
        if not any(item.get("sha256") == digest for item in self.items.values()):
            raise PodError(404, f"Failure: Item with sha256 {digest} not found in database")
        self.files[digest] = data
        return {}

    def get_file(self, sha256: str) -> bytes:
        if sha256 not in self.files:
            raise PodError(404, "Failure: File not found")
        return self.files[sha256]


def _matches(item: Json, name: str, value: Any) -> bool:
    for suffix, compare in _OPERATORS.items():
        if name.endswith(suffix):
            present = item.get(name.removesuffix(suffix))
            return present is not None and compare(present, value)
    return bool(item.get(name) == value)


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": lambda left, right: left >= right,
    "<=": lambda left, right: left <= right,
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    ">": lambda left, right: left > right,
}


class FrontEnd:
    """Plays the user's front end for one run, in a background thread: waits until the run asks, then answers."""

    def __init__(self, client: PodClient, run_id: str, interval_seconds: float = 0.02) -> None:
        self._api = client.api
        self._run_id = run_id
        self._interval_seconds = interval_seconds

    def enter_password(self, user: str, password: str) -> threading.Thread:
        """Account first, then status `ready`."""
        return self._when_asked({"identifier": user, "secret": password})

    def enter_code(self, code: str) -> threading.Thread:
        return self._when_asked({"code": code})

    def abort(self) -> None:
        self._api.update_item({"id": self._run_id, "status": RUN_ABORTED})

    def _when_asked(self, answer: Mapping[str, Any]) -> threading.Thread:
        thread = threading.Thread(target=self._answer, args=(answer,), daemon=True)
        thread.start()
        return thread

    def _answer(self, answer: Mapping[str, Any]) -> None:
        pause = threading.Event()
        while self._api.get_item(self._run_id)[0].get("status") != RUN_USER_ACTION_NEEDED:
            pause.wait(self._interval_seconds)
        edges = self._api.get_edges(self._run_id)
        account = next(edge["item"] for edge in edges if edge["name"] == "account")
        self._api.update_item({"id": account["id"], **answer})
        self._api.update_item({"id": self._run_id, "status": RUN_USER_ACTION_COMPLETED})


def run_for_test(
    plugin_cls: Any, config: Mapping[str, Any] | None = None, account: Account | None = None, client: PodClient | None = None
) -> Any:
    """The finished plugin of one run, in memory unless a client is given; its exceptions pass through."""
    client = client or PodClient(api=InMemoryPod())
    run = PluginRun("none", plugin_cls.__module__, plugin_cls.__name__)
    account = account or Account(service=plugin_cls.__name__)
    if not client.bulk_action(create_items=[account, run], create_edges=[run.add_edge("account", account)]):
        raise PodError(None, f"The run could not be created: {client.last_error}")
    plugin = plugin_cls(pluginRun=run, client=client, **fit_config(plugin_cls, config or {}))
    plugin.add_to_schema()
    carry_out(plugin)
    return plugin


@contextmanager
def fast_login(*authenticators: type[Any], seconds: float = 0.02) -> Iterator[Sequence[type[Any]]]:
    """While it lasts, these authenticators look at their run that often."""
    before = [cls.SLEEP_INTERVAL for cls in authenticators]
    for cls in authenticators:
        cls.SLEEP_INTERVAL = seconds
    try:
        yield authenticators
    finally:
        for cls, interval in zip(authenticators, before, strict=True):
            cls.SLEEP_INTERVAL = interval
