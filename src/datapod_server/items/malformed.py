"""JSON of the wrong shape, with the place at which it stands. Source: pod-protocol.md, 1.6."""

from __future__ import annotations

from typing import Any

from datapod_server.errors import Invalid


class Malformed(Invalid):
    """`JSON deserialization error PLACE: REASON`; `.` is the top level. `below` puts a place into a larger one."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"JSON deserialization error {place or '.'}: {reason}")
        self.place = place
        self.reason = reason

    def below(self, outer: str) -> Malformed:
        return Malformed(outer + (f".{self.place}" if self.place and not self.place.startswith("[") else self.place), self.reason)


def json_kind(value: Any) -> str:
    """What a JSON value is, for a message: never the value itself if that could be long."""
    match value:
        case None:
            return "null"
        case bool():
            return f"boolean `{str(value).lower()}`"
        case int():
            return f"integer `{value}`"
        case float():
            return f"floating point `{value}`"
        case str():
            return "string"
        case list() | tuple():
            return "sequence"
        case _:
            return "map"
