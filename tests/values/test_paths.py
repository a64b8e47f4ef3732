"""Paths: printing, parsing, natural order, prefixes. Source: sql-language.md, 1.2."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapod_server.errors import Invalid
from datapod_server.values.path import Path

ELEMENTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=8)


@pytest.mark.parametrize(
    ("elements", "printed"),
    [
        (("x", "y"), "x.y"),
        (("hello world",), "hello world"),
        (("x.y",), '"x.y"'),
        (('a"b',), '"a""b"'),
        (("",), '""'),
        (("x", ""), 'x.""'),
        (('["apple"]',), '"[""apple""]"'),
        (("Zoë",), "Zoë"),
        (("a\nb",), '"a\nb"'),
        ((), ""),
    ],
)
def test_elements_are_quoted_only_where_they_must_be(elements: tuple[str, ...], printed: str) -> None:
    assert str(Path(elements)) == printed


@pytest.mark.parametrize(
    ("text", "elements"), [('""', ("",)), ("", ("",)), (".", ("", "")), ("x.", ("x", "")), ("..", ("", "", "")), ('a."b.c"', ("a", "b.c"))]
)
def test_unquoted_elements_may_be_empty(text: str, elements: tuple[str, ...]) -> None:
    assert Path.parse(text) == Path(elements)


@pytest.mark.parametrize(
    ("text", "reason"), [('a"b', "Quotes must be doubled"), ('"a"b', "Quotes must be doubled"), ("a\tb", "Special characters")]
)
def test_a_stray_quote_or_control_character_is_refused(text: str, reason: str) -> None:
    with pytest.raises(Invalid, match=reason):
        Path.parse(text)


@given(st.lists(ELEMENTS, min_size=1, max_size=4))
def test_what_is_printed_is_read_back(elements: list[str]) -> None:
    assert Path.parse(str(Path(elements))) == Path(elements)


def test_names_in_json_are_texts_numbers_or_lists_of_elements() -> None:
    assert [Path.from_json(value) for value in ("a.b", 12, ["a.b", 3])] == [Path.of("a", "b"), Path.of("12"), Path.of("a.b", "3")]
    for wrong in (None, True, 1.5, [None], ["\x00"]):
        with pytest.raises(Invalid):
            Path.from_json(wrong)


def test_digit_runs_sort_as_numbers_and_everything_else_by_bytes() -> None:
    ordered = ["00", "0", "9", "0010", "010", "10", "B", "a", "x2", "x10", "é"]
    assert sorted([*ordered[5:], *ordered[:5]], key=lambda element: Path.of(element).key) == ordered
    assert Path.of("a").key < Path.of("a", "b").key


def test_a_wildcard_matches_by_the_text_of_its_last_element() -> None:
    matching = [path for path in ("x", "xy", "x.a", "xy.a", "y.x") if Path.parse(path).starts_with(Path.of("x"))]
    assert matching == ["x", "xy", "x.a", "xy.a"]


def test_a_new_prefix_takes_the_place_of_the_old_one() -> None:
    assert str(Path.of("a").replace_prefix(Path(), Path.of("my"))) == "my.a"
    assert str(Path.of("cat", "x").replace_prefix(Path.of("c"), Path.of("d"))) == "dat.x"
    assert str(Path.of("col", "x").replace_prefix(Path.of("c"), Path())) == "x"
