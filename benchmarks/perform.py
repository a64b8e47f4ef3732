"""`mldb.perform` of a trivial request, and recording, from a worker: what the channel costs, without the work of the desk behind it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from benchmarks.table import Row
from datapod_server.datasets import register
from datapod_server.datasets.kind import Dataset, DatasetKind
from datapod_server.datasets.place import DatasetPlace
from datapod_server.messages import Request, Response
from datapod_server.storage.engine import Engine
from datapod_server.vfs import Vfs
from datapod_server.workers.parameters import ScriptBody, WorkerSettings
from datapod_server.workers.services import Services
from datapod_server.workers.workers import Workers
from datapod_server.workers.zygote import Zygote

_PERFORM = """\
import time
count = mldb.script.args
for _ in range(200): mldb.perform("GET", "/ping")
start = time.perf_counter()
for _ in range(count): mldb.perform("GET", "/ping")
mldb.set_return((time.perf_counter() - start) / count)
"""
_RECORD = """\
import time
name, count = mldb.script.args
ds = mldb.create_dataset({"id": name, "type": name})
columns = [f"c{i}" for i in range(10)]
rows = [[f"row {i}", [[column, i + 0.5, 0] for column in columns]] for i in range(count)]
start = time.perf_counter()
ds.record_rows(rows)
mldb.set_return(count * 10 / (time.perf_counter() - start))
"""
_BAR_SECONDS = 200e-6
_BAR_CELLS = 1_000_000


def run(quick: bool) -> list[Row]:
    kinds: dict[str, DatasetKind] = {}

    class Types:
        def add(self, kind: DatasetKind, /) -> None:
            kinds[kind.name] = kind

    register(Types())
    engine = Engine.open(None, None)
    datasets: dict[str, Dataset] = {}
    for name in ("sparse.mutable", "tabular"):
        params: Any = msgspec.convert({}, kinds[name].params)
        datasets[name] = kinds[name].create(params, DatasetPlace(engine, secrets.token_hex(8)))
    with workers(datasets) as code:
        seconds = result(code, _PERFORM, 2_000 if quick else 20_000)
        rows = [Row("mldb.perform of a trivial GET", seconds * 1e6, "µs", "the bar of 200 µs", seconds / _BAR_SECONDS, 1.0)]
        for name in datasets:
            cells = max(result(code, _RECORD, [name, 20_000 if quick else 100_000]) for _ in range(3))
            peer = "the bar of 1,000,000 cells/s"
            rows.append(Row(f"record_rows into {name}", cells, "cells/s", peer, cells / _BAR_CELLS, 1.0, "higher"))
    engine.close()
    return rows


@contextmanager
def workers(datasets: dict[str, Dataset]) -> Iterator[Workers]:
    """Workers of a pod in memory, behind a desk that says yes to everything."""

    def answer(request: Request) -> Response:
        return Response.json(b'{"id":%s,"type":""}' % json.dumps(_name(request)).encode())

    zygote = Zygote.start()
    with TemporaryDirectory(prefix="datapod-bench-") as folder:
        services = Services(datasets.__getitem__, Vfs(None), lambda _: None)
        code = Workers(zygote, answer, services, WorkerSettings(), Path(folder))
        try:
            yield code
        finally:
            code.close()
            zygote.close()


def result(code: Workers, source: str, args: Any) -> Any:
    """What a script returns."""
    answer = code.run_script(ScriptBody(source=source, args=args), Request("POST", "/v1/types/plugins/python/routes/run"))
    body = json.loads(answer.content())
    if answer.status != 200:
        raise RuntimeError(f"the benchmark's script failed: {body}")
    return body["result"]


def _name(request: Request) -> str:
    return str(msgspec.json.decode(request.body)["id"]) if request.path == "/v1/datasets" else ""
