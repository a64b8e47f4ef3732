"""`transform`: datasets-and-procedures.md, 6.1."""

from __future__ import annotations

import math
import pathlib
from typing import Any

import msgspec
import pytest
from bench import Bench

from datapod_server.errors import Invalid
from datapod_server.messages import Cancellation, Cancelled
from datapod_server.procedures.transform import Transform, TransformParams
from datapod_server.procedures.workbench import QueryRows
from datapod_server.sql.clauses import Clauses
from datapod_server.values.path import Path
from datapod_server.values.rows import Cell, Row


@pytest.fixture
def bench(tmp_path: pathlib.Path) -> Bench:
    return Bench(tmp_path)


def run(bench: Bench, rows: list[Row], *, plain: bool = True, cancellation: Cancellation | None = None, **params: Any) -> dict[str, Any]:
    bench.found = QueryRows(iter(rows), plain)
    decoded = msgspec.convert({"inputData": "select * from source", "outputDataset": "out", **params}, TransformParams)
    status, _ = Transform(decoded, bench.workbench()).run(decoded, lambda _: None, cancellation or Cancellation())
    return status


def row(name: str, *cells: tuple[str, Any, float]) -> Row:
    return Row(Path.of(name), [Cell(Path.of(column), value, time) for column, value, time in cells])


def test_rows_keep_names_values_and_times_and_the_result_is_the_status_of_the_output(bench):
    status = run(bench, [row("r1", ("y", 10, 1.0)), row("r2", ("y", 20, 2.0), ("z", None, 2.0))])
    assert status == {"rowCount": 2, "columnCount": 2, "valueCount": 3}
    assert [(str(found.name), [tuple(cell) for cell in found.cells]) for found in bench.datasets["out"].rows()] == [
        ("r2", [(Path.of("y"), 20, 2.0), (Path.of("z"), None, 2.0)]),
        ("r1", [(Path.of("y"), 10, 1.0)]),
    ]


def test_grouped_queries_leave_out_nulls_without_a_finite_time(bench):
    cells = [("a", None, -math.inf), ("b", None, 5.0), ("c", 1, -math.inf)]
    run(bench, [row("[]", *cells)], plain=False)
    assert bench.rows() == [("[]", {"b": None, "c": 1})]


def test_empty_rows_can_be_skipped(bench):
    rows = [row("r1", ("z", 1, 0.0)), row("r2", ("z", None, 0.0)), row("r3")]
    run(bench, rows, skipEmptyRows=True, outputDataset={"id": "out", "type": "tabular"})
    assert [name for name, _ in bench.rows()] == ["r1"]
    run(bench, rows, outputDataset={"id": "out", "type": "tabular"})
    assert [name for name, _ in bench.rows()] == ["r1", "r2", "r3"]


def test_missing_input_is_an_error_of_the_run(bench):
    decoded = TransformParams(output_dataset="out")
    procedure = Transform(decoded, bench.workbench())
    with pytest.raises(Invalid, match="You need to define inputData"):
        procedure.run(decoded, lambda _: None, Cancellation())


def test_ragged_rows_need_unknown_columns_in_a_table(bench):
    rows = [row("r1", ("a", 1, 0.0)), row("r2", ("b", 1, 0.0))]
    with pytest.raises(Invalid, match="New column name"):
        run(bench, rows, outputDataset={"id": "out", "type": "tabular"})
    assert "out" not in bench.datasets
    run(bench, rows, outputDataset={"id": "out", "type": "tabular", "params": {"unknownColumns": "add"}})
    assert bench.rows() == [("r1", {"a": 1}), ("r2", {"b": 1})]


def test_the_same_name_twice_comes_together_in_sparse_and_fails_in_a_table(bench):
    rows = [row("r", ("a", 1, 0.0)), row("r", ("a", 2, 0.0))]
    run(bench, rows)
    assert bench.datasets["out"].status() == {"rowCount": 1, "columnCount": 1, "valueCount": 2}
    with pytest.raises(Invalid, match=r"Duplicate row name\(s\)"):
        run(bench, rows, outputDataset={"id": "out", "type": "tabular"})
    assert bench.datasets["out"].status()["valueCount"] == 2


def test_a_cancelled_run_keeps_the_old_dataset(bench):
    run(bench, [row("old", ("a", 1, 0.0))])
    cancellation = Cancellation()
    cancellation.request()
    with pytest.raises(Cancelled):
        run(bench, [row("new", ("a", 1, 0.0))], cancellation=cancellation)
    assert bench.rows() == [("old", {"a": 1})]


def test_progress_goes_through_binding_and_transforming(bench):
    told: list[dict[str, Any]] = []
    bench.found = QueryRows(iter([row("r", ("a", 1, 0.0))]), True)
    params = TransformParams(input_data="select * from source", output_dataset="out")
    Transform(params, bench.workbench()).run(params, told.append, Cancellation())
    assert [[step["name"] for step in progress["steps"]] for progress in told] == [["binding", "transforming"]] * len(told)
    assert [step["value"] for step in told[0]["steps"]] == [0, 0]
    assert [(step["value"], "ended" in step, step["type"]) for step in told[-1]["steps"]] == [(1, True, "percentile")] * 2


def test_the_clauses_of_an_input_query_keep_their_names_on_the_wire():
    clauses = msgspec.convert({"from": "ds", "orderBy": "x", "limit": 3, "groupBy": "y"}, Clauses)
    assert clauses.given() == {"from": "ds", "orderBy": "x", "limit": 3, "groupBy": "y"}
    with pytest.raises(msgspec.ValidationError, match="unknown field `form`"):
        msgspec.convert({"form": "ds"}, Clauses)
