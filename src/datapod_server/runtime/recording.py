"""Dataset objects: rows and columns from Python values, checked here, sent in one message. Source: python-runtime.md, 7."""

from __future__ import annotations

import contextlib
import datetime
import gc
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

from datapod_server.runtime import plain
from datapod_server.values.path import Path
from datapod_server.values.timestamp import seconds_of_datetime, time_from_code

Serve = Callable[[str, Any], Any]
"""Asks the server for a service by name; raises `ServerError`."""

_SMALLEST = -(2**63)
_GREATEST = 2**64 - 1
_SEQUENCES = frozenset((list, tuple))
_VALUES = frozenset((int, float, str, type(None)))
_NUMBERS = frozenset((int, float))
_TWO, _THREE, _TEXT = {2}, {3}, {str}
_FIRST, _SECOND, _THIRD = map(itemgetter, range(3))


class ServerError(RuntimeError):
    """An error of the server, with its bare text; `http_code` and `details` tell programs more."""

    def __init__(self, message: str, http_code: int = 400, details: Any = None) -> None:
        super().__init__(message)
        self.http_code = http_code
        self.details = details


ServerError.__module__, ServerError.__qualname__ = "builtins", "RuntimeError"  # the name that clients find in exception objects (14.6)


class Cells:
    """Many cells as parallel lists: columns are sent once and named by number. The form in which a recording crosses the channel."""

    __slots__ = ("_numbers", "_plain_columns", "_plain_numbers", "columns", "counts", "names", "numbers", "times", "values")

    def __init__(self) -> None:
        self.names: list[list[str]] = []
        self.counts: list[int] = []
        self.columns: list[list[str]] = []
        self.numbers: list[int] = []
        self.values: list[Any] = []
        self.times: list[float] = []
        self._numbers: dict[str, int] = {}
        self._plain_columns: tuple[Any, ...] = ()  # of the last usual row: rows mostly have the columns of the one before
        self._plain_numbers: list[int] = []

    def add(self, name: Any, cells: Any, what: str, other: str) -> None:
        """One row (or column) with its cells (or rows); `what` and `other` name them in errors."""
        self.names.append(path_elements(name, what))
        if not isinstance(cells, list | tuple):
            raise TypeError(f"the cells of a {what} must be a list or tuple of [{other}, value, timestamp], not {type(cells).__name__}")
        if not self._add_plain(cells):
            self._add_any(cells, what, other)
        self.counts.append(len(cells))

    def add_plain_rows(self, rows: Sequence[Any]) -> bool:
        """Take many rows of the usual kind (see `_add_plain`) by whole sequences; False, and nothing is taken, if one is not."""
        if not _SEQUENCES.issuperset(map(type, rows)) or set(map(len, rows)) != _TWO:
            return False
        names, cells_of_rows = zip(*rows, strict=True)
        if set(map(type, names)) != _TEXT or not _SEQUENCES.issuperset(map(type, cells_of_rows)):
            return False
        cells = list(chain.from_iterable(cells_of_rows))
        if not cells or not _SEQUENCES.issuperset(map(type, cells)) or set(map(len, cells)) != _THREE:
            return False
        columns = list(map(_FIRST, cells))
        values, times = list(map(_SECOND, cells)), list(map(_THIRD, cells))
        usual = _VALUES.issuperset(map(type, values)) and _NUMBERS.issuperset(map(type, times)) and set(map(type, columns)) == _TEXT
        if not usual:
            return False
        known = self._numbers
        for column in dict.fromkeys(columns):
            if column not in known:
                self._number(column, "column")
        self.names += [[name] for name in names]
        self.counts += map(len, cells_of_rows)
        self.numbers += map(known.__getitem__, columns)
        self.values += values
        self.times += times
        return True

    def _add_plain(self, cells: Sequence[Any]) -> bool:
        """Take a row of the usual kind by whole sequences, three times as fast; False, and nothing is taken, for any other.

        Usual: names are texts, values numbers and texts, times numbers. The types are looked at, so that what is unusual gets its checks.
        """
        if not cells or not _SEQUENCES.issuperset(map(type, cells)) or set(map(len, cells)) != _THREE:
            return False
        columns, values, times = zip(*cells, strict=True)
        if not _VALUES.issuperset(map(type, values)) or not _NUMBERS.issuperset(map(type, times)):
            return False
        if columns != self._plain_columns:
            if set(map(type, columns)) != {str}:
                return False
            self._plain_columns = columns
            known = self._numbers
            self._plain_numbers = [known[column] if column in known else self._number(column, "column") for column in columns]
        self.numbers += self._plain_numbers
        self.values += values
        self.times += times
        return True

    def _add_any(self, cells: Sequence[Any], what: str, other: str) -> None:
        numbers, known = self.numbers, self._numbers
        for cell in cells:
            if not isinstance(cell, list | tuple) or len(cell) != 3:
                raise TypeError(f"a cell of a {what} must be [{other}, value, timestamp], exactly three elements")
            column, value, time = cell
            number = known.get(column) if type(column) is str else None
            numbers.append(self._number(column, other) if number is None else number)
            kind = type(value)
            self.values.append(value if kind is str or kind is float else cell_value(value))
            self.times.append(time if type(time) is float else seconds(time))

    def _number(self, column: Any, other: str) -> int:
        elements = path_elements(column, other)
        self.columns.append(elements)
        number = len(self.columns) - 1
        if type(column) is str:
            self._numbers[column] = number
        return number

    def message(self) -> tuple[Any, ...]:
        """Raises `TypeError` for a number beyond 64 bits."""
        integers = [value for value in self.values if type(value) is int]
        if integers and (max(integers) > _GREATEST or min(integers) < _SMALLEST):
            raise TypeError("a cell holds a number that does not fit into 64 bits")
        return (self.names, self.counts, self.columns, self.numbers, self.values, self.times)


