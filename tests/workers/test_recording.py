"""Dataset objects: what may be recorded, and the exact errors of what may not. Source: python-runtime.md, 7."""

from __future__ import annotations

import math

import pytest
from tests.workers.conftest import TinyPod

from datapod_server.values.timestamp import Timestamp

DATASET = "import datetime\nds = mldb.create_dataset({'id': 'd', 'type': 'sparse.mutable'})\n"


def test_rows_arrive_with_their_cells(pod: TinyPod) -> None:
    pod.result(
        DATASET + "ds.record_row('a.b', [['c.d', 1, 0], [('x', 2), 'text', 1.5]])\n"
        "ds.record_rows([[7, [['n', None, 0], ['t', True, 0]]], (['p', 'q'], ())])\nds.commit()"
    )
    assert pod.datasets["d"].cells() == [
        ('"a.b"', '"c.d"', 1, 0.0),
        ('"a.b"', "x.2", "text", 1.5),
        ("7", "n", None, 0.0),
        ("7", "t", 1, 0.0),
    ]
    assert [str(row.name) for row in pod.datasets["d"].rows] == ['"a.b"', "7", "p.q"]
    assert pod.datasets["d"].commits == 1


def test_columns_may_be_recorded(pod: TinyPod) -> None:
    pod.result(DATASET + "ds.record_column('c', [['r1', 1, 0], ['r2', 2, 0]])\nds.record_columns([['e', [['r', 'x', 0]]]])")
    assert [(str(column), [(str(row), value) for row, value, _ in cells]) for column, cells in pod.datasets["d"].columns] == [
        ("c", [("r1", 1), ("r2", 2)]),
        ("e", [("r", "x")]),
    ]


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ("None", None),
        ("True", 1),
        ("-2**63", -(2**63)),
        ("2**64 - 1", 2**64 - 1),
        ("0.1", 0.1),
        ("2.0", 2),
        ("float('inf')", math.inf),
        ("'\\x01é😀'", "\x01é😀"),
        ("b'\\x00\\xff'", b"\x00\xff"),
        ("datetime.datetime(2026, 1, 5, 10, 0, 0, 250000)", Timestamp(1767607200.25)),
    ],
)
def test_values_keep_their_kind(pod: TinyPod, value: str, stored: object) -> None:
    pod.result(DATASET + f"ds.record_row('r', [['c', {value}, 0]])")
    assert pod.datasets["d"].cells()[0][2] == stored


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        ("0", 0.0),
        ("-1.5", -1.5),
        ("'2026-01-05T10:00:00Z'", 1767607200.0),
        ("'yesterday'", math.nan),
        ("float('nan')", math.nan),
        ("float('-inf')", -math.inf),
        ("datetime.datetime(2026, 1, 5, 10)", 1767607200.0),
        ("datetime.datetime(2026, 1, 5, 12, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))", 1767607200.0),
    ],
)
def test_times_are_seconds(pod: TinyPod, time: str, seconds: float) -> None:
    pod.result(DATASET + f"ds.record_row('r', [['c', 1, {time}]])")
    stored = pod.datasets["d"].cells()[0][3]
    assert stored == seconds or (math.isnan(stored) and math.isnan(seconds))


@pytest.mark.parametrize(
    "call",
    [
        "record_row('r', [['c', 1]])",
        "record_row('r', [['c', 1, 0, 0]])",
        "record_row('r', [['c', 1, None]])",
        "record_row('r', [['c', 1, '2015-02-31']])",
        "record_row('r', [['c', 1, datetime.date(2015, 1, 1)]])",
        "record_row('r', [['c', {'a': 1}, 0]])",
        "record_row('r', [['c', [1], 0]])",
        "record_row('r', [['c', datetime.date(2015, 1, 1), 0]])",
        "record_row('r', [['c', 2**64, 0]])",
        "record_row(None, [['c', 1, 1]])",
        "record_row(1.5, [['c', 1, 1]])",
        "record_row(b'r', [['c', 1, 1]])",
        "record_row(-1, [['c', 1, 1]])",
        "record_row('r', [[1.0, 1, 1]])",
        "record_row('r', [[1, 1, 1], [1.0, 1, 1]])",
        "record_row('r', 'abc')",
        "record_row('r', {'c': 1})",
        "record_row('r', iter([['c', 1, 0]]))",
        "record_rows([['r']])",
        "record_rows({'r': []})",
    ],
)
def test_what_has_another_shape_is_a_type_error(pod: TinyPod, call: str) -> None:
    assert pod.failure(DATASET + f"ds.{call}")["type"] == "TypeError"
    assert pod.datasets["d"].rows == []


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ("record_row([], [['c', 1, 1]])", "empty row names are not allowed"),
        ("record_rows([[None, []]])", "empty row names are not allowed"),
        ("record_row('r', [[[], 1, 1]])", "empty column names are not allowed"),
        ("record_row('r', [[None, 1, 1]])", "empty column names are not allowed"),
    ],
)
def test_empty_names_are_refused(pod: TinyPod, call: str, text: str) -> None:
    source = f"try: ds.{call}\nexcept RuntimeError as error: mldb.set_return(str(error))"
    assert pod.result(DATASET + source) == text


def test_an_empty_text_is_a_name(pod: TinyPod) -> None:
    pod.result(DATASET + "ds.record_row('', [['', 1, 0]])")
    assert pod.datasets["d"].cells() == [('""', '""', 1, 0.0)]


def test_errors_of_the_server_are_runtime_errors_of_the_very_call(pod: TinyPod) -> None:
    source = DATASET + (
        "try: mldb.create_dataset({'id': 'd', 'type': 'sparse.mutable'})\n"
        "except RuntimeError as error: mldb.set_return([str(error), error.http_code])"
    )
    assert pod.result(source) == ["dataset entry 'd' already exists", 409]
    gone = (
        "ds = mldb.create_dataset({'id': 'g', 'type': 'x'}); ds.id = 'gone'\n"
        "try: ds.record_row('r', [['c', 1, 0]])\nexcept RuntimeError as e: mldb.set_return(str(e))"
    )
    assert pod.result(gone) == "dataset entry 'gone' doesn't exist"


def test_the_founding_documents_spellings_work(pod: TinyPod) -> None:
    pod.result("ds = mldb.createdataset({'id': 'd', 'type': 'x'}); ds.recordrow('r', [['c', 1, 0]]); mldb.set_return([ds.id, ds.type])")
    assert pod.datasets["d"].cells() == [("r", "c", 1, 0.0)]
    assert pod.failure("mldb.create_dataset('no object')")["type"] == "TypeError"
