"""Points in time: seconds since 1970-01-01T00:00:00Z as a double, plus "not a date" (NaN) and the two infinities.

Source: sql-language.md, 2.3; sql-functions.md, 12.1 (the grammar); rest-api.md, 9.3.
"""

from __future__ import annotations

import datetime
import math
import re
from fractions import Fraction
from functools import lru_cache
from typing import Any

from datapod_server.errors import Invalid

NOT_A_DATE = math.nan
_EPOCH_DAYS = datetime.date(1970, 1, 1).toordinal()
_SPECIAL = {"NaD": math.nan, "NaN": math.nan, "Inf": math.inf, "-Inf": -math.inf}
_DECIMALS = 1100  # no double, and no middle between two, has more
_TEXT = re.compile(
    r"(?P<year>\d{4})(?:-?W(?P<week>\d\d)(?:(?<=W\d\d)-?(?P<weekday>[1-7]))?|-(?P<ordinal>\d{3})(?!\d)|(?P<ordinal2>\d{3})(?!\d)"
    r"|-(?P<month>\d\d)(?:-(?P<day>\d\d))?|(?P<month2>\d\d)(?P<day2>\d\d)?)?"
    r"(?:[T ](?P<hour>\d\d)(?::?(?P<minute>\d\d)(?::?(?P<second>\d\d(?:\.\d*)?)(?P<zone>Z|[+-]\d\d(?::?\d\d)?)?)?)?)?",
    re.ASCII,
)


class Timestamp:
    """A cell value that is a point in time. Immutable; equal to another of the same instant, and "not a date" equals itself."""

    __slots__ = ("seconds",)

    seconds: float

    def __init__(self, seconds: float) -> None:
        object.__setattr__(self, "seconds", float(seconds))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Timestamp does not change")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Timestamp):
            return NotImplemented
        return self.seconds == other.seconds or (self.seconds != self.seconds and other.seconds != other.seconds)

    def __hash__(self) -> int:
        return hash(("timestamp", None if self.seconds != self.seconds else self.seconds))

    def __str__(self) -> str:
        return format_seconds(self.seconds)

    def __repr__(self) -> str:
        return f"Timestamp({format_seconds(self.seconds)})"


class ImpossibleDate(Invalid):
    """The text has the form of a date but names a day that does not exist, such as 2020-02-30."""


@lru_cache(maxsize=65_536)
def format_seconds(seconds: float) -> str:
    """ISO 8601 in UTC with the fewest decimals that give back the same double; `NaD`, `Inf`, `-Inf`.

    >>> format_seconds(0.25), format_seconds(float("-inf"))
    ('1970-01-01T00:00:00.25Z', '-Inf')
    """
    if not math.isfinite(seconds):
        return "NaD" if seconds != seconds else "Inf" if seconds > 0 else "-Inf"
    whole = math.floor(seconds)
    fraction = ""
    if whole != seconds:
        whole, fraction = _shortest_fraction(seconds, whole)
    days, second = divmod(whole, 86_400)
    ordinal = days + _EPOCH_DAYS
    if not 1 <= ordinal <= 3_652_059:  # outside the years 1 to 9999 there is no calendar text
        return "Inf" if seconds > 0 else "-Inf"
    date = datetime.date.fromordinal(ordinal)
    return f"{date.year:04}-{date.month:02}-{date.day:02}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}{fraction}Z"


def _shortest_fraction(seconds: float, whole: int) -> tuple[int, str]:
    for decimals in range(1, 18):
        text = f"{seconds:.{decimals}f}"
        if float(text) == seconds:
            break
    digits = text.partition(".")[2]
    if seconds >= 0:
        return int(text.partition(".")[0]), "." + digits
    # Counted upwards from the second below, as the text of a clock is.
    scale = 10 ** len(digits)
    total = -int(text.lstrip("-").replace(".", ""))
    return total // scale, f".{total % scale:0{len(digits)}}".rstrip("0")


