"""What all concerns of the client share: construction, the connection, and what happens to errors. Source: plugin-sdk.md, 4.1 and 4.2."""

from __future__ import annotations

import abc
import logging
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self, TypeVar

import httpx
import msgspec

from datapod.api import POD_VERSION, PodAPI, default_pod_address
from datapod.assembly import Assembly
from datapod.errors import PodConnectionError, PodError, ValidationError
from datapod.item import Item
from datapod.keyfile import generate_random_key, read_pod_key
from datapod.store import DB, Priority
from datapod.values import TYPE_TO_SCHEMA

logger = logging.getLogger("datapod.client")

Json = dict[str, Any]
Query = Mapping[str, Any]
Result = TypeVar("Result")

_CAUGHT = (PodError, httpx.HTTPError, ValidationError)


class ClientCore(abc.ABC):
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
        self._registering = threading.RLock()
        self._assembly = Assembly(self.local_db, self.registered_classes)
        self._version: Json | None = None
        self.api: PodAPI = api or PodAPI(self.database_key, self.owner_key, self.url, version, auth_json, verbose)
        self.api.test_connection()
        must_register = register_base_schema and not self._is_datapod
        if create_account and auth_json is None:
            self.create_account()
        if must_register:
            self.register_base_schemas()

    @classmethod
    def from_local_keys(cls, path: Path | str | None = None, **keywords: Any) -> Self:
        """A client with the keys of a key file; prints from where they were read."""
        database_key = read_pod_key("database_key", path)
        return cls(database_key=database_key, owner_key=read_pod_key("owner_key", path), **keywords)

    @staticmethod
    def generate_random_key() -> str:
        return generate_random_key()

    def close(self) -> None:
        """Close the connections; the client cannot be used afterwards."""
        self.api.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.api!r})"

    @property
    def _is_datapod(self) -> bool:
        """Whether the pod knows edge types and built-in types by itself; asked once."""
        if self._version is None:
            try:
                self._version = self.api.pod_version
            except PodConnectionError:
                raise
            except (PodError, msgspec.DecodeError):
                self._version = {}  # a pod that has no /version at all
        return "datapod" in self._version

    def create_account(self) -> None:
        """Make the account known to the pod. Any answer will do: pods that cannot do this, or know it already, say so by an error."""
        try:
            self.api.create_account()
        except PodError as error:
            logger.info("create_account: %s", error)

    @abc.abstractmethod
    def register_base_schemas(self) -> bool:
        """Tell a pod that knows no types about those that every plugin needs."""

    def test_connection(self) -> bool:
        return self.api.test_connection()

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

    def add_to_store(self, item: Item, priority: Priority | str | None = None) -> Item:
        """Keep an item in the local store; gives it an id."""
        return self.local_db.merge(item, priority or self.default_priority) if item.id in self.local_db.nodes else self.local_db.add(item)

    def reset_local_db(self) -> None:
        """Empty the local store, in place: long imports do this now and then."""
        self.local_db.nodes.clear()

    def _give_reference(self, item: Item) -> None:
        if item.requires_client_ref:
            item._client = self
