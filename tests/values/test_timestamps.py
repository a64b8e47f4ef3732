"""Timestamps as text and back, and intervals. Source: sql-language.md, 2.3, 2.4; sql-functions.md, 12.1."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapod_server.errors import Invalid
from datapod_server.values.interval import Interval
from datapod_server.values.timestamp import ImpossibleDate, format_seconds, parse_seconds, parse_timestamp, time_from_code, time_from_json

YEAR_1400, YEAR_9999 = -17987443200.0, 253402300799.0


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("2020", "2020-01-01T00:00:00Z"),
        ("2020-03", "2020-03-01T00:00:00Z"),
        ("202003", "2020-03-01T00:00:00Z"),
        ("20200305", "2020-03-05T00:00:00Z"),
        ("2020-065", "2020-03-05T00:00:00Z"),
        ("2020065", "2020-03-05T00:00:00Z"),
        ("2020-W10", "2020-03-02T00:00:00Z"),
        ("2020-W10-4", "2020-03-05T00:00:00Z"),
        ("2020W104", "2020-03-05T00:00:00Z"),
        ("2020-03-05T04", "2020-03-05T04:00:00Z"),
        ("2020-03-05 04:05", "2020-03-05T04:05:00Z"),
        ("2020-03-05T040506.25Z", "2020-03-05T04:05:06.25Z"),
        ("2013-04-01T09:08:07+04:30", "2013-04-01T04:38:07Z"),
        ("2013-04-01T09:08:07-04", "2013-04-01T13:08:07Z"),
        ("Inf", "Inf"),
        ("-Inf", "-Inf"),
        ("NaN", "NaD"),
    ],
)
def test_every_form_of_the_grammar_is_read(text: str, printed: str) -> None:
    seconds = parse_seconds(text)
    assert seconds is not None
    assert format_seconds(seconds) == printed


@pytest.mark.parametrize(
    "text", ["soon", "", "2020-01-01xyz", "2020-01-01T10:00Z", "1399-01-01", "2020-01-01T24:00", "2020-01-01T10:00:00Zx", "20"]
)
def test_what_is_left_over_makes_it_no_date(text: str) -> None:
    assert parse_seconds(text) is None
    found = parse_timestamp(text)
    assert found is not None
    assert math.isnan(found.seconds)


def test_an_impossible_day_is_told_from_text_that_is_no_date() -> None:
    with pytest.raises(ImpossibleDate):
        parse_seconds("2020-02-30")
    assert parse_timestamp("2020-02-30") is None
    assert parse_timestamp("één") is None


@given(st.floats(YEAR_1400, -1) | st.floats(1, YEAR_9999))
def test_a_time_is_read_back_from_its_text(seconds: float) -> None:
    assert parse_seconds(format_seconds(seconds)) == seconds


def test_a_body_refuses_what_code_may_give() -> None:
    assert time_from_json(5) == 5.0
    assert time_from_json("1970-01-01T00:00:05Z") == 5.0
    with pytest.raises(Invalid):
        time_from_json("soon")
    assert math.isnan(time_from_code("soon"))
    with pytest.raises(TypeError):
        time_from_code(None)


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("15 month 14 d 1s", "1Y 3 MONTH 14D 1S"),
        ("-0.1s", "-0.1S"),
        ("1h 16m 7.89s", "1H 16M 7.89S"),
        ("2 year", "2Y"),
        ("0 s", "0S"),
    ],
)
def test_an_interval_prints_its_largest_units(text: str, printed: str) -> None:
    interval = Interval.parse(text)
    assert str(interval) == printed
    assert Interval.parse(printed) == interval


@pytest.mark.parametrize(
    ("text", "reason"), [("2 days", "Unexpected symbol"), ("1.5 d", "Fractional days not accepted in interval"), ("", "empty")]
)
def test_a_wrong_interval_says_why(text: str, reason: str) -> None:
    with pytest.raises(Invalid, match=reason):
        Interval.parse(text)
