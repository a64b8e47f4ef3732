"""A pod in memory behind a real socket: the wire form of the pod protocol around `datapod.testing.InMemoryPod`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.sdk.listening import QuietHandler, listening

from datapod.errors import PodError
from datapod.testing import InMemoryPod

VERSION = {"cargo": "0.4.4", "datapod": "0.1.0", "git_describe": None}


class WirePod:
    """Pods by owner key, and everything that was asked: `(verb and path below the owner, payload)`."""

    def __init__(self, version: dict[str, Any]) -> None:
        self.version = version
        self.pods: dict[str, InMemoryPod] = {}
        self.asked: list[tuple[str, Any]] = []
        self.address = ""

    def names(self) -> list[str]:
        return [name for name, _ in self.asked]

    def answer(self, verb: str, path: str, body: bytes) -> tuple[int, str, bytes]:
        try:
            return 200, "application/json", self.carry_out(verb, path, body)
        except PodError as error:
            return error.status or 500, "text/plain; charset=utf-8", (error.message or "").encode()

    def carry_out(self, verb: str, path: str, body: bytes) -> bytes:
        parts = path.strip("/").split("/")
        if verb == "GET":
            self.asked.append((f"GET {path}", None))
            if path == "/version":
                return json.dumps(self.version).encode()
            raise PodError(404, "Endpoint not found")
        if parts[1] == "account":
            self.asked.append(("POST /v4/account", json.loads(body)))
            return b"{}"
        pod = self.pods.setdefault(parts[1], InMemoryPod())
        name = "/".join(parts[2:])
        if name.startswith("upload_file"):
            self.asked.append((name, body))
            return json.dumps(pod.upload_file(body)).encode()
        payload = json.loads(body)["payload"]
        self.asked.append((name, payload))
        if parts[0] == "v5":
            return json.dumps(pod.create_schema(**payload)).encode()
        return pod.get_file(payload["sha256"]) if name == "get_file" else json.dumps(pod._json(name, payload)).encode()


@contextmanager
def serving(version: dict[str, Any] = VERSION) -> Iterator[WirePod]:
    wire = WirePod(version)

    class Handler(QuietHandler):
        protocol_version = "HTTP/1.1"

        def reply(self) -> None:
            self.answer(*wire.answer(self.command, self.path, self.body()))

        do_GET = do_POST = reply

    with listening(Handler) as wire.address:
        yield wire
