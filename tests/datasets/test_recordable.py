"""What every recordable kind keeps: datasets-and-procedures.md, 3.1 to 3.4."""

from __future__ import annotations

import math
import pathlib
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datapod_server.datasets.place import DatasetPlace, drop_unreferenced
from datapod_server.datasets.sparse import SparseDataset
from datapod_server.datasets.tabular import TabularDataset
from datapod_server.errors import Invalid
from datapod_server.storage.engine import Engine
from datapod_server.storage.keys import DatabaseKey, Purpose
from datapod_server.values.atoms import Atom, equal, number
from datapod_server.values.interval import Interval
from datapod_server.values.path import Path
from datapod_server.values.rows import Cell, Row
from datapod_server.values.timestamp import Timestamp

Dataset = SparseDataset | TabularDataset
KINDS = ["sparse.mutable", "tabular"]


def make(kind: str, engine: Engine, key: str = "k1") -> Dataset:
    place = DatasetPlace(engine, key)
    if kind == "tabular":
        return TabularDataset(place, "add")
    return SparseDataset(place, time_quantum_seconds=1.0, readable_after_write=False)


def row(name: str, **values: Atom) -> Row:
    return Row(Path.of(name), [Cell(Path.of(column), value, 0.0) for column, value in values.items()])


def plain(dataset: Dataset) -> list[tuple[str, dict[str, Atom]]]:
    return [(str(row.name), {str(cell.column): cell.value for cell in row.cells}) for row in dataset.rows()]


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine.open(None)
    yield engine
    engine.close()


@pytest.fixture(params=KINDS)
def dataset(request: pytest.FixtureRequest, engine: Engine) -> Dataset:
    return make(request.param, engine)


def test_nothing_is_readable_before_the_first_commit(dataset):
    dataset.record_rows([row("r", x=1)])
    assert (dataset.row_count(), list(dataset.rows()), list(dataset.columns()), dataset.row_names()) == (0, [], [], [])
    assert dataset.status() == {"rowCount": 0, "columnCount": 0, "valueCount": 0}
    dataset.commit()
    assert plain(dataset) == [("r", {"x": 1})]
    assert dataset.status() == {"rowCount": 1, "columnCount": 1, "valueCount": 1}


def test_rows_recorded_after_a_commit_show_up_at_the_next_one(dataset):
    dataset.record_rows([row("a", x=1)])
    dataset.commit()
    dataset.record_rows([row("b", x=2)])
    assert dataset.row_count() == 1
    dataset.commit()
    assert dict(plain(dataset)) == {"a": {"x": 1}, "b": {"x": 2}}


def test_a_commit_without_any_record_leaves_an_empty_dataset(dataset):
    dataset.commit()
    assert dataset.status() == {"rowCount": 0, "columnCount": 0, "valueCount": 0}
    assert dataset.timestamp_range() is None


def test_order_is_that_of_recording_and_last_first_for_sparse(engine):
    for kind, order in (("tabular", ["b", "a", "c"]), ("sparse.mutable", ["c", "a", "b"])):
        dataset = make(kind, engine, "o" + kind[0])
        for name in "bac":
            dataset.record_rows([row(name, x=1)])
        dataset.commit()
        assert [str(name) for name in dataset.row_names()] == order == [name for name, _ in plain(dataset)]
        assert [str(name) for name in dataset.row_names(1, 1)] == order[1:2]


def test_columns_are_in_order_of_recording_in_a_table_and_by_name_in_sparse(engine):
    for kind, order in (("tabular", ["x10", "x2", "b"]), ("sparse.mutable", ["b", "x2", "x10"])):
        dataset = make(kind, engine, "c" + kind[0])
        dataset.record_rows([row("r", x10=1, x2=2, b=3)])
        dataset.commit()
        assert [str(column) for column in dataset.columns()] == order


@pytest.mark.parametrize(
    "name", [("a", "b"), ("a.b",), ("",), ('q"q',), ("naïve ☃",), ("line\nfeed",), ("x", ""), ("'; DROP TABLE t; --",)]
)
def test_any_path_names_rows_and_columns(dataset, name):
    path = Path(name)
    dataset.record_rows([Row(path, [Cell(path, 1, 0.0)])])
    dataset.commit()
    assert [tuple(name) for name in dataset.row_names()] == [name] == [tuple(column) for column in dataset.columns()]
    assert list(dataset.rows()) == [Row(path, [Cell(path, 1, 0.0)])]


def test_a_path_without_elements_names_nothing(dataset):
    with pytest.raises(Invalid, match="empty row names are not allowed"):
        dataset.record_rows([Row(Path(), [Cell(Path.of("x"), 1, 0.0)])])
    with pytest.raises(Invalid, match="empty column names are not allowed"):
        dataset.record_rows([Row(Path.of("r"), [Cell(Path(), 1, 0.0)])])
    dataset.commit()
    assert dataset.row_count() == 0


def test_a_call_that_fails_records_nothing(dataset):
    with pytest.raises(Invalid):
        dataset.record_rows([row("good", x=1), row("bad", x="\ud800")])
    dataset.commit()
    assert dataset.row_count() == 0


def test_columns_are_recorded_as_the_rows_they_make(dataset):
    x, y = Path.of("x"), Path.of("y")
    cells = [(Path.of("r1"), 1, 0.0), (Path.of("r2"), 2, 0.0)]
    dataset.record_columns([(x, cells), (y, [(Path.of("r2"), "b", 0.0)])])
    dataset.commit()
    assert dict(plain(dataset)) == {"r1": {"x": 1}, "r2": {"x": 2, "y": "b"}}


