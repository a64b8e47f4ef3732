"""`ask` over the three doors: HTTP, embedded call, worker channel. The same question, the same answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from datapod_server.embedded import EmbeddedPod
from datapod_server.embedded import open as open_pod


@dataclass
class Answer:
    """One answer, whichever door it came through."""

    status: int
    text: str
    content_type: str | None
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def from_dict(raw: dict[str, Any]) -> Answer:
    headers = {name.lower(): value for name, value in raw.get("headers", [])}
    return Answer(raw["statusCode"], raw.get("response", ""), raw.get("contentType"), headers)


class HttpDoor:
    def __init__(self, server: Any) -> None:
        self._server = server

    def __call__(self, verb: str, path: str, payload: Any = None, params: Any = None, headers: Any = None) -> Answer:
        answer = self._server.v1(verb, path, payload, params=params, headers=headers)
        return Answer(answer.status_code, answer.text, answer.headers.get("content-type"), dict(answer.headers))


class EmbeddedDoor:
    def __init__(self, pod: EmbeddedPod) -> None:
        self._pod = pod

    def __call__(self, verb: str, path: str, payload: Any = None, params: Any = None, headers: Any = None) -> Answer:
        return from_dict(self._pod.perform(verb, path, params, payload, headers))


class WorkerDoor:
    """Asks from inside a script."""

    def __init__(self, pod: EmbeddedPod) -> None:
        self._pod = pod

    def __call__(self, verb: str, path: str, payload: Any = None, params: Any = None, headers: Any = None) -> Answer:
        source = "mldb.script.set_return(mldb.perform(*mldb.script.args))"
        arguments = [verb, path, [list(pair) for pair in (params or {}).items()], payload, [list(pair) for pair in (headers or {}).items()]]
        answer = self._pod.perform("POST", "/v1/types/plugins/python/routes/run", None, {"source": source, "args": arguments})
        assert answer["statusCode"] == 200, answer
        return from_dict(json.loads(answer["response"])["result"])


@pytest.fixture(scope="module")
def embedded_pod() -> Iterator[EmbeddedPod]:
    with open_pod() as pod:
        yield pod


@pytest.fixture(params=["http", "embedded", "worker"])
def ask(request: pytest.FixtureRequest) -> Any:
    """`ask(verb, path, payload=None, params=None, headers=None)` over the three doors."""
    if request.param == "http":
        return HttpDoor(request.getfixturevalue("server"))
    pod = request.getfixturevalue("embedded_pod")
    return EmbeddedDoor(pod) if request.param == "embedded" else WorkerDoor(pod)
