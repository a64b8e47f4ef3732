"""Dates and times, and the functions on the times of cells. Source: sql-functions.md, 13 and 14."""

from __future__ import annotations

import datetime
import math
import re
import time
from collections.abc import Callable, Sequence

from datapod_server.errors import QueryError
from datapod_server.sql.builtins.builtin import Builtin, Code, Stamp, Takes
from datapod_server.sql.builtins.paths import to_timestamp
from datapod_server.sql.operators import cannot_convert, to_double
from datapod_server.sql.structures import (
    ALWAYS,
    Embedding,
    RowValue,
    Valued,
    as_row,
    atom,
    only_latest,
    row_time,
    value_key,
)  # fmt: skip
from datapod_server.values.atoms import kind_name, number
from datapod_server.values.path import Path
from datapod_server.values.rows import Cell, latest
from datapod_server.values.timestamp import NOT_A_DATE, Timestamp

_DAY = 86_400
_EPOCH = datetime.datetime(1970, 1, 1)
_ZONE = re.compile(r"([+-])(\d\d):?(\d\d)?")
# Longer names first where one begins with another.
_UNITS = ("microsecond", "millisecond", "second", "minute", "hour", "dow", "doy", "day", "isodow", "isodoy", "isoweek", "isoyear",
          "week", "month", "quarter", "year")  # fmt: skip


def _unit(codes: Sequence[Code], name: str) -> str:
    constant = codes[0].constant
    if constant is None or not isinstance(constant[0], str):
        raise QueryError(f"{name} needs a constant text as its time unit")
    text = constant[0].lower()
    for unit in _UNITS:
        if text.startswith(unit):
            return unit
    raise QueryError(f"Invalid time unit '{constant[0]}': expected one of {', '.join(_UNITS)}")


def _moment(name: str, value: Valued, zone: Valued | None) -> float:
    found = to_timestamp(value[0])
    if found is None:
        raise cannot_convert(atom(value[0]), "timestamp")
    if not math.isfinite(found.seconds):
        raise QueryError(f"{name} needs a date, not '{found}'")
    if zone is None:
        return found.seconds
    if not isinstance(zone[0], str):
        raise QueryError(f"{name} expected a string as third argument, got {kind_name(atom(zone[0]))}")
    match = _ZONE.fullmatch(zone[0])
    if match is None:
        raise QueryError(f"failed to parse timezone '{zone[0]}': expected +hh, +hhmm or +hh:mm")
    shift = int(match[2]) * 3600 + int(match[3] or 0) * 60
    return found.seconds - (shift if match[1] == "+" else -shift)


def _calendar(seconds: float) -> datetime.datetime:
    try:
        return _EPOCH + datetime.timedelta(seconds=math.floor(seconds))
    except OverflowError as error:
        raise QueryError("the date lies outside the years 1 to 9999") from error


def _part(unit: str, seconds: float) -> int:
    fraction = seconds - math.floor(seconds)
    date = _calendar(seconds)
    iso = date.isocalendar()
    day_of_year = date.timetuple().tm_yday - 1
    parts: dict[str, Callable[[], int]] = {
        "microsecond": lambda: math.floor(fraction * 1e6),
        "millisecond": lambda: math.floor(fraction * 1e3),
        "second": lambda: date.second,
        "minute": lambda: date.minute,
        "hour": lambda: date.hour,
        "day": lambda: date.day,
        "dow": lambda: date.isoweekday() % 7,
        "doy": lambda: day_of_year,
        "isodow": lambda: iso.weekday,
        "isodoy": lambda: (iso.week - 1) * 7 + iso.weekday,
        "week": lambda: day_of_year // 7,
        "isoweek": lambda: iso.week,
        "month": lambda: date.month,
        "quarter": lambda: (date.month - 1) // 3 + 1,
        "year": lambda: date.year,
        "isoyear": lambda: iso.year,
    }
    return parts[unit]()


