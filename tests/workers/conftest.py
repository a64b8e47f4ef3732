"""A pod's workers around a desk of a few routes: real zygote, processes, channels and jails."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from datapod_server.errors import DatapodError, EntryNotFound, Invalid
from datapod_server.messages import Request, Response
from datapod_server.values.json import encode_sorted
from datapod_server.values.rows import Row
from datapod_server.vfs import Vfs
from datapod_server.workers.parameters import ScriptBody, WorkerSettings
from datapod_server.workers.plugin import Plugin
from datapod_server.workers.services import Services
from datapod_server.workers.workers import Workers
from datapod_server.workers.zygote import Zygote

RUN = "/v1/types/plugins/python/routes/run"


class RecordedRows:
    """A dataset that keeps what it was given."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.columns: list[Any] = []
        self.commits = 0

    def record_rows(self, rows: Sequence[Row]) -> None:
        self.rows.extend(rows)

    def record_columns(self, columns: Sequence[Any]) -> None:
        self.columns.extend(columns)

    def cells(self) -> list[tuple[str, str, Any, float]]:
        return [(str(row.name), str(cell.column), cell.value, cell.time) for row in self.rows for cell in row.cells]


class TinyPod:
    """Routes enough to ask workers everything: an echo, datasets that are lists, and scripts."""

    def __init__(self, zygote: Zygote, directory: Path) -> None:
        self.datasets: dict[str, RecordedRows] = {}
        self.levels: list[str] = []
        self.plugins: dict[str, Plugin] = {}
        services = Services(self._dataset, Vfs(directory), self.levels.append)
        self.workers = Workers(zygote, self.perform, services, WorkerSettings(), directory)

    def perform(self, request: Request) -> Response:
        try:
            return self._answer(request)
        except DatapodError as error:
            return Response.json(encode_sorted({"error": str(error), "httpCode": error.status}), error.status)

    def run(self, source: str, args: Any = None, **runtime: Any) -> tuple[int, dict[str, Any]]:
        """Run a script; status and body of its answer."""
        body = {"source": source, "args": args, "runtime": runtime}
        answer = self.perform(Request("POST", RUN, body=json.dumps(body).encode()))
        return answer.status, json.loads(answer.content())

    def result(self, source: str, args: Any = None, **runtime: Any) -> Any:
        """The result of a script that must succeed."""
        status, body = self.run(source, args, **runtime)
        assert status == 200, body
        return body.get("result")

    def failure(self, source: str, **runtime: Any) -> dict[str, Any]:
        """The exception object of a script that must fail."""
        status, body = self.run(source, **runtime)
        assert status == 400, body
        exception: dict[str, Any] = body["exception"]
        return exception

    def _dataset(self, name: str) -> RecordedRows:
        if name not in self.datasets:
            raise EntryNotFound("datasets", name)
        return self.datasets[name]

    def _answer(self, request: Request) -> Response:
        path = request.path
        if path == RUN:
            return self.workers.run_script(msgspec.json.decode(request.body, type=ScriptBody), request)
        if path.startswith("/v1/plugins/"):
            name, remaining = path.split("/")[3], "/" + path.partition("/routes/")[2]
            return self.plugins[name].answer(request, remaining)
        if path == "/echo":
            seen = {"verb": request.verb, "query": request.query, "headers": request.headers, "body": request.body.decode()}
            return Response.json(encode_sorted(seen | {"code": request.principal.code}))
        if path == "/round":
            return Response(302, (("location", "/round"),))
        if path == "/made":
            return Response.json(b"{}", 201, (("Location", "/v1/x"), ("EntityPath", '["x"]')))
        if path == "/v1/query":
            return Response.json(b'[["_rowName","q"],["result",%s]]' % encode_sorted(msgspec.json.decode(request.body)["q"]))
        if path == "/v1/datasets":
            return self._create(msgspec.json.decode(request.body))
        if path.endswith("/commit"):
            self._dataset(path.split("/")[3]).commits += 1
            return Response()
        return Response.json(encode_sorted({"error": f"unknown resource {request.verb} {path}", "httpCode": 404}), 404)

    def _create(self, config: dict[str, Any]) -> Response:
        name = config.get("id", "made-up")
        if name in self.datasets:
            return Response.json(encode_sorted({"error": f"dataset entry '{name}' already exists", "httpCode": 409}), 409)
        if config["type"] == "odd":
            raise Invalid("couldn't find type 'odd' in registry")
        self.datasets[name] = RecordedRows()
        return Response.json(encode_sorted({"id": name, "type": config["type"], "state": "ok"}), 201)


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    zygote = Zygote.start()
    yield zygote
    zygote.close()


@pytest.fixture
def pod(zygote: Zygote, tmp_path: Path) -> Iterator[TinyPod]:
    pod = TinyPod(zygote, tmp_path)
    yield pod
    pod.workers.close()
