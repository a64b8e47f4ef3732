"""One owner's world: the rooms of one pod, opened together and closed together. Attributes only; no logic of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from datapod_server.entities.collection import Collection
from datapod_server.entities.records import Records
from datapod_server.entities.types import TypeRegistry
from datapod_server.items import AccountMode, FileStore, ItemStore
from datapod_server.items.plugin_runs import PluginRunItems
from datapod_server.messages import Request, Response
from datapod_server.outside import Platform, Platforms, Postbox, PostboxSettings
from datapod_server.runners import Runners, RunnerSettings
from datapod_server.storage.access_tokens import AccessTokens, TokenShelf
from datapod_server.storage.blobs import Blobs
from datapod_server.storage.keys import DatabaseKey, Purpose
from datapod_server.storage.sqlite import Database
from datapod_server.storage.tokens import TokenBox
from datapod_server.workers.parameters import WorkerSettings
from datapod_server.workers.zygote import Zygote

if TYPE_CHECKING:
    from datapod_server.sql.queries import Queries
    from datapod_server.storage.engine import Engine
    from datapod_server.workers.workers import Workers
    from datapod_server.workshop import Workshop


class PodParts(Struct, frozen=True):
    """What the pods of one process share, handed in by the door that opens them.

    Attributes:
        answer: The desk of `/v1`, for requests that a pod's own workers make.
        tokens: Seals the tokens of plugin runs.
        shelf: Keeps the boxes of access tokens.
        account_mode: The kind of every account, or `auto` for what each was made as.
        postbox, platforms: Where plugins may send mail and log in.
        zygote: Forks workers; None: each pod that runs code starts one of its own.
    """

    answer: Callable[[Pod, Request], Response]
    tokens: TokenBox
    shelf: TokenShelf = TokenShelf(None)
    zygote: Zygote | None = None
    runners: RunnerSettings = RunnerSettings()
    workers: WorkerSettings = WorkerSettings()
    account_mode: AccountMode = "auto"
    postbox: PostboxSettings = PostboxSettings()
    platforms: Mapping[str, Platform] = {}


class Pod:
    """The rooms of one pod; see `open`."""

    def __init__(self, directory: Path | None, key: DatabaseKey, owner_key: str, parts: PodParts) -> None:
        self.directory = directory
        self.owner_key = owner_key
        self._parts = parts
        self._key = DatabaseKey(key.reveal())
        self._lock = threading.RLock()
        self._workshop: Workshop | None = None
        self.database = Database.open(None if directory is None else directory / "items.sqlite", key.derive(Purpose.ITEMS))
        self._secrets_key = key.derive(Purpose.SECRETS)
        self.items = ItemStore(self.database, self._secrets_key, parts.account_mode)
        blobs = Blobs.open(None if directory is None else directory / "files", key.derive(Purpose.BLOBS))
        self.files = FileStore(self.database, blobs, self.items.now)
        self.runners = Runners(
            owner_key=owner_key,
            database_key=self._key,
            tokens=parts.tokens,
            items=PluginRunItems(self.items),
            database=self.database,
            settings=parts.runners,
        )
        self.postbox = Postbox(parts.postbox)
        self.platforms = Platforms(parts.platforms, self.items, self.database)
        self.tokens = AccessTokens(self.database, parts.shelf, owner_key, self._key)
        self.items.before_run = self.runners.before_run
        self.items.before_change = self.runners.before_change
        self.items.committing = self.runners.committing
        self._records = Records(self.database)

    @staticmethod
    def open(directory: Path | None, key: DatabaseKey, owner_key: str, parts: PodParts) -> Pod:
        """Open a pod, or make a new one.

        Args:
            directory: The pod's own folder, made if it is missing; None keeps everything in memory.

        Raises:
            Unauthorized: The key does not open the items file; nothing was created or changed.
        """
        if directory is not None:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        pod = Pod(directory, key, owner_key, parts)
        pod.runners.recover()
        if not pod._records.empty():
            pod.workshop  # noqa: B018 - entities come back
        return pod

    @property
    def workshop(self) -> Workshop:
        """Tables and code; opened when first asked for."""
        with self._lock:
            if self._workshop is None:
                from datapod_server.workshop import Workshop

                self._workshop = Workshop(
                    self.directory,
                    self._key.derive(Purpose.TABLES),
                    self._records,
                    self.items,
                    perform=self.perform,
                    zygote=self._parts.zygote,
                    settings=self._parts.workers,
                )
            return self._workshop

    @property
    def engine(self) -> Engine:
        return self.workshop.engine

    @property
    def types(self) -> dict[str, TypeRegistry[Any]]:
        return self.workshop.types

    @property
    def datasets(self) -> Collection:
        return self.workshop.datasets

    @property
    def procedures(self) -> Collection:
        return self.workshop.procedures

    @property
    def functions(self) -> Collection:
        return self.workshop.functions

    @property
    def plugins(self) -> Collection:
        return self.workshop.plugins

    @property
    def queries(self) -> Queries:
        return self.workshop.queries

    @property
    def workers(self) -> Workers:
        return self.workshop.workers

    def perform(self, request: Request) -> Response:
        """Answer a request of this pod's own code."""
        return self._parts.answer(self, request)

    def busy(self) -> bool:
        """Whether a worker or a run is alive: such a pod is not locked for idleness."""
        return self.runners.busy() or (self._workshop is not None and self._workshop.workers.busy())

    def close(self) -> None:
        """Stop runs and workers, write everything, wipe the keys. May be called twice."""
        self.runners.close()
        with self._lock:
            workshop, self._workshop = self._workshop, None
        if workshop is not None:
            workshop.close()
        self.items.close()
        self.files.close()
        self.database.close()
        self._secrets_key.wipe()
        self._key.wipe()
