"""A pod in memory behind a socket that fails on order: refuses, drops a request, or carries it out and loses the answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.sdk.listening import QuietHandler, listening
from tests.sdk.wire import VERSION, WirePod

DROP, LOSE = "drop", "lose"


class FlakyPod(WirePod):
    """`faults`: what happens to the next requests below the owner, in order: DROP, LOSE, or a status with headers."""

    def __init__(self) -> None:
        super().__init__(VERSION)
        self.faults: list[Any] = []
        self.connections = 0

    def sent(self, name: str) -> int:
        """How often an end point was really carried out."""
        return self.names().count(name)


@contextmanager
def flaky_pod() -> Iterator[FlakyPod]:
    pod = FlakyPod()

    class Handler(QuietHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            pod.connections += 1

        def reply(self) -> None:
            body = self.body()
            fault = pod.faults.pop(0) if pod.faults and self.path.count("/") > 2 and self.command == "POST" else None
            if isinstance(fault, tuple):
                status, headers = fault
                self.answer(status, content=b"Failure: as ordered", **headers)
                return
            if fault != DROP:
                answer = pod.answer(self.command, self.path, body)
            if fault is None:
                self.answer(*answer)
            else:
                self.close_connection = True

        do_GET = do_POST = reply

    with listening(Handler) as pod.address:
        yield pod
