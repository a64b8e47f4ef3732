"""Atoms: numbers, text, equality, order, JSON. Source: sql-language.md, 2.2, 2.8, 2.9, 2.11."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapod_server.errors import Invalid
from datapod_server.values.atoms import Atom, equal, number, order_key, text_form
from datapod_server.values.interval import Interval
from datapod_server.values.json import atom_from_json, atom_to_json, atom_to_table, encode, encode_sorted
from datapod_server.values.path import Path
from datapod_server.values.timestamp import Timestamp

ATOMS: list[Atom] = [
    None, math.nan, -math.inf, -3, 0.5, 1, 2**64 - 1, math.inf, "", "B", "a", "é", Timestamp(math.nan), Timestamp(0), Interval(0, -1, 0.0),
    Interval(0, 1, 0.0), b"\x01", Path(), Path.of("x10"), Path.of("x2"),
]  # fmt: skip


def test_a_whole_double_is_an_integer() -> None:
    assert [type(number(value)) for value in (4.0, -0.0, 1e3, 2.0**63, 0.5)] == [int, int, int, float, float]
    assert math.copysign(1, number(-0.0)) == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12.5, "12.5"),
        (1e-7, "0.0000001"),
        (1e100, "1e100"),
        (1.5e-10, "1.5e-10"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (2**64 - 1, "18446744073709551615"),
    ],
)
def test_a_double_prints_its_shortest_digits(value: float, text: str) -> None:
    assert text_form(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_text_of_a_double_reads_back_as_the_same_double(value: float) -> None:
    assert float(text_form(value)) == value


def test_all_kinds_have_one_order() -> None:
    assert sorted([*ATOMS[9:], *ATOMS[:9]], key=order_key) == ATOMS


def test_equality_stays_within_one_kind() -> None:
    assert [place for place, left in enumerate(ATOMS[1:]) for right in ATOMS[1:] if equal(left, right)] == list(range(len(ATOMS) - 1))
    assert equal(1, 1.0)
    assert not equal(Path.of("a"), "a")


@pytest.mark.parametrize("atom", ATOMS, ids=repr)
def test_what_is_written_as_json_is_read_back(atom: Atom) -> None:
    found = atom_from_json(json.loads(encode(atom_to_json(atom))))
    assert order_key(found) == order_key(atom)


def test_the_table_format_has_plain_texts() -> None:
    shown = [atom_to_table(atom) for atom in (math.inf, Timestamp(0), Interval(0, 3, 0.0), Path.of("a", "b"), 5)]
    assert shown == ["Inf", "1970-01-01T00:00:00Z", "3D", "a.b", 5]
    assert atom_to_json(b"ab\x00c") == {"blob": ["ab", 0, 99]}


def test_json_is_compact_and_keeps_the_order_or_sorts_the_keys() -> None:
    assert (encode({"b": 1, "a": "é"}), encode_sorted({"b": 1, "a": 0.5})) == ('{"b":1,"a":"é"}'.encode(), b'{"a":0.5,"b":1}')


@pytest.mark.parametrize("wrong", [[1], {"x": 1}, {"ts": "soon"}, {"ts": "2020-02-30"}, "a\x00b", {"num": "five"}])
def test_a_cell_holds_atoms_only(wrong: object) -> None:
    with pytest.raises(Invalid):
        atom_from_json(wrong)
