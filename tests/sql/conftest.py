"""The example data of sql-language.md, 0.1, as tables in memory that only the interpreter can read."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from datapod_server.errors import EntryNotFound
from datapod_server.principal import OWNER, Principal
from datapod_server.sql.queries import Queries
from datapod_server.storage.engine import Engine, Relation
from datapod_server.values.json import atom_to_json, atom_to_table
from datapod_server.values.path import Path
from datapod_server.values.rows import Cell, Row, latest
from datapod_server.values.timestamp import format_seconds, parse_seconds

YEAR_2020 = 1577836800.0


class MemoryTable:
    """A table of a list of rows."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    def columns(self) -> Sequence[Path]:
        return list(dict.fromkeys(cell.column for row in self._rows for cell in row.cells))

    def rows(self, *, columns: Collection[Path] | None = None) -> Iterator[Row]:
        for row in self._rows:
            yield Row(row.name, [cell for cell in row.cells if columns is None or cell.column in columns])

    def row_count(self) -> int:
        return len(self._rows)

    def relation(self) -> Relation | None:
        return None


def _rows(table: Mapping[str, Mapping[str, Any]]) -> MemoryTable:
    rows = []
    for name, cells in table.items():
        rows.append(Row(Path.of(name), [Cell(Path.parse(column), value, YEAR_2020) for column, value in cells.items()]))
    return MemoryTable(rows)


def _steps() -> MemoryTable:
    cells = [("x", 1, "2020-01-01"), ("x", 3, "2020-01-02"), ("x", 2, "2020-01-03"), ("y", 7, "2020-01-02")]
    return MemoryTable([Row(Path.of("m1"), [Cell(Path.of(name), value, parse_seconds(day) or 0.0) for name, value, day in cells])])


EXAMPLES = {
    "shop": _rows({
        "s1": {"item": "apple", "price": 0.5, "qty": 3},
        "s2": {"item": "pear", "note": "ripe", "price": 0.75, "qty": 1},
        "s3": {"item": "apple", "note": None, "price": 0.5, "qty": 2},
        "s4": {"item": "plum", "price": 2},
    }),
    "lt": _rows({"a1": {"k": 1, "v": "p"}, "a2": {"k": 2, "v": "q"}, "a3": {"v": "r"}}),
    "rt": _rows({"b1": {"k": 2, "w": "x"}, "b2": {"k": 2, "w": "y"}, "b3": {"k": 3, "w": "z"}}),
    "doc": _rows({"d1": {"user.name": "Ann", "user.age": 30, "tag": "x"}}),
    "steps": _steps(),
    "empty": MemoryTable([]),
}  # fmt: skip


class ExampleResolve:
    """Finds the example tables; `area` is the user function of 5.13."""

    def dataset(self, name: str) -> MemoryTable:
        if name not in EXAMPLES:
            raise EntryNotFound("datasets", name)
        return EXAMPLES[name]

    def configured(self, config: Mapping[str, Any]) -> MemoryTable:
        return self.dataset(config["id"])

    def items(self, item_type: str | None, principal: Principal, words: str | None = None) -> MemoryTable:
        return _rows({"i1": {"type": item_type or "any", "asker": str(principal.kind)}})

    def edges(self, name: str | None, principal: Principal) -> MemoryTable:
        return _rows({"e1": {"name": name or "any", "source": "i1", "asker": str(principal.kind)}})

    def function(self, name: str) -> Any:
        return Area() if name == "area" else None


class Area:
    """`w * h AS a`."""

    def bind(self, environment: object) -> Callable[[Sequence[Cell]], Sequence[Cell]]:
        return self.apply

    def apply(self, cells: Sequence[Cell]) -> Sequence[Cell]:
        found = {str(cell.column): cell.value for cell in cells}
        width, height = found["w"], found["h"]
        assert isinstance(width, int | float) and isinstance(height, int | float)
        return [Cell(Path.of("a"), width * height, max(cell.time for cell in cells))]


def as_table(rows: Iterable[Row]) -> list[list[Any]]:
    """The `table` format: columns in the order of their first appearance, one value per cell."""
    header: dict[Path, None] = {}
    lines: list[tuple[str, dict[Path, list[Cell]]]] = []
    for row in rows:
        cells: dict[Path, list[Cell]] = {}
        for cell in row.cells:
            cells.setdefault(cell.column, []).append(cell)
            header.setdefault(cell.column)
        lines.append((str(row.name), cells))
    table: list[list[Any]] = [["_rowName", *map(str, header)]]
    for name, cells in lines:
        table.append([name, *(atom_to_table(latest(cells[column]).value) if column in cells else None for column in header)])
    return table


def as_full(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """The `full` format."""
    answer = []
    for row in rows:
        cells = [[str(cell.column), atom_to_json(cell.value), format_seconds(cell.time)] for cell in row.cells]
        answer.append({"rowName": str(row.name), "columns": cells} if cells else {"rowName": str(row.name)})
    return answer


@pytest.fixture(scope="session")
def queries() -> Iterator[Queries]:
    engine = Engine.open(None)
    yield Queries(ExampleResolve(), engine)
    engine.close()


@pytest.fixture(scope="session")
def ask(queries: Queries) -> Callable[[str], list[list[Any]]]:
    """A query's answer in the `table` format."""
    return lambda text: json.loads(json.dumps(as_table(queries.run(text, principal=OWNER).rows())))
