"""What code may ask beside requests: recording (a form made for speed), lines, listings, the optimisation level.

`Services` is what a pod hands in; the rest decodes what crossed the channel.
"""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any, Protocol, runtime_checkable

import numpy
from msgspec import Struct

from datapod_server.errors import Invalid
from datapod_server.values.atoms import Atom, number
from datapod_server.values.path import Path
from datapod_server.values.rows import Cell, Row
from datapod_server.values.timestamp import Timestamp, format_seconds
from datapod_server.vfs import Vfs

ColumnOfCells = tuple[Path, Sequence[tuple[Path, Atom, float]]]


_AS_THEY_ARE = frozenset((str, int, type(None)))


class Collection:
    """The search for cyclic garbage, which has nothing to find among a million new cells and takes longer than recording them: 2.1 s
    instead of 0.4 s. Pauses overlap; the last one that ends sets it going again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pauses = 0

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        with self._lock:
            self._pauses += 1
            gc.disable()
        try:
            yield
        finally:
            with self._lock:
                self._pauses -= 1
                if self._pauses == 0:
                    gc.enable()


COLLECTION = Collection()


class Recordable(Protocol):
    """A dataset that takes rows."""

    def record_rows(self, rows: Sequence[Row]) -> None: ...

    def record_columns(self, columns: Sequence[ColumnOfCells]) -> None: ...


@runtime_checkable
class ByColumns(Protocol):
    """A dataset that takes regular rows faster by whole columns; False if it cannot take these."""

    def record_regular(
        self, names: Sequence[Path], columns: Sequence[Path], values: Sequence[Sequence[Atom]], times: numpy.ndarray
    ) -> bool: ...


class Services(Struct, frozen=True):
    """What the workers of one pod may use.

    Attributes:
        dataset: A dataset by id; raises `EntryNotFound`, `Conflict`.
        vfs: The pod's files.
        set_optimization_level: `always`, `never` or `sometimes`; raises `Invalid`.
    """

    dataset: Callable[[str], Recordable]
    vfs: Vfs
    set_optimization_level: Callable[[str], None]

    def serve(self, name: str, arguments: Any) -> Any:
        """Carry out one service that any code may ask for. Raises `DatapodError`; `Invalid` for a name that is none."""
        match name:
            case "record_rows":
                dataset_id, *cells = arguments
                with COLLECTION.paused():
                    dataset = self.dataset(dataset_id)
                    if not (isinstance(dataset, ByColumns) and record_by_columns(dataset, *cells)):
                        dataset.record_rows(list(rows_of(*cells)))
            case "record_columns":
                dataset_id, *cells = arguments
                with COLLECTION.paused():
                    self.dataset(dataset_id).record_columns([(name, cells) for name, cells in rows_of(*cells)])
            case "read_lines":
                path, most = arguments
                return list(self.vfs.read_lines(path, most))
            case "ls":
                return self._ls(*arguments)
            case "optimization_level":
                self.set_optimization_level(*arguments)
            case _:
                raise Invalid(f"there is no service '{name}'")
        return None

    def _ls(self, path: str) -> dict[str, Any]:
        listing = self.vfs.ls(path)
        objects = {}
        for url, info in listing.objects.items():
            shown: dict[str, Any] = {"exists": info.exists, "size": info.size}
            for name, seconds in (("lastModified", info.last_modified), ("lastAccessed", info.last_accessed)):
                if seconds is not None:
                    shown[name] = format_seconds(seconds)
            for name, text in (("etag", info.etag), ("contentType", info.content_type)):
                if text:
                    shown[name] = text
            objects[url] = shown
        return {"dirs": list(listing.dirs), "objects": objects}


def rows_of(
    names: list[list[str]],
    counts: list[int],
    columns: list[list[str]],
    numbers: list[int],
    values: list[Any],
    times: list[float],
) -> Iterator[Row]:
    """The rows of a recording as it crossed the channel: parallel lists of all cells, in the order of the rows.

    `numbers` are places in `columns`; `counts` says how many cells belong to each name.
    """
    paths = [Path(column) for column in columns]
    kinds = set(map(type, values))
    atoms = values if kinds <= _AS_THEY_ARE else list(map(_atom_of, values))
    # tuple.__new__ skips the argument handling of the named tuple: a third of its time
    cells = map(partial(tuple.__new__, Cell), zip(map(paths.__getitem__, numbers), atoms, map(float, times), strict=True))
    for name, count in zip(names, counts, strict=True):
        yield Row(Path(name), list(islice(cells, count)))


def record_by_columns(
    dataset: ByColumns,
    names: list[list[str]],
    counts: list[int],
    columns: list[list[str]],
    numbers: list[int],
    values: list[Any],
    times: list[float],
) -> bool:
    """Record what `rows_of` would give, without making cells, if every row has all the columns in their order; else False."""
    width = len(columns)
    if not width or len(values) != width * len(names) or counts != [width] * len(names) or numbers != list(range(width)) * len(names):
        return False
    latest = numpy.array(times, numpy.float64).reshape(len(names), width).max(axis=1)
    if numpy.isnan(latest).any():  # "not a date" has rules of its own
        return False
    by_column = []
    for place in range(width):
        column = values[place::width]
        by_column.append(column if _AS_THEY_ARE.issuperset(map(type, column)) else [_atom_of(value) for value in column])
    return dataset.record_regular([Path(name) for name in names], [Path(column) for column in columns], by_column, latest)


def _atom_of(value: Any) -> Atom:
    return value if type(value) in _AS_THEY_ARE else _atom(value)


def _atom(value: Any) -> Atom:
    if isinstance(value, float):
        return number(value)
    if isinstance(value, dict):
        return Timestamp(value["ts"])
    if value is None or isinstance(value, bytes):
        return value
    raise Invalid(f"a cell cannot hold a value of type {type(value).__name__}")
