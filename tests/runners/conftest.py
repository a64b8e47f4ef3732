"""A pod's runners with what they work with: items in a dictionary, records in SQLite in memory."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import apsw
import pytest

from datapod_server.principal import OWNER, Principal, plugin_run
from datapod_server.runners import Runners, RunnerSettings
from datapod_server.runners.backend import Backend
from datapod_server.runners.supervision import Patience
from datapod_server.storage.keys import DatabaseKey
from datapod_server.storage.tokens import TokenBox

OWNER_KEY = "f" * 64


def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true in time"
        time.sleep(0.01)


class MemoryDatabase:
    """SQLite in memory behind one lock, in the shape that run records need."""

    def __init__(self) -> None:
        self._connection = apsw.Connection(":memory:")
        self._lock = threading.RLock()

    @contextmanager
    def write(self) -> Iterator[apsw.Connection]:
        with self._lock, self._connection:
            yield self._connection

    read = write

    def close(self) -> None:
        self._connection.close()


class DictItems:
    """`PodItems` over a dictionary."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}

    def find_run(self, run_id: str) -> Mapping[str, Any] | None:
        return self.items.get(run_id)

    def update_run(self, run_id: str, properties: Mapping[str, Any]) -> None:
        self.items[run_id].update(properties)

    def find_item(self, item_id: str, principal: Principal) -> Mapping[str, Any] | None:
        return self.items.get(item_id)

    def principal(self, run_id: str, *, restricted: bool) -> Principal:
        return plugin_run(run_id)

    def runs(self) -> list[dict[str, Any]]:
        return [item for item in list(self.items.values()) if item.get("type") == "PluginRun"]

    def triggers(self) -> list[dict[str, Any]]:
        return []

    def scheduled_runs(self) -> list[dict[str, Any]]:
        return [item for item in self.runs() if item.get("pluginSchedule") is not None]

    def links(self, run_id: str, names: object) -> list[tuple[str, str]]:
        return []


class House:
    """A pod's runners and what they work with."""

    def __init__(self, settings: RunnerSettings, backend: Backend | None, patience: Patience) -> None:
        self.items = DictItems()
        self.tokens = TokenBox()
        self.key = DatabaseKey.parse(secrets.token_hex(32))
        self.database = MemoryDatabase()
        self.items.create_run = lambda properties, links: self.create(
            properties["id"], **{k: v for k, v in properties.items() if k != "id"}
        )
        choice: dict[str, Any] = {} if backend is None else {"choose": lambda image, settings: backend}
        self.runners = Runners(
            owner_key=OWNER_KEY,
            database_key=self.key,
            tokens=self.tokens,
            items=self.items,
            database=self.database,
            settings=settings,
            patience=patience,
            **choice,
        )

    def create(self, run_id: str = "run", *, principal: Principal = OWNER, **properties: Any) -> str | None:
        """What the pod does with a new `PluginRun` item; returns the text of its token, None if it starts nothing."""
        item = {"id": run_id, "containerImage": "boats", "targetItemId": run_id, **properties, "type": "PluginRun"}
        item = {name: value for name, value in item.items() if value is not None}
        seen = self.items.items | {run_id: item}
        prepared = self.runners.before_run(run_id, item, seen.get, None, principal)
        self.items.items[run_id] = item | ({} if prepared is None else dict(prepared.properties))
        if prepared is None:
            return None
        prepared.start(self.items.items[item["targetItemId"]])
        return prepared.token.text()

    def status(self, run_id: str = "run") -> tuple[object, object]:
        item = self.items.items[run_id]
        return item.get("status"), item.get("error")

    def await_end(self) -> None:
        until(lambda: not self.runners.busy())


# Steps that take minutes for people take moments here.
QUICK = Patience(look=0.01, after_abort=0.05, after_report=0.1, after_terminate=0.05)


@pytest.fixture
def house() -> Iterator[Callable[..., House]]:
    """Make a house: `house(backend, **settings)`; without a backend the real choice decides."""
    made: list[House] = []

    def make(backend: Backend | None = None, *, patience: Patience = QUICK, **settings: Any) -> House:
        made.append(House(RunnerSettings(**settings), backend, patience))
        return made[-1]

    yield make
    for each in made:
        each.runners.close()
        each.database.close()
