"""The pod protocol, one method per end point: JSON values in, JSON values out. Source: plugin-sdk.md, 5; pod-protocol.md."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx
import msgspec

from datapod.errors import PodConnectionError, PodError
from datapod.request_log import hide_keys_of

DEFAULT_POD_ADDRESS = "http://localhost:3030"
POD_VERSION = "v4"

Json = dict[str, Any]

_ATTEMPTS = 4
_FIRST_PAUSE_SECONDS = 0.1
_TIMEOUT = httpx.Timeout(600.0, connect=5.0)
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""Failures after which a request may be repeated whatever it does: the pod has not seen it."""
_READS = frozenset(
    {"get_item", "get_edges", "search", "get_file", "graphql", "plugin/status", "plugin/runs", "get_pluginrun_log", "plugin/audit"}
)


def default_pod_address() -> str:
    """Environment `POD_ADDRESS`, else the local pod; looked up at the call."""
    return os.environ.get("POD_ADDRESS") or DEFAULT_POD_ADDRESS


class PodAPI:
    """A connection to one owner's pod; kept alive, safe to use from several threads.

    Every method raises `PodError` for any status but 200, and `PodConnectionError` when the pod cannot be reached.
    """

    def __init__(
        self,
        database_key: str | None,
        owner_key: str,
        url: str | None = None,
        version: str = POD_VERSION,
        auth_json: Mapping[str, Any] | None = None,
        verbose: bool = True,
    ) -> None:
        self.url = (url or default_pod_address()).rstrip("/")
        self.version = version
        self.owner_key = owner_key
        self.database_key = database_key
        self.verbose = verbose
        _check_allowed(self.url)
        self.auth_json: Json = {"type": "PluginAuth", **auth_json} if auth_json else {"type": "ClientAuth", "databaseKey": database_key}
        self.base_url = f"{self.url}/{version}/{owner_key}"
        self._encoded_auth = msgspec.Raw(msgspec.json.encode(self.auth_json))
        try:
            hide_keys_of(self.url)
        except httpx.InvalidURL as error:
            raise PodConnectionError(self.url, str(error)) from error
        self._http = httpx.Client(timeout=_TIMEOUT, limits=httpx.Limits(keepalive_expiry=60.0))

    def __repr__(self) -> str:
        return f"PodAPI({self.url})"

    @property
    def uses_plugin_credentials(self) -> bool:
        return bool(self.auth_json["type"] == "PluginAuth")

    def close(self) -> None:
        self._http.close()

    def __del__(self) -> None:
        """A client that nobody closed leaves no open socket behind."""
        if "_http" in self.__dict__:
            self._http.close()

    # Requests

    def post(self, endpoint: str, payload: Any) -> httpx.Response:
        """POST `{"auth", "payload"}` to an end point of the owner; the payload may hold ready `msgspec.Raw` parts."""
        content = msgspec.json.encode({"auth": self._encoded_auth, "payload": payload})
        return self._send("POST", f"{self.base_url}/{endpoint}", content, repeatable=endpoint in _READS)

    def _send(self, verb: str, address: str, content: bytes | None = None, *, repeatable: bool, json_body: bool = True) -> httpx.Response:
        headers = {"Content-Type": "application/json"} if content is not None and json_body else {}
        pause = _FIRST_PAUSE_SECONDS
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                response = self._http.request(verb, address, content=content, headers=headers)
                break
            except httpx.TransportError as error:
                if attempt == _ATTEMPTS or not (repeatable or isinstance(error, _NEVER_SENT)):
                    raise PodConnectionError(self.url, str(error) or type(error).__name__) from error
                time.sleep(pause)
                pause *= 2
            except httpx.InvalidURL as error:
                raise PodConnectionError(self.url, str(error)) from error
        if response.status_code != 200:
            raise PodError(response.status_code, response.text)
        return response

    def _json(self, endpoint: str, payload: Any) -> Any:
        content = self.post(endpoint, payload).content
        return msgspec.json.decode(content) if content else {}

    def test_connection(self) -> bool:
        """Whether anything answers at the address; the status does not matter."""
        try:
            self._send("GET", self.url, repeatable=True)
        except PodConnectionError:
            raise
        except PodError as error:
            return error.status is not None
        return True

    @property
    def pod_version(self) -> Json:
        """`GET /version`: `cargo` on every pod, `datapod` on this one."""
        version: Json = msgspec.json.decode(self._send("GET", f"{self.url}/version", repeatable=True).content)
        return version

    def create_account(self) -> Any:
        body = msgspec.json.encode({"ownerKey": self.owner_key, "databaseKey": self.database_key})
        return self._send("POST", f"{self.url}/v4/account", body, repeatable=True).text

    def create_schema(self, nodes: Json, edges: Json, meta: Json) -> Any:
        """The schema call of `/v5`."""
        content = msgspec.json.encode({"auth": self._encoded_auth, "payload": {"nodes": nodes, "edges": edges, "meta": meta}})
        return self._send("POST", f"{self.url}/v5/{self.owner_key}/schema", content, repeatable=True).text

    # Items and edges

    def get_item(self, id: str) -> list[Json]:  # noqa: A002 - the name old code passes
        """A list with the item, or an empty one."""
        items: list[Json] = self._json("get_item", id)
        return items

    def create_item(self, item: Mapping[str, Any]) -> str:
        return str(self._json("create_item", item))

    def update_item(self, item: Mapping[str, Any]) -> Any:
        return self._json("update_item", item)

    def delete_item(self, id: str) -> Any:  # noqa: A002
        return self._json("delete_item", id)

    def get_edges(self, id: str, direction: str = "Outgoing", expand_items: bool = True) -> list[Json]:  # noqa: A002
        """List of `{"name", "item"}`; `Incoming` gives the sources of edges that end here."""
        edges: list[Json] = self._json("get_edges", {"item": id, "direction": direction, "expandItems": expand_items})
        return edges

    def create_edge(self, edge: Mapping[str, Any]) -> str:
        return str(self._json("create_edge", edge))

    def delete_edge(self, edge: Mapping[str, Any]) -> Any:
        return self._json("delete_edge_by_source_target", edge)

    def search(self, query: Mapping[str, Any]) -> list[Json]:
        items: list[Json] = self._json("search", query)
        return items

    def bulk(
        self,
        create_items: Sequence[Any] | None = None,
        update_items: Sequence[Any] | None = None,
        create_edges: Sequence[Any] | None = None,
        delete_items: Sequence[Any] | None = None,
        search: Sequence[Any] | None = None,
    ) -> Json:
        """One transaction: all of it is written, or nothing. Answers with ids in the order of the request."""
        parts = {
            "createItems": create_items,
            "updateItems": update_items,
            "createEdges": create_edges,
            "deleteItems": delete_items,
            "search": search,
        }
        answer: Json = self._json("bulk", {name: part for name, part in parts.items() if part is not None})
        return answer

    def search_paginate(self, query: Mapping[str, Any], limit: int = 32, even_page_size: bool = True) -> Iterator[list[Json]]:
        """Pages of a search, by walking along the dates of change, which works on every server.

        Args:
            even_page_size: Cut pages to exactly `limit` items (the last may be shorter); otherwise as the server gives them.

        Raises:
            ValueError: The query holds a limit or date.
            NotImplementedError: The query holds a sort order.
        """
        if any(key in query for key in ("_limit", "dateServerModified", "dateServerModified>=", "dateServerModified<")):
            raise ValueError("Cannot paginate query that contains a date or limit.")
        if "_sortOrder" in query:
            raise NotImplementedError("Only 'Asc' order is supported.")
        seen: set[str] = set()
        waiting: list[Json] = []
        following: Json = {}
        while page := self.search({**query, "_limit": limit, **following}):
            fresh = [item for item in page if item["id"] not in seen]
            seen.update(item["id"] for item in fresh)
            following = {"dateServerModified>=": page[-1]["dateServerModified"] + 1}
            if not even_page_size:
                yield fresh
                continue
            waiting += fresh
            while len(waiting) >= limit:
                yield waiting[:limit]
                waiting = waiting[limit:]
        if waiting:
            yield waiting

    def graphql(self, query: str, variables: Mapping[str, Any] | None = None) -> Json:
        """Variables are put into the text here, as JSON where they stand between double quotes."""
        for name in sorted(variables or {}, key=len, reverse=True):
            value = (variables or {})[name]
            query = query.replace(f"${name}", json.dumps(value)[1:-1] if isinstance(value, str) else json.dumps(value))
        answer: Json = self._json("graphql", query)
        return answer

    # Files

    def upload_file(self, data: bytes) -> Any:
        digest = hashlib.sha256(data).hexdigest()
        if self.uses_plugin_credentials:
            place = f"upload_file_b/{quote(json.dumps(self.auth_json), safe='')}/{digest}"
        else:
            place = f"upload_file/{self.database_key}/{digest}"
        return self._send("POST", f"{self.base_url}/{place}", data, repeatable=True, json_body=False).text

    def get_file(self, sha256: str) -> bytes:
        return self.post("get_file", {"sha256": sha256}).content

    def delete_file(self, id: str) -> Any:  # noqa: A002
        return self._json("delete_file", {"id": id})

    # Plugins and mail

    def send_email(self, to: str, subject: str = "", body: str = "") -> Any:
        return self._json("send_email", {"to": to, "subject": subject, "body": body})

    def plugin_status(self, ids: Sequence[str]) -> Json:
        answer: Json = self._json("plugin/status", {"plugins": list(ids)})
        return answer

    def plugin_api(self, id: str) -> Json:  # noqa: A002
        answer: Json = self._json("plugin/api", {"id": id})
        return answer

    def plugin_api_call(
        self,
        id: str,  # noqa: A002
        method: str,
        endpoint: str,
        query: Json | None = None,
        jsonBody: Any = None,  # noqa: N803
    ) -> Any:
        payload = {"id": id, "method": method, "endpoint": endpoint, "query": query, "jsonBody": jsonBody}
        return self._json("plugin/api/call", payload)

    def plugin_log(self, id: str) -> str:  # noqa: A002
        return str(self._json("get_pluginrun_log", id)["logs"])

    def plugin_runs(self) -> list[Json]:
        runs: list[Json] = self._json("plugin/runs", {})["runs"]
        return runs

    def plugin_audit(self, id: str) -> Json:  # noqa: A002
        answer: Json = self._json("plugin/audit", {"id": id})
        return answer

    def send_trigger_status(self, item_ids: Sequence[str], trigger_id: str, status: str) -> Any:
        return self._json("trigger/status", {"item_ids": list(item_ids), "trigger_id": trigger_id, "status": status})


def allowed_addresses() -> list[str]:
    """Shell patterns of the addresses that the operator of a plugin allows: environment `POD_ALLOWED_ORIGINS`, else all."""
    return [pattern.strip() for pattern in os.environ.get("POD_ALLOWED_ORIGINS", "*").split(",")]


def _check_allowed(address: str) -> None:
    if not any(fnmatch.fnmatch(address, pattern) for pattern in allowed_addresses()):
        raise PodError(403, f"Pod address {address} is not among POD_ALLOWED_ORIGINS")
