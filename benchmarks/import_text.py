"""`import.text` of the flights of 2013 (336,776 lines, 31 MB) beside DuckDB's own CSV reader into an encrypted table.

The peer reads into a file of its own with the same encryption. It reads each column as one type; `import.text` decides per field.
"""

from __future__ import annotations

import pathlib
import tempfile
from typing import Any

import duckdb

from benchmarks.table import Row, median_seconds
from datapod_server.datasets import DatasetPlace
from datapod_server.datasets.tabular import TabularDataset
from datapod_server.messages import Cancellation
from datapod_server.procedures.import_text import ImportText, ImportTextParams
from datapod_server.procedures.workbench import LineExpressions, LineProgram, QueryRows, Workbench
from datapod_server.storage.engine import Engine, crypto_extension
from datapod_server.storage.keys import DatabaseKey, Purpose
from datapod_server.vfs import Vfs
from examples import flight_data

_BAR = 1.5  # times DuckDB's own reader (design, 9)


class _Output:
    """A table under a key of its own."""

    def __init__(self, engine: Engine, key: str) -> None:
        self.dataset = TabularDataset(DatasetPlace(engine, key), "error")

    def publish(self) -> None:
        self.dataset.commit()

    def discard(self) -> None:
        self.dataset.drop()


def run(quick: bool) -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        path = _flights(folder, copies=1 if quick else 10)
        key = DatabaseKey.parse("ab" * 32).derive(Purpose.TABLES)
        engine = Engine.open(folder / "tables.duckdb", key)
        peer = _peer(folder / "peer.duckdb", key.hex())
        ours, theirs = [], []
        for turn in range(3):  # in turns, so that both see the same machine
            ours.append(median_seconds(lambda turn=turn: _import(engine, path, turn), repeats=1, warm_up=0 if turn else 1))
            theirs.append(median_seconds(lambda: _read(peer, path), repeats=1, warm_up=0 if turn else 1))
        peer.close()
        engine.close()
    measured, reader = sorted(ours)[1], sorted(theirs)[1]
    lines = "336,776 lines" if quick else "3.4 million lines"
    return [Row(f"import.text, {lines}", measured, "s", f"DuckDB's CSV reader {reader:.2f} s", measured / reader, _BAR)]


def _flights(folder: pathlib.Path, copies: int) -> pathlib.Path:
    path = flight_data.unpack_flights(folder)
    header, _, lines = path.read_bytes().partition(b"\n")
    path.write_bytes(header + b"\n" + lines * copies)
    return path


def _import(engine: Engine, path: pathlib.Path, turn: int) -> None:
    keys = iter(f"{prefix}{turn}" for prefix in "abcdef")

    def create_output(*_: Any) -> _Output:
        key = next(keys)
        TabularDataset(DatasetPlace(engine, key), "error").drop()
        return _Output(engine, key)

    params = ImportTextParams(data_file_url=path.as_uri(), output_dataset="flights")
    bench = Workbench(Vfs(), create_output, _no_query, _no_expressions)
    ImportText(params, bench).run(params, lambda _: None, Cancellation())


def _no_query(*_: Any) -> QueryRows:
    raise AssertionError("an import runs no query")


def _no_expressions(_: LineExpressions) -> LineProgram:
    raise AssertionError("the expressions are the default")


def _peer(path: pathlib.Path, key: str) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:")
    connection.execute(f"LOAD '{crypto_extension()}'")
    connection.execute(f"ATTACH '{path}' AS peer (ENCRYPTION_KEY '{key}')")
    return connection


def _read(connection: duckdb.DuckDBPyConnection, path: pathlib.Path) -> None:
    connection.execute(f"CREATE OR REPLACE TABLE peer.flights AS SELECT * FROM read_csv('{path}')")