def test_distinct_values_come_ascending_with_the_number_of_their_rows(dataset):
    values = [3, "b", 1.5, 3, "a", Timestamp(7.0), 2**63, -1]
    dataset.record_rows([row(f"r{place}", x=value) for place, value in enumerate(values)])
    dataset.commit()
    column = Path.of("x")
    assert dataset.values(column) == [-1, 1.5, 3, 2**63, "a", "b", Timestamp(7.0)]
    assert dataset.value_counts(column, 2, 1) == [(3, 2)]
    with pytest.raises(Invalid, match="unknown column 'nope'"):
        dataset.values(Path.of("nope"))


def test_the_range_of_times_is_over_all_cells(dataset):
    times = [5.0, -math.inf, math.nan, 1000.0]
    dataset.record_rows([Row(Path.of(f"r{place}"), [Cell(Path.of("x"), 1, time)]) for place, time in enumerate(times)])
    dataset.commit()
    assert dataset.timestamp_range() == (-math.inf, 1000.0)


numbers = st.one_of(
    st.integers(-(2**63), 2**64 - 1),
    st.integers(2**53 - 2, 2**53 + 2),
    st.floats().map(number),
    st.integers(-5, 5),
)
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=8)
atoms = st.one_of(
    numbers,
    texts,
    st.floats().map(Timestamp),
    st.binary(max_size=4),
    st.lists(texts, min_size=1, max_size=3).map(Path),
    st.builds(Interval, st.integers(0, 400), st.integers(0, 400), st.floats(0, 1e6)),
)
columns_of_atoms = st.sampled_from([numbers, texts, atoms, st.integers(-5, 5)]).flatmap(
    lambda kind: st.lists(st.lists(st.one_of(st.none(), kind), min_size=1, max_size=4), min_size=1, max_size=4)
)


@settings(max_examples=120, deadline=None)
@given(calls=columns_of_atoms, kind=st.sampled_from(KINDS))
def test_every_value_comes_back_as_it_was_however_it_was_split_into_calls(calls, kind):
    engine = Engine.open(None)
    dataset = make(kind, engine)
    for place, values in enumerate(calls):
        dataset.record_rows([row(f"{place}.{number}", x=value) for number, value in enumerate(values)])
    dataset.commit()
    back = {str(found.name): [cell.value for cell in found.cells] for found in dataset.rows()}
    engine.close()
    for place, values in enumerate(calls):
        for index, value in enumerate(values):
            (found,) = back[f'"{place}.{index}"'] or [None]
            assert type(found) is type(value)
            assert value is None or equal(found, value)


def test_recording_from_several_threads_loses_nothing(dataset):
    def record(start: int) -> None:
        for place in range(start, start + 20):
            dataset.record_rows([row(f"r{place}", x=place, y="text")])

    threads = [threading.Thread(target=record, args=(start,)) for start in (0, 100, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    dataset.commit()
    assert dataset.row_count() == 60
    assert {values["x"] for _, values in plain(dataset)} == {*range(20), *range(100, 120), *range(200, 220)}


@pytest.mark.parametrize("kind", KINDS)
def test_everything_comes_back_after_a_restart_and_what_was_not_committed_is_still_not(tmp_path, kind):
    key = DatabaseKey.parse("ab" * 32).derive(Purpose.TABLES)
    path = tmp_path / "t.duckdb"
    engine = Engine.open(path, key)
    dataset = make(kind, engine)
    dataset.record_rows([row("a", x=1, y="one")])
    dataset.commit()
    dataset.record_rows([row("b", x=2.5, y="two")])
    engine.close()
    engine = Engine.open(path, key)
    dataset = make(kind, engine)
    assert plain(dataset) == [("a", {"x": 1, "y": "one"})]
    dataset.commit()
    assert dict(plain(dataset)) == {"a": {"x": 1, "y": "one"}, "b": {"x": 2.5, "y": "two"}}
    engine.close()


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_recorded_before_a_kill_is_there_and_nothing_is_half_there(tmp_path, kind):
    program = textwrap.dedent("""
        import pathlib, sys
        sys.path.insert(0, sys.argv[3])
        from test_recordable import make, row
        from datapod_server.storage.engine import Engine
        from datapod_server.storage.keys import DatabaseKey, Purpose

        engine = Engine.open(pathlib.Path(sys.argv[1]), DatabaseKey.parse("ab" * 32).derive(Purpose.TABLES))
        dataset = make(sys.argv[2], engine)
        for call in range(1000):
            dataset.record_rows([row(f"{call}-{place}", x=call, y="plantedsecret") for place in range(10)])
            print(call + 1, flush=True)
    """)
    path = tmp_path / "t.duckdb"
    arguments = [sys.executable, "-c", program, str(path), kind, str(pathlib.Path(__file__).parent)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        for _, _line in zip(range(25), process.stdout, strict=False):
            pass
        process.send_signal(signal.SIGKILL)
        answered = max([25, *(int(line) for line in process.stdout.read().split())])
    assert not any(b"plantedsecret" in found.read_bytes() for found in tmp_path.iterdir())
    engine = Engine.open(path, DatabaseKey.parse("ab" * 32).derive(Purpose.TABLES))
    dataset = make(kind, engine)
    assert dataset.row_count() == 0
    dataset.commit()
    assert dataset.row_count() in (10 * answered, 10 * answered + 10)
    engine.close()


@pytest.mark.parametrize("kind", KINDS)
def test_dropped_and_unreferenced_data_is_gone(engine, kind):
    for key in ("keep", "drop", "lost"):
        dataset = make(kind, engine, key)
        dataset.record_rows([row("r", x=1)])
        dataset.commit()
    make(kind, engine, "drop").drop()
    drop_unreferenced(engine, ["keep"])
    assert [make(kind, engine, key).row_count() for key in ("keep", "drop", "lost")] == [1, 0, 0]
