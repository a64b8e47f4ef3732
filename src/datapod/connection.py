"""The `/v1` side of a pod: over HTTP (`connect`) or in this process (`open`), with the same few methods.

Source: rest-api.md, 15; python-runtime.md, 13 (the wrapper these methods are named after).
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import msgspec

from datapod.errors import PodConnectionError, PodError
from datapod.keyfile import Keys, key_file_path, read_keys

Params = Mapping[str, Any] | Iterable[Sequence[Any]]


class Connection:
    """A pod at an address, as its owner or the holder of a token.

    Safe to use from several threads; `close` it, or use it in a `with` statement.
    """

    def __init__(self, url: str, keys: Keys | None = None, token: str | None = None) -> None:
        self.url = url.rstrip("/")
        credentials = (keys.owner_key, keys.database_key) if keys else None
        bearer = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._http = httpx.Client(base_url=self.url, auth=credentials, headers=bearer, timeout=httpx.Timeout(None, connect=5.0))

    def perform(
        self, verb: str, path: str, params: Params | None = None, payload: Any = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Ask anything of `/v1`; errors are answers too.

        Args:
            params: Query pairs; values that are not text are sent as compact JSON.
            payload: Any JSON value, sent as the body.

        Raises:
            PodConnectionError: Nothing answers at the address.
        """
        content = None if payload is None else msgspec.json.encode(payload)
        kind = {} if content is None else {"Content-Type": "application/json"}
        try:
            return self._http.request(verb, path, params=_pairs(params), content=content, headers={**kind, **(headers or {})})
        except httpx.TransportError as error:
            raise PodConnectionError(self.url, str(error) or type(error).__name__) from error

    def get(self, path: str, **params: Any) -> Any:
        """The decoded answer of a GET. Raises PodError for any status from 400 on; so do the other verbs."""
        return _decoded(self.perform("GET", path, params))

    def put(self, path: str, payload: Any = None) -> Any:
        return _decoded(self.perform("PUT", path, payload={} if payload is None else payload))

    def post(self, path: str, payload: Any = None) -> Any:
        return _decoded(self.perform("POST", path, payload={} if payload is None else payload))

    def delete(self, path: str) -> Any:
        return _decoded(self.perform("DELETE", path))

    def query(self, sql: str) -> list[list[Any]]:
        """Rows of a query: first the header, starting with `_rowName`, then one list per row; null is None."""
        rows: list[list[Any]] = self.get("/v1/query", q=sql, format="table")
        return rows

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Connection({self.url})"


def connect(
    url: str = "http://localhost:3030", *, database_key: str | None = None, owner_key: str | None = None, token: str | None = None
) -> Connection:
    """Connect to a running pod; keys that are left out are those of the key file.

    Args:
        token: An access token (`datapod token new`) instead of keys.

    Raises:
        ValueError: The key file cannot be read.
    """
    if token is not None:
        return Connection(url, token=token)
    if database_key and owner_key:
        return Connection(url, Keys(database_key, owner_key))
    stored = read_keys(key_file_path())
    if stored is None:
        return Connection(url)  # a server started with --trust-loopback needs none
    return Connection(url, Keys(database_key or stored.database_key, owner_key or stored.owner_key))


def open(path: str | Path | None = None, *, key: str | None = None, owner: str | None = None) -> Any:  # noqa: A001 - read as `datapod.open`
    """Open a pod in this process, without a server; needs `datapod[server]`.

    Args:
        path: A data folder, made if it does not exist. None or `:memory:`: nothing is stored.
        key: Database key; that of the key file if left out.
        owner: Owner key; likewise.
    """
    try:
        embedded = importlib.import_module("datapod_server.embedded")
    except ModuleNotFoundError as error:
        raise ImportError("Opening a pod without a server needs its parts: pip install 'datapod[server]'") from error
    return embedded.open(path, key=key, owner=owner)


def _pairs(params: Params | None) -> list[tuple[str, str | int | float | bool | None]]:
    entries = params.items() if isinstance(params, Mapping) else params or ()
    return [(str(pair[0]), pair[1] if isinstance(pair[1], str) else msgspec.json.encode(pair[1]).decode()) for pair in entries]


def _decoded(response: httpx.Response) -> Any:
    if response.status_code >= 400:
        raise PodError(response.status_code, response.text)
    return msgspec.json.decode(response.content) if response.content else None
