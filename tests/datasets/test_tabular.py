"""`tabular`: datasets-and-procedures.md, 3.4."""

from __future__ import annotations

import math

import pytest

from datapod_server.datasets.place import DatasetPlace
from datapod_server.datasets.tabular import TabularDataset
from datapod_server.datasets.tabulating import UnknownColumns
from datapod_server.errors import Invalid
from datapod_server.storage.engine import ColumnKind, Engine
from datapod_server.values.atoms import Atom
from datapod_server.values.path import Path
from datapod_server.values.rows import Cell, Row

DAY = 86400.0


def table(unknown: UnknownColumns = "error") -> TabularDataset:
    return TabularDataset(DatasetPlace(Engine.open(None), "k"), unknown)


def row(name: str, *cells: tuple[str, Atom, float]) -> Row:
    return Row(Path.of(name), [Cell(Path.of(column), value, time) for column, value, time in cells])


def full(dataset: TabularDataset) -> list[tuple[str, list[tuple[str, Atom, float]]]]:
    return [(str(row.name), [(str(cell.column), cell.value, cell.time) for cell in row.cells]) for row in dataset.rows()]


FIRST = row("r1", ("a", 1, DAY), ("b", "x", 2 * DAY))


def test_all_cells_of_a_row_carry_its_newest_time():
    dataset = table()
    dataset.record_rows([FIRST])
    dataset.commit()
    assert full(dataset) == [("r1", [("a", 1, 2 * DAY), ("b", "x", 2 * DAY)])]


def test_a_new_column_is_an_error_by_default_that_names_it_and_the_known_ones():
    dataset = table()
    dataset.record_rows([FIRST])
    with pytest.raises(Invalid, match="New column name while recording row in tabular dataset with unknownColumns=ERROR") as caught:
        dataset.record_rows([row("r2", ("a", None, DAY), ("c", 9, 0.0))])
    assert caught.value.details == {"columnName": "c", "knownColumns": ["a", "b"]}
    dataset.commit()
    assert dataset.row_count() == 1


def test_a_new_column_can_be_ignored():
    dataset = table("ignore")
    dataset.record_rows([FIRST, row("r2", ("a", None, DAY), ("c", 9, 0.0))])
    dataset.commit()
    assert full(dataset)[1] == ("r2", [])
    assert dataset.row_count() == 2


def test_a_new_column_can_be_added_and_does_not_give_the_row_its_time():
    dataset = table("add")
    dataset.record_rows([FIRST])
    dataset.record_rows([row("r2", ("a", None, DAY), ("c", 9, 0.0)), row("r3", ("c", 9, 5.0))])
    dataset.commit()
    assert [str(column) for column in dataset.columns()] == ["a", "b", "c"]
    assert full(dataset)[1:] == [("r2", [("c", 9, DAY)]), ("r3", [("c", 9, -math.inf)])]


def test_a_column_twice_in_the_first_row_is_an_error_and_in_a_later_one_the_last_wins():
    dataset = table()
    with pytest.raises(Invalid, match="Duplicate column name in tabular dataset entry"):
        dataset.record_rows([row("r1", ("a", 1, 0.0), ("a", 2, 0.0))])
    dataset.record_rows([row("r1", ("a", 1, 0.0)), row("r2", ("a", 1, 0.0), ("a", 2, 0.0))])
    dataset.commit()
    assert full(dataset)[1] == ("r2", [("a", 2, 0.0)])


def test_nulls_are_not_stored_but_their_row_counts():
    dataset = table()
    dataset.record_rows([row("r1", ("a", None, 3.0)), row("r2", ("a", 1, 3.0))])
    dataset.commit()
    assert full(dataset) == [("r1", []), ("r2", [("a", 1, 3.0)])]
    assert dataset.status() == {"rowCount": 2, "columnCount": 1, "valueCount": 1}


def test_a_commit_before_any_record_freezes_a_table_without_columns():
    dataset = table()
    dataset.commit()
    with pytest.raises(Invalid, match="New column name"):
        dataset.record_rows([FIRST])


def test_a_row_name_twice_fails_the_commit_whenever_it_was_recorded():
    dataset = table()
    dataset.record_rows([row(str(place), ("a", 1, 0.0)) for place in range(3)])
    dataset.commit()
    dataset.record_rows([row(str(place), ("a", 1, 0.0)) for place in range(3)])
    with pytest.raises(Invalid, match=r"^Duplicate row name\(s\) in tabular dataset: 0, 1, 2$") as caught:
        dataset.commit()
    assert caught.value.details == {"duplicates": ["0", "1", "2"]}
    assert dataset.row_count() == 3


def test_a_long_list_of_duplicates_is_cut_in_the_text_only():
    dataset = table()
    dataset.record_rows([row(str(place), ("a", 1, 0.0)) for place in [*range(200), *range(200)]])
    with pytest.raises(Invalid) as caught:
        dataset.commit()
    assert str(caught.value).endswith("...")
    assert len(str(caught.value)) < 160
    assert len(caught.value.details["duplicates"]) == 200


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, None, 2], ColumnKind.INTEGER),
        ([None, None], ColumnKind.INTEGER),
        ([1, 2.5], ColumnKind.NUMBER),
        ([2.5, 1], ColumnKind.NUMBER),
        (["a", None], ColumnKind.TEXT),
        ([1, "NA"], ColumnKind.MIXED),
        ([2**60, 2.5], ColumnKind.MIXED),
        ([2.5, 2**60], ColumnKind.MIXED),
        ([2**63], ColumnKind.MIXED),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_a_column_has_the_narrowest_kind_that_loses_nothing(values, kind, at_once):
    dataset = table()
    rows = [row(str(place), ("a", value, 0.0)) for place, value in enumerate(values)]
    for batch in [rows] if at_once else [[one] for one in rows]:
        dataset.record_rows(batch)
    dataset.commit()
    (column,) = dataset.relation().columns
    assert column.kind is kind
    assert [cells[0][1] if cells else None for _, cells in full(dataset)] == values


def test_the_relation_reads_as_the_dataset_does():
    dataset = table()
    dataset.record_rows([FIRST, row("r2", ("a", 2, 0.0), ("b", None, 0.0))])
    relation = dataset.relation()
    assert dataset.engine.fetch(_count(relation.table)) == [(0,)]
    dataset.commit()
    dataset.record_rows([row("r3", ("a", 3, 0.0))])
    assert dataset.engine.fetch(_count(dataset.relation().table)) == [(2,)]


def _count(name: str):
    from sqlglot import exp

    return exp.select(exp.Count(this=exp.Star())).from_(exp.Table(this=exp.to_identifier(name, quoted=True)))


def test_only_the_wanted_columns_are_read():
    dataset = table()
    dataset.record_rows([FIRST])
    dataset.commit()
    assert [cell.value for row in dataset.rows(columns=[Path.of("b")]) for cell in row.cells] == ["x"]
    assert [row.cells for row in dataset.rows(columns=[])] == [[]]