@lru_cache(maxsize=65_536)
def parse_seconds(text: str) -> float | None:
    """Seconds of a text in the grammar of sql-functions.md, 12.1; None if the text does not match it.

    Raises:
        ImpossibleDate: It matches, but there is no such day.
    """
    if text in _SPECIAL:
        return _SPECIAL[text]
    match = _TEXT.fullmatch(text)
    if match is None:
        return None
    part = match.groupdict()
    year = int(part["year"])
    hour, minute = int(part["hour"] or 0), int(part["minute"] or 0)
    second, _, fraction = (part["second"] or "0").partition(".")
    fraction = fraction[:_DECIMALS]
    if not 1400 <= year <= 9999 or hour > 23 or minute > 59 or int(second) > 60:
        return None
    days = _day_number(text, year, part)
    whole = (days - _EPOCH_DAYS) * 86_400 + hour * 3600 + minute * 60 + int(second) - _zone_seconds(part["zone"])
    # Added exactly and rounded once, so that every double is read back from its text.
    return float(Fraction(int(fraction), 10 ** len(fraction)) + whole) if fraction else float(whole)


def _day_number(text: str, year: int, part: dict[str, str | None]) -> int:
    try:
        if part["week"]:
            return datetime.date.fromisocalendar(year, int(part["week"]), int(part["weekday"] or 1)).toordinal()
        ordinal = part["ordinal"] or part["ordinal2"]
        if ordinal:
            day = datetime.date(year, 1, 1).toordinal() + int(ordinal) - 1
            if int(ordinal) < 1 or datetime.date.fromordinal(day).year != year:
                raise ValueError("day of year")
            return day
        return datetime.date(year, int(part["month"] or part["month2"] or 1), int(part["day"] or part["day2"] or 1)).toordinal()
    except (ValueError, OverflowError) as error:
        raise ImpossibleDate(f"'{text}' names a day that does not exist") from error


def _zone_seconds(zone: str | None) -> int:
    if zone is None or zone == "Z":
        return 0
    digits = zone[1:].replace(":", "")
    offset = int(digits[:2]) * 3600 + int(digits[2:] or 0) * 60
    return -offset if zone[0] == "-" else offset


def parse_timestamp(text: str) -> Timestamp | None:
    """The conversion of `to_timestamp` and CAST: text that is no date is the timestamp "not a date"; None for an impossible day or
    for text that is not ASCII. Source: sql-functions.md, 12."""
    if not text.isascii():
        return None
    try:
        seconds = parse_seconds(text)
    except ImpossibleDate:
        return None
    return Timestamp(NOT_A_DATE if seconds is None else seconds)


def time_from_json(value: Any) -> float:
    """The time of a cell in a REST body, in seconds. Source: rest-api.md, 6.1.

    Raises:
        Invalid: Anything but a number or a date text.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        seconds = parse_seconds(value)
        if seconds is not None:
            return seconds
        raise Invalid(f"'{value}' is no timestamp: give seconds since 1970 or a text such as 2020-02-03T04:05:06Z")
    if isinstance(value, dict) and len(value) == 1 and isinstance(value.get("ts"), str):
        return time_from_json(value["ts"])
    raise Invalid("a timestamp is a number of seconds since 1970 or an ISO 8601 text")


def time_from_code(value: Any) -> float:
    """The time of a cell given by in-server code, in seconds. Source: python-runtime.md, 7.

    Text that is no date is "not a date", silently.

    Raises:
        TypeError: Any other type, or a text that names an impossible day.
    """
    if isinstance(value, bool):
        raise TypeError("a timestamp must be a datetime, a number of seconds or a text, not bool")
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, str):
        try:
            seconds = parse_seconds(value)
        except ImpossibleDate as error:
            raise TypeError(str(error)) from error
        return NOT_A_DATE if seconds is None else seconds
    if isinstance(value, datetime.datetime):
        return seconds_of_datetime(value)
    raise TypeError(f"a timestamp must be a datetime, a number of seconds or a text, not {type(value).__name__}")


def seconds_of_datetime(value: datetime.datetime) -> float:
    """Wall-clock fields read as UTC if the datetime is naive; microseconds are kept."""
    moment = value if value.tzinfo is not None else value.replace(tzinfo=datetime.UTC)
    return moment.timestamp()
