"""A workbench for tests: real engine, datasets and files; the registry of datasets is a dictionary, the query language a list of rows."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from datapod_server import datasets
from datapod_server.datasets import Dataset, DatasetKind, DatasetPlace
from datapod_server.messages import Cancellation
from datapod_server.procedures.workbench import LineExpressions, LineProgram, LineScope, QueryRows, Workbench
from datapod_server.storage.engine import Engine
from datapod_server.values.atoms import Atom
from datapod_server.values.path import Path
from datapod_server.values.rows import Cell, Row
from datapod_server.vfs import Vfs


class Kinds(dict[str, DatasetKind]):
    def add(self, kind: DatasetKind, /) -> None:
        self[kind.name] = kind


class Output:
    """A dataset under a fresh key; `publish` puts it into the dictionary."""

    def __init__(self, bench: Bench, name: str, kind: str, params: dict[str, Any]) -> None:
        self._bench, self._name = bench, name
        bench.keys += 1
        declared = bench.kinds[kind]
        place = DatasetPlace(bench.engine, f"k{bench.keys}")
        self.dataset = declared.create(msgspec.convert(params, declared.params), place)

    def publish(self) -> None:
        self.dataset.commit()
        before = self._bench.datasets.get(self._name)
        self._bench.datasets[self._name] = self.dataset
        if before is not None:
            before.drop()

    def discard(self) -> None:
        self.dataset.drop()


class Bench:
    def __init__(self, folder: pathlib.Path, engine: Engine | None = None) -> None:
        self.folder = folder
        self.engine = engine or Engine.open(None)
        self.datasets: dict[str, Dataset] = {}
        self.kinds = Kinds()
        self.keys = 0
        self.found: QueryRows = QueryRows(iter(()), True)
        self.program: Callable[[LineExpressions], LineProgram] = Renaming
        datasets.register(self.kinds)

    def workbench(self) -> Workbench:
        return Workbench(
            vfs=Vfs(self.folder),
            create_output=lambda name, kind, params: Output(self, name or "auto", kind, params),
            run_query=self._run_query,
            bind_lines=lambda expressions: self.program(expressions),
        )

    def _run_query(self, query: str | dict[str, Any], cancellation: Cancellation) -> QueryRows:
        return self.found

    def write(self, name: str, content: str | bytes) -> str:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return f"file://{path}"

    def rows(self, name: str = "out") -> list[tuple[str, dict[str, Atom]]]:
        return [(str(row.name), {str(cell.column): cell.value for cell in row.cells}) for row in self.datasets[name].rows()]


class Renaming:
    """Stands for a bound program: the row is named by its first column, `where` keeps those whose second column is not null."""

    def __init__(self, expressions: LineExpressions) -> None:
        self.expressions = expressions
        self.columns: Sequence[Path] = expressions.columns

    def run(self, scope: LineScope) -> Row | None:
        if scope.cells[1].value is None:
            return None
        return Row(Path.of(str(scope.cells[0].value)), [Cell(cell.column, cell.value, 7.0) for cell in scope.cells])
