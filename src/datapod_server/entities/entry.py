"""One entity in its collection: states, status, and why it cannot be used. Source: rest-api.md, 3.3, 3.6, 3.7."""

from __future__ import annotations

import threading
from enum import StrEnum
from typing import Any

from datapod_server.entities.config import Config
from datapod_server.errors import DatapodError, NotFound
from datapod_server.messages import Cancellation


class State(StrEnum):
    INITIALIZING = "initializing"
    EXECUTING = "executing"
    OK = "ok"
    FINISHED = "finished"
    ERROR = "error"
    CANCELLED = "cancelled"


UNDER_WAY = (State.INITIALIZING, State.EXECUTING)


def error_object(error: DatapodError) -> dict[str, Any]:
    """An error as it stands in `progress.exception` and `details.runError`."""
    shown: dict[str, Any] = {"error": str(error), "httpCode": error.status}
    return {**shown, "details": error.details} if error.details else shown


class NotReady(NotFound):
    """A sub-route of an entity that is not there, or not yet, or not any more. `members` go beside `error` in the answer."""

    def __init__(self, kind: str, resource: str, text: str, state: State | None = None, progress: Any = None) -> None:
        super().__init__(f"{kind} entry '{resource}' {text}")
        self.members: dict[str, Any] = {"kind": kind, "resource": resource}
        if state is not None:
            self.members["state"] = str(state)
        if progress is not None:
            self.members["progress"] = progress


class Entry:
    """An entity that is being built, is ready, or failed. `live` is what answers; `older` what it replaces, until it is ready."""

    def __init__(self, config: Config, older: Any = None) -> None:
        self.config = config
        self.state = State.INITIALIZING
        self.progress: Any = None
        self.failure: DatapodError | None = None
        self.live: Any = None
        self.older = older
        self.cancellation = Cancellation()
        self.done = threading.Event()

    @property
    def usable(self) -> Any:
        """What answers sub-routes and queries: the live object, or the one that it is to replace; None if there is neither."""
        return self.live if self.live is not None else self.older

    def report(self, progress: dict[str, Any]) -> None:
        """Take a progress object; the first makes the state `executing`."""
        self.progress = progress
        if self.state == State.INITIALIZING:
            self.state = State.EXECUTING

    def failed(self, error: DatapodError) -> None:
        self.state, self.failure = State.ERROR, error
        self.progress = {"exception": error_object(error)}

    def shown(self, status: Any = None) -> dict[str, Any]:
        """The status object; members in their order, empty ones left out."""
        shown: dict[str, Any] = {"id": self.config.id, "state": str(self.state), "type": self.config.type}
        if self.progress is not None and self.state != State.OK:
            shown["progress"] = self.progress
        shown["config"] = self.config.shown()
        if status is not None:
            shown["status"] = status
        return shown

    def unavailable(self, kind: str) -> NotReady:
        """Why a sub-route cannot be answered."""
        text = {
            State.ERROR: "not available due to error in creation",
            State.CANCELLED: "not available due to cancellation",
        }.get(self.state, "not available as it is still being created")
        return NotReady(kind, self.config.id, text, self.state, self.progress)
