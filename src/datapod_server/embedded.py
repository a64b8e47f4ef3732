"""The in-process door: the same pod in a Python process, without a server and without a port.

    with open("my-pod") as pod:
        pod.query("SELECT count(*) FROM items('Person')")

Source: rest-api.md, 1.7 (what is different in process); python-runtime.md, 6.4 (the form of `perform`).
"""

from __future__ import annotations

import builtins
import secrets
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from datapod.keyfile import key_file_path, read_keys
from datapod_server.api import v1
from datapod_server.errors import DatapodError, Failed
from datapod_server.items import ItemStore
from datapod_server.items.bulk import NewEdge
from datapod_server.items.definitions import Definitions, Node
from datapod_server.messages import Pairs, Request, Response
from datapod_server.pod import Pod, PodParts
from datapod_server.principal import OWNER
from datapod_server.storage.folder import DataFolder
from datapod_server.storage.keys import DatabaseKey, check_owner_key
from datapod_server.storage.tokens import TokenBox
from datapod_server.workers.parameters import WorkerSettings

Params = Mapping[str, Any] | Iterable[Sequence[Any]]


class EmbeddedPod:
    """A pod in this process. Safe to use from several threads; `close` it, or use it in a `with` statement."""

    def __init__(self, pod: Pod, folder: DataFolder | None) -> None:
        self.pod = pod
        self._folder = folder

    def perform(
        self,
        verb: str,
        path: str,
        params: Params | None = None,
        payload: Any = None,
        headers: Params | None = None,
    ) -> dict[str, Any]:
        """Ask what an HTTP client could ask on `/v1`, as the owner.

        Args:
            path: Percent-escapes and plain text may be mixed; a query string in it is split off.
            params: Query pairs or a dict; values that are not text are sent as compact JSON.
            payload: Any JSON value, as an object and not as JSON text.
            headers: Pairs or a dict.

        Returns:
            `statusCode`, and, unless empty, `contentType`, `headers` (pairs) and `response` (text). Errors are answers too.
        """
        return answer_object(self.ask(verb, path, params, payload, headers))

    def ask(
        self,
        verb: str,
        path: str,
        params: Params | None = None,
        payload: Any = None,
        headers: Params | None = None,
    ) -> Response:
        """`perform` for programs that want bytes: the answer as the house gives it."""
        return v1.answer_whole(self.pod, in_process_request(verb, path, params, payload, headers))

    @property
    def items(self) -> EmbeddedItems:
        """Items, edges and their schema."""
        return EmbeddedItems(self.pod.items)

    def query(self, sql: str) -> list[list[Any]]:
        """Rows of a query: first the header, starting with `_rowName`, then one list per row; null is None.

        Raises:
            RuntimeError: The query failed; the text is the server's.
        """
        answer = self.ask("GET", "/v1/query", payload={"q": sql, "format": "table"})
        content = answer.content()
        if answer.status != 200:
            raise RuntimeError(_error_text(content))
        rows: list[list[Any]] = msgspec.json.decode(content)
        return rows

    def close(self) -> None:
        """Stop the pod's workers and runs, write everything, wipe the keys. May be called twice."""
        self.pod.close()
        if self._folder is not None:
            self._folder.release()
            self._folder = None

    def __enter__(self) -> EmbeddedPod:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class EmbeddedItems:
    """The items of an embedded pod, asked for as its owner. Errors are those of the house: `Invalid`, `NotFound`, each with its text."""

    def __init__(self, store: ItemStore) -> None:
        self._store = store

    def define(self, item_type: str, **properties: str) -> None:
        """Give properties of a type their value types: Text, Integer, Real, Bool or DateTime. Raises `Invalid` for a contradiction."""
        self._store.define(Definitions(nodes={item_type: Node(properties)}), OWNER)

    def create(self, item: Mapping[str, Any]) -> str:
        """Store an item, an object with `type` and properties; its id."""
        return self._store.create(item, OWNER)

    def find(self, item_id: str) -> dict[str, Any] | None:
        """The item, or None."""
        return self._store.find_item(item_id, OWNER)

    def search(self, query: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The items whose properties equal those of the query; `_limit`, `_sortOrder` and the like as in the search of `/v4`."""
        return self._store.search(query, OWNER)

    def update(self, item: Mapping[str, Any]) -> None:
        """Set the properties of the item with that `id`; None erases."""
        self._store.update(item, OWNER)

    def delete(self, item_id: str) -> None:
        """Mark the item as deleted."""
        self._store.delete(item_id, OWNER)

    def link(self, source: str, name: str, target: str) -> str:
        """Make an edge between two items; its id."""
        return self._store.create_edge(NewEdge(source, target, name), OWNER)


def open(path: str | Path | None = None, *, key: str | None = None, owner: str | None = None, echo_output: bool = False) -> EmbeddedPod:  # noqa: A001 - read as `embedded.open`
    """Open a pod without a server, and make it if it does not exist.

    Args:
        path: A data folder, laid out like that of `datapod serve` and used by one process at a time. None or `:memory:`: nothing is stored.
        key: Database key; for a stored pod that of the key file if left out.
        owner: Owner key; likewise.
        echo_output: What code in the pod prints appears on standard error while it runs.

    Raises:
        Failed: The folder is in use or cannot be written, or there is no key.
        Unauthorized: The key does not open the pod.
    """
    parts = PodParts(v1.answer_whole, TokenBox(), workers=WorkerSettings(echo_output=echo_output, hidden=_hidden(path)))
    if path is None or str(path) == ":memory:":
        owner_key = check_owner_key(owner or secrets.token_hex(32))
        return EmbeddedPod(Pod.open(None, DatabaseKey.parse(key or DatabaseKey.generate_text()), owner_key, parts), None)
    if key is None or owner is None:
        keys = read_keys(key_file_path())
        if keys is None:
            raise Failed(f"A stored pod needs key and owner; there is no key file {key_file_path()}. Create one: datapod keys store")
        key, owner = key or keys.database_key, owner or keys.owner_key
    folder = DataFolder.claim(Path(path).expanduser().absolute())
    try:
        return EmbeddedPod(Pod.open(folder.pods / check_owner_key(owner), DatabaseKey.parse(key), owner, parts), folder)
    except DatapodError:
        folder.release()
        raise


def _hidden(path: str | Path | None) -> tuple[str, ...]:
    """What code in the pod may not read: the data of all pods, and the key file."""
    keys = str(key_file_path())
    return (keys,) if path is None or str(path) == ":memory:" else (keys, str(Path(path).expanduser().absolute()))


def in_process_request(verb: str, path: str, params: Params | None, payload: Any, headers: Params | None) -> Request:
    """The request of a call in process. No payload is the JSON text `null`, not an empty body."""
    path, _, query = path.partition("?")
    return Request(
        verb=verb,
        path=path if path.isascii() else "".join(char if char.isascii() else _percent(char) for char in path),
        query=(*parse_qsl(query, keep_blank_values=True), *_pairs(params)),
        headers=tuple((name.lower(), value) for name, value in _pairs(headers)),
        body=msgspec.json.encode(payload, order="sorted") + b"\n",
        principal=OWNER,
    )


def answer_object(response: Response) -> dict[str, Any]:
    """The dict form of an answer; empty members are left out. Source: python-runtime.md, 6.4."""
    content = response.content()
    answer: dict[str, Any] = {"statusCode": response.status}
    kind = response.header("content-type")
    if kind is not None:
        answer["contentType"] = kind
    headers = [[name, value] for name, value in response.headers if name.lower() != "content-type"]
    if headers:
        answer["headers"] = headers
    if content:
        answer["response"] = content.decode(errors="replace")
    return answer


def _pairs(params: Params | None) -> Pairs:
    entries: Iterable[Sequence[Any]] = tuple(params.items()) if isinstance(params, Mapping) else params or ()
    return tuple((str(pair[0]), pair[1] if isinstance(pair[1], str) else msgspec.json.encode(pair[1]).decode()) for pair in entries)


def _percent(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode())


def _error_text(content: bytes) -> str:
    try:
        error = msgspec.json.decode(content)
    except msgspec.DecodeError:
        return content.decode(errors="replace")
    return str(error.get("error", error)) if isinstance(error, builtins.dict) else str(error)