class DatasetObject:
    """A dataset that code records into."""

    def __init__(self, serve: Serve, commit: Callable[[str], None], dataset_id: str, kind: str) -> None:
        self._serve = serve
        self._commit = commit
        self.id = dataset_id
        self.type = kind

    def record_row(self, row: Any, cells: Sequence[Any]) -> None:
        """Record one row; `cells` are `[column, value, timestamp]`."""
        if row is None:
            raise TypeError("a row name cannot be None")
        self.record_rows([(row, cells)])

    def record_rows(self, rows: Sequence[Any]) -> None:
        """Record many rows, `[row, cells]` each, with one call of the server."""
        self._record("record_rows", rows, "row", "column")

    def record_column(self, column: Any, cells: Sequence[Any]) -> None:
        """Record one column; `cells` are `[row, value, timestamp]`."""
        if column is None:
            raise TypeError("a column name cannot be None")
        self.record_columns([(column, cells)])

    def record_columns(self, columns: Sequence[Any]) -> None:
        """Record many columns, `[column, cells]` each."""
        self._record("record_columns", columns, "column", "row")

    def commit(self) -> None:
        self._commit(self.id)

    recordrow = record_row
    recordrows = record_rows

    def _record(self, service: str, entries: Any, what: str, other: str) -> None:
        if not isinstance(entries, list | tuple):
            raise TypeError(f"{service} takes a list or tuple, not {type(entries).__name__}")
        with collection_paused():
            cells = Cells()
            if not (what == "row" and cells.add_plain_rows(entries)):
                for entry in entries:
                    if not isinstance(entry, list | tuple) or len(entry) != 2:
                        raise TypeError(f"each entry of {service} must be [{what}, cells], exactly two elements")
                    cells.add(entry[0], entry[1], what, other)
            message = cells.message()
        self._serve(service, (self.id, *message))


@contextlib.contextmanager
def collection_paused() -> Iterator[None]:
    """Without the search for cyclic garbage, which costs more than the work when a million cells are taken apart."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def path_elements(name: Any, what: str) -> list[str]:
    """The elements of a row or column name; a text is one element, whatever is in it."""
    if isinstance(name, str):
        return [str(name)]
    if isinstance(name, int) and not isinstance(name, bool):
        if name < 0:
            raise TypeError(f"a {what} name cannot be a negative number")
        return [str(name)]
    if isinstance(name, Path):
        return list(name)
    if name is None or (isinstance(name, list | tuple) and not name):
        raise ServerError(f"empty {what} names are not allowed")
    if isinstance(name, list | tuple):
        return [element for part in name for element in path_elements(part, what)]
    raise TypeError(f"a {what} name must be a text, a number or a list of those, not {type(name).__name__}")


def cell_value(value: Any) -> Any:
    """A cell's value as it crosses the channel; a timestamp as `{"ts": seconds}`."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        if not _SMALLEST <= value <= _GREATEST:
            raise TypeError(f"{value} does not fit into 64 bits")
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, datetime.datetime):
        return {"ts": seconds_of_datetime(value)}
    if isinstance(value, bytes):
        return value
    raise TypeError(f"a cell cannot hold a value of type {type(value).__name__}")


def seconds(time: Any) -> float:
    """A cell's time in seconds since 1970; a text that is no date is NaN ("not a date"), an impossible day a `TypeError`."""
    if isinstance(time, bool):
        raise TypeError("a timestamp cannot be a bool")
    return float(time_from_code(time))


def dataset_config(config: Any) -> bytes:
    """The JSON text of a dataset's configuration. Raises `TypeError` for what is no object."""
    if not isinstance(config, dict):
        raise TypeError("the configuration of a dataset must be an object")
    return plain.to_json(config)
