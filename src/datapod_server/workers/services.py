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
_AS_THEY_ARE_OR_DOUBLES = _AS_THEY_ARE | {float}


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


@runtime_checkable
class ByCells(Protocol):
    """A dataset that takes rows of any shape faster as parallel sequences of all cells; see `SparseDataset.record_cells`."""

    def record_cells(
        self,
        names: Sequence[Path],
        counts: Sequence[int],
        columns: Sequence[Path],
        numbers: Sequence[int],
        values: Sequence[Atom],
        times: Sequence[float],
    ) -> None: ...


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
                    record(self.dataset(dataset_id), *cells)
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


def record(
    dataset: Recordable,
    names: list[list[str]],
    counts: list[int],
    columns: list[list[str]],
    numbers: list[int],
    values: list[Any],
    times: list[float],
) -> None:
    """Record rows that crossed the channel, in the way that is the fastest for the dataset and for them."""
    if isinstance(dataset, ByCells):
        dataset.record_cells(list(map(Path, names)), counts, list(map(Path, columns)), numbers, atoms_of(values), times)
    elif not (isinstance(dataset, ByColumns) and record_by_columns(dataset, names, counts, columns, numbers, values, times)):
        dataset.record_rows(list(rows_of(names, counts, columns, numbers, values, times)))


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
    atoms = atoms_of(values)
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
    by_column = [atoms_of(values[place::width]) for place in range(width)]
    return dataset.record_regular(list(map(Path, names)), list(map(Path, columns)), by_column, latest)


def atoms_of(values: list[Any]) -> list[Atom]:
    """Values as they crossed the channel, as atoms. Raises `Invalid` for what is none."""
    kinds = set(map(type, values))
    if kinds <= _AS_THEY_ARE:
        return values
    if kinds <= _AS_THEY_ARE_OR_DOUBLES:  # whole doubles become integers; the remainder says which are whole without a call
        return [number(value) if value.__class__ is float and value % 1 == 0 else value for value in values]
    return [value if type(value) in _AS_THEY_ARE else _atom(value) for value in values]


def _atom(value: Any) -> Atom:
    if isinstance(value, float):
        return number(value)
    if isinstance(value, dict):
        return Timestamp(value["ts"])
    if value is None or isinstance(value, bytes):
        return value
    raise Invalid(f"a cell cannot hold a value of type {type(value).__name__}")
