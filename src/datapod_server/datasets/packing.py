"""Columns of atoms as Arrow arrays and back: one array of the type that fits most, one of tagged texts for the rest."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Sequence

import pyarrow
from msgspec import Struct

from datapod_server.datasets.tagged import tag, untag
from datapod_server.errors import Invalid
from datapod_server.storage.engine import ColumnKind
from datapod_server.values.atoms import Atom, number
from datapod_server.values.timestamp import Timestamp

ARROW = {
    ColumnKind.INTEGER: pyarrow.int64(),
    ColumnKind.NUMBER: pyarrow.float64(),
    ColumnKind.TEXT: pyarrow.string(),
    ColumnKind.TIMESTAMP: pyarrow.float64(),
}
DUCKDB = {ColumnKind.INTEGER: "BIGINT", ColumnKind.NUMBER: "DOUBLE", ColumnKind.TEXT: "VARCHAR", ColumnKind.TIMESTAMP: "DOUBLE"}
EXACT_DOUBLE = 2**53  # integers up to here are doubles without loss, and no two of them are the same double


class Packed(Struct, frozen=True):
    """One column, or a piece of one.

    Attributes:
        base: Type of `values`; None if every value is null.
        values: Those that fit `base`, null elsewhere.
        overflow: Tagged texts of those that do not; None if there are none.
    """

    base: ColumnKind | None
    values: pyarrow.Array
    overflow: pyarrow.Array | None = None

    def __len__(self) -> int:
        return len(self.values)

    def atoms(self) -> list[Atom]:
        """The values back, one per row."""
        atoms = unpack(self.base, self.values)
        if self.overflow is not None:
            for place, text in enumerate(self.overflow.to_pylist()):
                if text is not None:
                    atoms[place] = untag(text)
        return atoms


def pack(atoms: Sequence[Atom]) -> Packed:
    """The column that loses nothing and has the fewest tagged values.

    Raises:
        Invalid: A string that is not Unicode text (a lone surrogate).
    """
    kinds = set(map(type, atoms)) - {type(None)}
    if not kinds:
        return Packed(None, pyarrow.nulls(len(atoms), pyarrow.int64()))
    with contextlib.suppress(pyarrow.ArrowInvalid, OverflowError):  # a number that does not fit: counted one by one below
        if kinds == {int}:
            return Packed(ColumnKind.INTEGER, pyarrow.array(atoms, pyarrow.int64()))
        if kinds == {float} or kinds == {int, float}:
            return Packed(ColumnKind.NUMBER, pyarrow.array(atoms, pyarrow.float64()))
    try:
        if kinds == {str}:
            return Packed(ColumnKind.TEXT, pyarrow.array(atoms, pyarrow.string()))
        return pack_as(_most_frequent(atoms), atoms)
    except UnicodeEncodeError as error:
        raise Invalid("a string holds a code point that is no character (a lone surrogate)") from error


def pack_as(base: ColumnKind, atoms: Sequence[Atom]) -> Packed:
    """The column with `base` given: what does not fit is tagged."""
    fitting = [_fit(base, atom) for atom in atoms]
    rest = [tag(atom) if fit is None and atom is not None else None for fit, atom in zip(fitting, atoms, strict=True)]
    overflow = pyarrow.array(rest, pyarrow.string()) if any(text is not None for text in rest) else None
    return Packed(base, pyarrow.array(fitting, ARROW[base]), overflow)


def unpack(base: ColumnKind | None, values: pyarrow.Array | pyarrow.ChunkedArray) -> list[Atom]:
    """Atoms of the values that fit `base`; numbers are normalised (sql-language.md, 2.2)."""
    plain: list[Atom] = values.to_pylist()
    match base:
        case ColumnKind.NUMBER:
            return [number(value) if isinstance(value, float) else value for value in plain]
        case ColumnKind.TIMESTAMP:
            return [Timestamp(value) if isinstance(value, float) else value for value in plain]
        case _:
            return plain


def refit(packed: Packed, base: ColumnKind) -> Packed:
    """The same column with another `base`: without loss, by whole arrays where that is possible."""
    if packed.base is base:
        return packed
    if packed.base is None:
        return Packed(base, pyarrow.nulls(len(packed), ARROW[base]))
    if packed.base is ColumnKind.INTEGER and base is ColumnKind.NUMBER and packed.overflow is None and _within_exact(packed.values):
        return Packed(base, packed.values.cast(pyarrow.float64()))
    return pack_as(base, packed.atoms())


def _within_exact(integers: pyarrow.Array) -> bool:
    from pyarrow.compute import min_max  # here: takes 50 ms, and few recordings need it

    extremes = min_max(integers)
    lowest, highest = extremes["min"].as_py(), extremes["max"].as_py()
    return lowest is None or (lowest >= -EXACT_DOUBLE and highest <= EXACT_DOUBLE)


def _fit(base: ColumnKind, atom: Atom) -> int | float | str | None:
    match base, atom:
        case ColumnKind.INTEGER, int() if -(2**63) <= atom < 2**63:
            return atom
        case ColumnKind.NUMBER, int() if abs(atom) <= EXACT_DOUBLE:
            return float(atom)
        case ColumnKind.NUMBER, float():
            return atom
        case ColumnKind.TEXT, str():
            return atom
        case ColumnKind.TIMESTAMP, Timestamp():
            return atom.seconds
        case _:
            return None


def _most_frequent(atoms: Sequence[Atom]) -> ColumnKind:
    """The base that holds the most values; a whole column of intervals, blobs or paths is text with everything tagged."""
    counts = Counter(map(type, atoms))
    numbers = counts[int] + counts[float]
    if numbers and numbers >= max(counts[str], counts[Timestamp]):
        return ColumnKind.NUMBER if counts[float] else ColumnKind.INTEGER
    return ColumnKind.TIMESTAMP if counts[Timestamp] > counts[str] else ColumnKind.TEXT