def _truncated(unit: str, seconds: float) -> float:
    if unit in ("microsecond", "millisecond"):
        scale = 1e6 if unit == "microsecond" else 1e3
        whole = math.floor(seconds)
        return whole + math.floor((seconds - whole) * scale) / scale
    sizes = {"second": 1, "minute": 60, "hour": 3600, "day": _DAY, "dow": _DAY, "doy": _DAY, "isodow": _DAY, "isodoy": _DAY}
    if unit in sizes:
        return math.floor(seconds / sizes[unit]) * sizes[unit]
    date = _calendar(seconds).replace(hour=0, minute=0, second=0)
    iso = date.isocalendar()
    if unit == "week":
        date -= datetime.timedelta(days=date.isoweekday() % 7)
    elif unit == "isoweek":
        date -= datetime.timedelta(days=iso.weekday - 1)
    elif unit == "isoyear":
        date = datetime.datetime.fromisocalendar(iso.year, 1, 1)
    else:
        month = {"month": date.month, "quarter": (date.month - 1) // 3 * 3 + 1, "year": 1}[unit]
        date = date.replace(month=month, day=1)
    return (date - _EPOCH).total_seconds()


def _bind_part(codes: Sequence[Code]) -> Callable[..., Valued]:
    unit = _unit(codes, "date_part")
    return lambda _, value, zone=None: (_part(unit, _moment("date_part", value, zone)), ALWAYS)


def _bind_trunc(codes: Sequence[Code]) -> Callable[..., Valued]:
    unit = _unit(codes, "date_trunc")
    return lambda _, value, zone=None: (Timestamp(_truncated(unit, _moment("date_trunc", value, zone))), ALWAYS)


# Times of cells


def earliest_timestamp(value: Valued) -> Valued:
    """Over all values of all cells; of an empty row it is infinite."""
    if not isinstance(value[0], RowValue):
        return Timestamp(value[1]), value[1]
    times = [cell.time for cell in value[0].cells]
    return Timestamp(min(times, key=lambda at: (at == at, at), default=math.inf)), value[1]


def latest_timestamp(value: Valued) -> Valued:
    if not isinstance(value[0], RowValue):
        return Timestamp(value[1]), value[1]
    row = only_latest(value[0])
    return Timestamp(row_time(row) if row.cells else ALWAYS), value[1]


def distinct_timestamps(value: Valued) -> Valued:
    cells = as_row(*value).cells
    times = {cell.time for cell in cells if cell.value is not None and cell.time == cell.time}
    return Embedding([Timestamp(at) for at in sorted(times)]), value[1]


def restamp(value: Valued, moment: Valued) -> Valued:
    """`value @ moment`: on a row all cells are stamped."""
    found = to_timestamp(moment[0])
    if found is None:
        raise cannot_convert(None if moment[0] is None else atom(moment[0]), "timestamp")
    if isinstance(value[0], RowValue):
        row = RowValue([Cell(cell.column, cell.value, found.seconds) for cell in value[0].cells], is_sorted=True)
        return row, found.seconds if row.cells else NOT_A_DATE
    return value[0], found.seconds


# Several values of one cell


def _temporal(combine: Callable[[list[Cell]], Cell]) -> Callable[[Valued], Valued]:
    """Goes over each top-level column; a cell with one value is returned as it is."""

    def apply(value: Valued) -> Valued:
        if value[0] is None:
            return value
        if not isinstance(value[0], RowValue):
            return combine([Cell(Path(), value[0], value[1])])[1:] if isinstance(value[0], int | float | str) else value
        groups: dict[Path, list[Cell]] = {}
        for cell in value[0].cells:
            if cell.value is not None:
                groups.setdefault(cell.column, []).append(cell)
        combined = {column: combine(cells) for column, cells in groups.items()}
        if list(combined) == [Path()]:
            return combined[Path()][1:]
        row = RowValue([Cell(column, cell.value, cell.time) for column, cell in combined.items()])
        return row, row_time(row)

    return apply


def _newest(cells: list[Cell]) -> float:
    return max((cell.time for cell in cells), key=lambda at: (at == at, at))


def _sum(cells: list[Cell], divisor: int) -> Cell:
    if len(cells) == 1:
        return cells[0]
    total = 0.0
    for cell in cells:
        total += to_double(cell.value)
    return Cell(Path(), number(total / divisor), _newest(cells))


def _earliest(cells: list[Cell]) -> Cell:
    return min(cells, key=lambda cell: (cell.time == cell.time, cell.time, value_key(cell.value)))


_TEMPORAL: dict[str, Callable[[list[Cell]], Cell]] = {
    "temporal_earliest": _earliest,
    "temporal_latest": latest,
    "temporal_min": lambda cells: min(cells, key=lambda cell: value_key(cell.value)),
    "temporal_max": lambda cells: max(cells, key=lambda cell: value_key(cell.value)),
    "temporal_sum": lambda cells: _sum(cells, 1),
    "temporal_avg": lambda cells: _sum(cells, len(cells)),
    "temporal_count": lambda cells: Cell(Path(), len(cells), _newest(cells)),
}


def _now() -> Timestamp:
    return Timestamp(time.time())


BUILTINS = (
    Builtin("now", _now, 0, 0, stamp=Stamp.ALWAYS, folds=False),
    Builtin("date_part", None, 2, 3, takes=Takes.STAMPED, bind=_bind_part),
    Builtin("date_trunc", None, 2, 3, takes=Takes.STAMPED, bind=_bind_trunc),
    Builtin("earliest_timestamp", earliest_timestamp, takes=Takes.STAMPED, all_values=True),
    Builtin("latest_timestamp", latest_timestamp, takes=Takes.STAMPED),
    Builtin("distinct_timestamps", distinct_timestamps, takes=Takes.STAMPED, all_values=True),
    Builtin("at", restamp, 2, 2, takes=Takes.STAMPED),
    *(Builtin(name, _temporal(combine), takes=Takes.STAMPED, all_values=True) for name, combine in _TEMPORAL.items()),
)
