"""Reading and writing of small files, and variables of test runs, under the names of old releases. Source: plugin-sdk.md, 1.2 and 15."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HOME_DIR = Path.home()


def read_file(path: str | Path) -> str:
    return Path(path).read_text(encoding="utf-8")


def read_json(path: str | Path) -> Any:
    return json.loads(read_file(path))


def write_json(obj: Any, path: str | Path) -> None:
    Path(path).write_text(json.dumps(obj), encoding="utf-8")


def unzip(path: str | Path, target: str | Path) -> None:
    """Unpack an archive; names that lead out of the target folder are made harmless by the library."""
    with zipfile.ZipFile(path) as archive:
        archive.extractall(target)


def filter_rows(table: dict[str, list[Any]], filter_val: Any = None) -> dict[str, list[Any]]:
    """The columns of a table without the rows that hold the value.

    >>> filter_rows({"id": ["a", "b"], "label": [None, "x"]})
    {'id': ['b'], 'label': ['x']}
    """
    rows = [row for row in zip(*table.values(), strict=True) if filter_val not in row]
    return {name: [row[number] for row in rows] for number, name in enumerate(table)}


def get_ci_variables(*names: str) -> dict[str, str | None]:
    """These variables of the environment; None for those that are not set."""
    return {name: os.environ.get(name) for name in names}


def get_project_root(marks: Sequence[str] = ("pyproject.toml", "setup.py", ".git")) -> Path:
    """The nearest folder upwards from the current one that looks like a project, else the current one."""
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if any((folder / mark).exists() for mark in marks)), here)
