"""SQL aggregates over the flights table through the pod, against hand-written DuckDB on the same encrypted file.

Both sides start with text and end with rows in Python: the pod's side parses the dialect, binds, compiles and encodes the answer of
`/v1/query`; the peer's is what somebody would write who knows how the table is stored.
"""

from __future__ import annotations

import json
import secrets
import tempfile
from pathlib import Path
from typing import Any

import sqlglot

from benchmarks.table import Row, median_seconds
from datapod_server import embedded
from examples import flight_data

_COPIES = 30  # of 336,776 flights: 10 million rows
_QUERIES = (
    (
        "count and mean distance by origin",
        "SELECT origin, count(*) AS flights, avg(distance) AS distance FROM flights GROUP BY origin",
        "SELECT {origin}, count(*), avg({distance}) FROM {table} GROUP BY ALL ORDER BY ALL",
    ),
    (
        "mean delay by carrier, among texts",
        "SELECT carrier, count(*) AS flights, avg(arr_delay) AS delay FROM flights WHERE arr_delay IS NUMBER GROUP BY carrier",
        "SELECT {carrier}, count(*), avg({arr_delay}) FROM {table} WHERE {arr_delay} IS NOT NULL GROUP BY ALL ORDER BY ALL",
    ),
    (
        "count and sum of filtered rows",
        "SELECT count(*) AS flights, sum(distance) AS miles FROM flights WHERE month = 7 AND distance > 1000",
        "SELECT count(*), sum({distance}) FROM {table} WHERE {month} = 7 AND {distance} > 1000",
    ),
)


def run(quick: bool) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="datapod-bench-") as folder:
        file = _flights(Path(folder), 1 if quick else _COPIES)
        with embedded.open(Path(folder) / "data", key=secrets.token_hex(32), owner=secrets.token_hex(32)) as pod:
            rows = _import(pod, file)
            names = _stored_names(pod)
            return [_compare(pod, f"{title}, {rows:,} rows", ours, theirs.format_map(names)) for title, ours, theirs in _QUERIES]


def _flights(folder: Path, copies: int) -> Path:
    """flights.csv, its rows repeated."""
    once = flight_data.unpack_flights(folder)
    if copies == 1:
        return once
    header, _, rows = once.read_bytes().partition(b"\n")
    many = folder / "many.csv"
    with many.open("wb") as file:
        file.write(header + b"\n")
        for _ in range(copies):
            file.write(rows)
    return many


def _import(pod: embedded.EmbeddedPod, file: Path) -> int:
    body = {"type": "import.text", "params": {"dataFileUrl": f"file://{file}", "outputDataset": {"id": "flights", "type": "tabular"}}}
    answer = pod.perform("PUT", "/v1/procedures/import_flights", payload=body)
    if answer["statusCode"] != 201:
        raise RuntimeError(f"the flights could not be imported: {answer['response']}")
    rows: int = json.loads(answer["response"])["status"]["firstRun"]["status"]["rowCount"]
    return rows


def _stored_names(pod: embedded.EmbeddedPod) -> dict[str, str]:
    """The engine's names of the table and its columns."""
    relation = pod.pod.datasets.named("flights").relation()
    quoted = {str(column.path): f'"{column.column}"' for column in relation.columns}
    return quoted | {"table": f'"{relation.table}"'}


def _compare(pod: embedded.EmbeddedPod, title: str, ours: str, theirs: str) -> Row:
    engine: Any = pod.pod.engine

    def by_hand() -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = engine.fetch(sqlglot.parse_one(theirs, dialect="duckdb"))
        return rows

    # A comparison of different answers would measure nothing.
    found = sorted((row[1:] for row in pod.query(ours)[1:]), key=repr)
    if len(found) != len(by_hand()):
        raise RuntimeError(f"{title}: {len(found)} rows through the pod, {len(by_hand())} by hand")
    measured, peer = median_seconds(lambda: pod.query(ours)), median_seconds(by_hand)
    return Row(title, 1000 * measured, "ms", f"hand-written DuckDB {1000 * peer:.1f} ms", measured / peer, 1.3)
