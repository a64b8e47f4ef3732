"""The pod protocol, one method per end point: JSON values in, JSON values out. Source: plugin-sdk.md, 5; pod-protocol.md."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

import httpx
import msgspec

from datapod.backoff import Backoff
from datapod.errors import PodConnectionError, PodError
from datapod.graph_query import GQLQuery, fill_in
from datapod.outcome import Write
from datapod.services import ServiceCalls
from datapod.transport import Repeat, Transport, is_unclear

DEFAULT_POD_ADDRESS = "http://localhost:3030"
POD_VERSION = "v4"

Json = dict[str, Any]

_JSON_BODY = {"Content-Type": "application/json"}
_PIECE_BYTES = 1 << 20
_SAME_TWICE = frozenset(
    {"get_item", "get_edges", "search", "get_file", "graphql", "update_item", "delete_item", "delete_file"}
    | {"plugin/status", "plugin/runs", "plugin/audit", "plugin/grant", "plugin/api", "get_pluginrun_log"}
    | {"oauth2/auth_url", "oauth2/access_token"}
)
"""End points that read, or that leave the same behind when they are called a second time."""
_WRITES = frozenset({"create_item", "create_edge", "bulk", "delete_edge_by_source_target"})


def default_pod_address() -> str:
    """Environment `POD_ADDRESS`, else the local pod; looked up at the call."""
    return os.environ.get("POD_ADDRESS") or DEFAULT_POD_ADDRESS


class PodAPI(ServiceCalls):
    """Connections to one owner's pod; kept alive, safe to use from several threads.

    Every method raises `PodError` for any status but 200, and `PodConnectionError` when the pod cannot be reached. Requests are repeated
    where that cannot do harm; a write whose answer was lost is looked up in the pod before anything is sent again.
    """

    def __init__(
        self,
        database_key: str | None,
        owner_key: str,
        url: str | None = None,
        version: str = POD_VERSION,
        auth_json: Mapping[str, Any] | None = None,
        verbose: bool = True,
        *,
        backoff: Backoff | None = None,
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
        self._transport = Transport(self.url, backoff)

    def __repr__(self) -> str:
        return f"PodAPI({self.url})"

    @property
    def uses_plugin_credentials(self) -> bool:
        return bool(self.auth_json["type"] == "PluginAuth")

    def close(self) -> None:
        self._transport.close()

    # Requests

    def post(self, endpoint: str, payload: Any) -> httpx.Response:
        """POST `{"auth", "payload"}` to an end point of the owner; the payload may hold ready `msgspec.Raw` parts."""
        same_twice = endpoint in _SAME_TWICE or (endpoint == "bulk" and Write(payload).gives_the_same_twice)
        repeat = Repeat.ALWAYS if same_twice else Repeat.IF_REFUSED if endpoint in _WRITES else Repeat.IF_UNSENT
        return self._transport.send("POST", f"{self.base_url}/{endpoint}", self._envelope(payload), repeat=repeat, headers=_JSON_BODY)

    def _envelope(self, payload: Any) -> bytes:
        return msgspec.json.encode({"auth": self._encoded_auth, "payload": payload})

    def _json(self, endpoint: str, payload: Any) -> Any:
        content = self.post(endpoint, payload).content
        return msgspec.json.decode(content) if content else {}

    def _write(self, endpoint: str, payload: Any, write: Write, of_bulk: Callable[[Json], Any]) -> Any:
        """Send a write; after a failure that leaves open whether it was carried out, see what became of it, and send it again if nothing.

        Args:
            of_bulk: From the answer of the `bulk` that does the same to the answer of this end point.
        """
        attempt, unclear = 1, False
        while True:
            try:
                return self._json(endpoint, payload)
            except PodError as error:
                # The id may be taken because the attempt before came through after all.
                taken = unclear and "UNIQUE constraint" in (error.message or "")
                unclear = unclear or is_unclear(error)
                if not (taken or is_unclear(error)) or not write.can_be_looked_up:
                    raise
                more = self._transport.backoff.wait(attempt)
                answer = write.answer(self._searches)
                if answer is not None:
                    return of_bulk(answer)
                if taken or not more:
                    raise
                attempt += 1

    def _searches(self, queries: Sequence[Json]) -> list[list[Json]]:
        results: list[list[Json]] = self._json("bulk", {"search": queries})["search"]
        return results

    def test_connection(self) -> bool:
        """Whether anything answers at the address; the status does not matter."""
        try:
            self._transport.send("GET", self.url, repeat=Repeat.IF_UNSENT)
        except PodConnectionError:
            raise
        except PodError as error:
            return error.status is not None
        return True

    @property
    def pod_version(self) -> Json:
        """`GET /version`: `cargo` on every pod, `datapod` on this one."""
        version: Json = msgspec.json.decode(self._transport.send("GET", f"{self.url}/version", repeat=Repeat.ALWAYS).content)
        return version

    def create_account(self) -> Any:
        body = msgspec.json.encode({"ownerKey": self.owner_key, "databaseKey": self.database_key})
        return self._transport.send("POST", f"{self.url}/v4/account", body, repeat=Repeat.ALWAYS, headers=_JSON_BODY).text

    def create_schema(self, nodes: Json, edges: Json, meta: Json) -> Any:
        """The schema call of `/v5`."""
        content = self._envelope({"nodes": nodes, "edges": edges, "meta": meta})
        address = f"{self.url}/v5/{self.owner_key}/schema"
        return self._transport.send("POST", address, content, repeat=Repeat.ALWAYS, headers=_JSON_BODY).text

    # Items and edges

    def get_item(self, id: str) -> list[Json]:  # noqa: A002 - the name old code passes
        """A list with the item, or an empty one."""
        items: list[Json] = self._json("get_item", id)
        return items

    def create_item(self, item: Mapping[str, Any]) -> str:
        """The new item's id. With an id of this side's choice the write is safe against a lost answer."""
        return str(self._write("create_item", item, Write({"createItems": [item]}), lambda answer: answer["createItems"][0]))

    def update_item(self, item: Mapping[str, Any]) -> Any:
        return self._json("update_item", item)

    def delete_item(self, id: str) -> Any:  # noqa: A002
        return self._json("delete_item", id)

    def get_edges(self, id: str, direction: str = "Outgoing", expand_items: bool = True) -> list[Json]:  # noqa: A002
        """List of `{"name", "item"}`; `Incoming` gives the sources of edges that end here."""
        edges: list[Json] = self._json("get_edges", {"item": id, "direction": direction, "expandItems": expand_items})
        return edges

    def create_edge(self, edge: Mapping[str, Any]) -> str:
        return str(self._write("create_edge", edge, Write({"createEdges": [edge]}), lambda answer: answer["createEdges"][0]))

    def delete_edge(self, edge: Mapping[str, Any]) -> Any:
        """Remove all edges of that source, target and name; 404 when there are none."""
        try:
            return self._json("delete_edge_by_source_target", edge)
        except PodError as error:
            if not is_unclear(error):
                raise
            self._transport.backoff.wait(1)
            try:
                return self._json("delete_edge_by_source_target", edge)
            except PodError as second:
                if second.status == 404:
                    return {}  # the attempt whose answer was lost did it
                raise

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
        given = {name: part for name, part in parts.items() if part is not None}
        answer: Json = self._write("bulk", given, Write(given), lambda bulk_answer: bulk_answer)
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

    def graphql(self, query: str | GQLQuery, variables: Mapping[str, Any] | None = None) -> Json:
        """`{"data": [...]}`. Variables are put into the text here (`GQLQuery`)."""
        answer: Json = self._json("graphql", fill_in(query, variables))
        return answer

    # Files

    def upload_file(self, data: bytes | BinaryIO) -> Any:
        """Store a file's content; 409 when the pod has it. A stream is read twice, from where it stands, and never held in memory."""
        if isinstance(data, (bytes, bytearray)):
            return self._upload(hashlib.sha256(data).hexdigest(), len(data), lambda: iter((bytes(data),)))
        start, digest, size = data.tell(), hashlib.sha256(), 0
        for piece in _pieces(data, start):
            digest.update(piece)
            size += len(piece)
        return self._upload(digest.hexdigest(), size, lambda: _pieces(data, start))

    def _upload(self, sha256: str, size: int, content: Callable[[], Iterator[bytes]]) -> Any:
        if self.uses_plugin_credentials:
            place = f"upload_file_b/{quote(json.dumps(self.auth_json), safe='')}/{sha256}"
        else:
            place = f"upload_file/{self.database_key}/{sha256}"
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        return self._transport.send("POST", f"{self.base_url}/{place}", content, repeat=Repeat.ALWAYS, headers=headers).text

    def get_file(self, sha256: str) -> bytes:
        return self.post("get_file", {"sha256": sha256}).content

    def save_file(self, sha256: str, path: Path) -> None:
        """Write a file's content to a local path, a piece at a time; the local file appears when it is whole."""
        self._transport.download(f"{self.base_url}/get_file", self._envelope({"sha256": sha256}), path, _JSON_BODY)

    def delete_file(self, id: str) -> Any:  # noqa: A002
        return self._json("delete_file", {"id": id})


def _pieces(stream: BinaryIO, start: int) -> Iterator[bytes]:
    stream.seek(start)
    while piece := stream.read(_PIECE_BYTES):
        yield piece


def allowed_addresses() -> list[str]:
    """Shell patterns of the addresses that the operator of a plugin allows: environment `POD_ALLOWED_ORIGINS`, else all."""
    return [pattern.strip() for pattern in os.environ.get("POD_ALLOWED_ORIGINS", "*").split(",")]


def _check_allowed(address: str) -> None:
    if not any(fnmatch.fnmatch(address, pattern) for pattern in allowed_addresses()):
        raise PodError(403, f"Pod address {address} is not among POD_ALLOWED_ORIGINS")
