"""`ask` and `query` of an embedded pod that all tests of a module share."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from datapod_server.embedded import EmbeddedPod
from datapod_server.embedded import open as open_pod


@dataclass
class Answer:
    """One answer of `/v1`."""

    status: int
    text: str
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def error(self) -> str:
        return str(self.json["error"])


Ask = Callable[..., Answer]


@pytest.fixture(scope="module")
def pod() -> Iterator[EmbeddedPod]:
    with open_pod() as opened:
        yield opened


@pytest.fixture(scope="module")
def ask(pod: EmbeddedPod) -> Ask:
    """`ask(verb, path, payload, params=None, headers=None)`: in process, so that a missing payload is `null`."""

    def perform(verb: str, path: str, payload: Any = None, params: Any = None, headers: Any = None) -> Answer:
        raw = pod.perform(verb, path, params, payload, headers)
        found = dict(raw.get("headers", []))
        return Answer(raw["statusCode"], raw.get("response", ""), found | {"Content-Type": raw.get("contentType")})

    return perform


@pytest.fixture(scope="module")
def query(ask: Ask) -> Callable[..., Any]:
    """`query(text, format="table", **options)`: the decoded answer of a query that succeeds."""

    def run(text: str, format: str = "table", **options: Any) -> Any:
        answer = ask("GET", "/v1/query", {"q": text, "format": format, **options})
        assert answer.status == 200, answer.text
        return answer.json

    return run


@pytest.fixture(scope="module")
def record(ask: Ask) -> Callable[..., None]:
    """`record("id", [[row, [[column, value, time], ..]], ..], kind=...)`: a dataset with these rows, committed."""

    def make(name: str, rows: list[Any], kind: str = "sparse.mutable", params: Any = None) -> None:
        made = ask("PUT", f"/v1/datasets/{name}", {"type": kind, "params": params or {}})
        assert made.status == 201, made.text
        recorded = ask("POST", f"/v1/datasets/{name}/multirows", rows)
        assert recorded.status == 200, recorded.text
        assert ask("POST", f"/v1/datasets/{name}/commit", {}).status == 200

    return make
