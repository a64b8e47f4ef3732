"""`transform`: the rows of a query as a dataset. Source: datasets-and-procedures.md, 6.1."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from msgspec import Struct, field

from datapod_server.datasets.tabular import TabularDataset
from datapod_server.errors import Invalid
from datapod_server.messages import Cancellation, Report
from datapod_server.procedures.kind import ProcedureKind, Types
from datapod_server.procedures.output import OutputConfig, OutputDatasetSpec, output
from datapod_server.procedures.progress import Steps
from datapod_server.procedures.workbench import QueryRows, Recordable, Workbench
from datapod_server.sql.clauses import InputQuery
from datapod_server.sql.queries import check_query
from datapod_server.values.rows import Row

NAME = "transform"
_ROWS_AT_ONCE = 5_000


class TransformParams(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Source: datasets-and-procedures.md, 6.1."""

    input_data: InputQuery | None = None
    output_dataset: OutputDatasetSpec = field(default_factory=OutputConfig)
    skip_empty_rows: bool = False
    run_on_creation: bool | int = True  # 0 and 1 are accepted too


class Transform:
    """One procedure of the type."""

    def __init__(self, params: TransformParams, workbench: Workbench) -> None:
        """Raises `QueryError` for a query that cannot be parsed; whether its names exist is asked when it runs."""
        self._workbench = workbench
        if params.input_data:
            check_query(params.input_data if isinstance(params.input_data, str) else params.input_data.given())

    def run(self, params: TransformParams, report: Report, cancellation: Cancellation) -> tuple[dict[str, Any], None]:
        """Results: the status of the output dataset."""
        if not params.input_data:
            raise Invalid("You need to define inputData")
        query = params.input_data if isinstance(params.input_data, str) else params.input_data.given()
        steps = Steps(report, "binding", "transforming")
        steps.start_next()
        found = self._workbench.run_query(query, cancellation)
        steps.start_next()
        with output(self._workbench, params.output_dataset, "sparse.mutable") as dataset:
            done = 0
            with _recorder(dataset, cancellation) as record:
                rows = _written(found, params.skip_empty_rows)
                while batch := list(itertools.islice(rows, _ROWS_AT_ONCE)):
                    cancellation.check()
                    record(batch)
                    done += len(batch)
                    steps.advance(done / (done + _ROWS_AT_ONCE))  # how many are to come is not known
        steps.finish()
        return dataset.status(), None


@contextlib.contextmanager
def _recorder(dataset: Recordable, cancellation: Cancellation) -> Iterator[Callable[[Sequence[Row]], None]]:
    if isinstance(dataset, TabularDataset):
        with dataset.recording(alone=True, cancellation=cancellation) as recorder:
            yield recorder.record_rows
    else:
        yield dataset.record_rows


def _written(found: QueryRows, skip_empty: bool) -> Iterator[Row]:
    for row in found.rows:
        cells = row.cells
        if not found.plain:
            cells = [cell for cell in cells if cell.value is not None or math.isfinite(cell.time)]
        if not skip_empty or any(cell.value is not None for cell in cells):
            yield Row(row.name, cells)


def register(types: Types) -> None:
    types.add(ProcedureKind(NAME, TransformParams, Transform, "Write the rows of a query to a dataset"))
