"""Joins stop when they are told to, also while no row comes out."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import pytest
from tests.sql.example_data import MemoryTable, Tables, row

from datapod_server.messages import Cancellation, Cancelled
from datapod_server.principal import OWNER
from datapod_server.sql.queries import Queries
from datapod_server.storage.engine import Engine
from datapod_server.values.path import Path
from datapod_server.values.rows import Row


class _CancelledWhileRead(MemoryTable):
    """Somebody gives up as soon as the first row is read."""

    def __init__(self, rows: list[Row], cancellation: Cancellation) -> None:
        super().__init__(rows)
        self._cancellation = cancellation

    def rows(self, *, columns: Collection[Path] | None = None) -> Iterator[Row]:
        for one in super().rows(columns=columns):
            self._cancellation.request()
            yield one


def test_a_join_without_matching_pairs_can_be_cancelled() -> None:
    engine = Engine.open(None)
    rows = [row(f"r{place}", {"x": place}) for place in range(10)]
    cancellation = Cancellation()
    tables = Tables({"a": _CancelledWhileRead(rows, cancellation), "b": MemoryTable(rows)})
    query = "SELECT count(*) FROM a JOIN b ON a.x + b.x < -1"
    result = Queries(tables, engine).run(query, principal=OWNER, cancellation=cancellation)
    with pytest.raises(Cancelled):
        list(result.rows())
    engine.close()
