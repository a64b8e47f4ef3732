"""The example data of sql-language.md, 0.1, as tables in memory and as stored datasets."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from datapod_server.datasets.place import DatasetPlace
from datapod_server.datasets.sparse import SparseDataset
from datapod_server.datasets.tabular import TabularDataset
from datapod_server.errors import EntryNotFound
from datapod_server.principal import Principal
from datapod_server.sql.tables import Table, UserFunction
from datapod_server.storage.engine import Engine, Relation
from datapod_server.values.atoms import Atom
from datapod_server.values.path import Path
from datapod_server.values.rows import Cell, Row

DAY = 86400.0
YEAR_2020 = 1577836800.0


def row(name: str, cells: Mapping[str, Atom], time: float = YEAR_2020) -> Row:
    """All cells at one time; their names are parsed."""
    return Row(Path.of(name), [Cell(Path.parse(column), value, time) for column, value in cells.items()])


ROWS: dict[str, list[Row]] = {
    "shop": [
        row("s1", {"item": "apple", "price": 0.5, "qty": 3}),
        row("s2", {"item": "pear", "note": "ripe", "price": 0.75, "qty": 1}),
        row("s3", {"item": "apple", "note": None, "price": 0.5, "qty": 2}),
        row("s4", {"item": "plum", "price": 2}),
    ],
    "lt": [row("a1", {"k": 1, "v": "p"}), row("a2", {"k": 2, "v": "q"}), row("a3", {"v": "r"})],
    "rt": [row("b1", {"k": 2, "w": "x"}), row("b2", {"k": 2, "w": "y"}), row("b3", {"k": 3, "w": "z"})],
    "doc": [row("d1", {"user.name": "Ann", "user.age": 30, "tag": "x"})],
    "steps": [
        Row(
            Path.of("m1"),
            [
                Cell(Path.of("x"), 1, YEAR_2020),
                Cell(Path.of("x"), 3, YEAR_2020 + DAY),
                Cell(Path.of("x"), 2, YEAR_2020 + 2 * DAY),
                Cell(Path.of("y"), 7, YEAR_2020 + DAY),
            ],
        )
    ],
}


class MemoryTable:
    """Rows in a list; only the interpreter reads it."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows
        self._columns = list(dict.fromkeys(cell.column for row in rows for cell in row.cells))

    def columns(self) -> Sequence[Path]:
        return self._columns

    def rows(self, *, columns: Collection[Path] | None = None) -> Iterator[Row]:
        del columns
        return iter(self._rows)

    def row_count(self) -> int:
        return len(self._rows)

    def relation(self) -> Relation | None:
        return None


class Tables:
    """A `Resolve` over a mapping."""

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self._tables = tables

    def dataset(self, name: str) -> Table:
        if name not in self._tables:
            raise EntryNotFound("datasets", name)
        return self._tables[name]

    def configured(self, config: Mapping[str, Any]) -> Table:
        return self.dataset(config["id"])

    def items(self, item_type: str | None, principal: Principal, words: str | None = None) -> Table:
        raise EntryNotFound("datasets", f"items({item_type})")

    def edges(self, name: str | None, principal: Principal) -> Table:
        raise EntryNotFound("datasets", f"edges({name})")

    def function(self, name: str) -> UserFunction | None:
        return None


def in_memory() -> Tables:
    return Tables({name: MemoryTable(rows) for name, rows in ROWS.items()})


def stored(engine: Engine) -> Tables:
    """Tabular, but for `steps` (several values in a cell) and `doc`, which are sparse."""
    tables: dict[str, Table] = {}
    for name, rows in ROWS.items():
        place = DatasetPlace(engine, name)
        kept: TabularDataset | SparseDataset
        if name in ("steps", "doc"):
            kept = SparseDataset(place, time_quantum_seconds=1.0, readable_after_write=False)
        else:
            kept = TabularDataset(place, "add")
        kept.record_rows(rows)
        kept.commit()
        tables[name] = kept
    return Tables(tables)
