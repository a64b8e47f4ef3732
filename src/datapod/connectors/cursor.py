"""Where an import stands, as items of the pod: one cursor per stream, one item per record that could not be understood."""

# ruff: noqa: N815 - names on the wire

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from datapod.client import PodClient
from datapod.connectors.errors import FatalError
from datapod.connectors.identity import part_id, record_id
from datapod.connectors.record import State
from datapod.item import Item
from datapod.values import milliseconds


class ImportCursor(Item):
    """How far a stream is imported. Written in the very request that writes the items it accounts for."""

    service: str | None = None
    """Name of the connector."""
    streamName: str | None = None
    cursorState: str | None = None
    """A JSON object that only the stream understands."""
    lastImport: datetime | None = None
    """When the stream was last read to its end."""
    importError: str | None = None
    """Why the last attempt ended early."""


class ImportProblem(Item):
    """A record that was left out, and why. Deleted when the record is imported after all, or gone."""

    streamName: str | None = None
    reason: str | None = None


class Cursor:
    """The cursor of one stream, as the pod has it."""

    def __init__(self, client: PodClient, service: str, stream_name: str) -> None:
        self.id = record_id(f"cursor of {service}", stream_name)
        self.service = service
        self.stream_name = stream_name
        self._client = client
        found = [item for item in client.api.get_item(self.id) if not item.get("deleted")]
        self.exists = self.look()
        """Also when it is deleted: then the state is lost, and writing the cursor revives it."""
        self.state: State = _state(found[0].get("cursorState"), stream_name) if found else {}
        """As of the last request that the pod took."""
        problems = client.api.search({"type": "ImportProblem", "streamName": stream_name, "deleted": False})
        self.problems: set[str] = {problem["id"] for problem in problems}
        """Ids of the problems that are open."""

    def problem_id(self, external_id: str) -> str:
        return part_id(self.id, "problem", external_id)

    def json(self, state: Mapping[str, Any], *, finished: bool = False, error: str | None = None) -> dict[str, Any]:
        """What the item holds, with its id."""
        json_: dict[str, Any] = {"id": self.id, "cursorState": json.dumps(state, sort_keys=True), "deleted": False}
        if finished:
            json_ |= {"lastImport": milliseconds(datetime.now(UTC)), "importError": None}
        if error is not None:
            json_["importError"] = error
        return json_

    def new(self, json_: dict[str, Any]) -> dict[str, Any]:
        """The same, for a pod that has no such cursor."""
        return {**json_, "type": "ImportCursor", "service": self.service, "streamName": self.stream_name}

    def look(self) -> bool:
        """Whether the pod has this item, deleted or not."""
        return bool(self._client.api.get_item(self.id) or self._client.api.search({"id": self.id, "deleted": True}))


def _state(text: str | None, stream_name: str) -> State:
    try:
        state = json.loads(text or "{}")
    except ValueError as error:
        raise FatalError(f"The cursor of {stream_name} is no JSON; delete that ImportCursor to import from the start: {error}") from error
    if not isinstance(state, dict):
        raise FatalError(f"The cursor of {stream_name} is no JSON object; delete that ImportCursor to import from the start")
    return state
