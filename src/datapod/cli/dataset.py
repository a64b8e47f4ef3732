"""`datapod dataset export`: a data set of items, or a dataset of `/v1`, as CSV or JSON. Source: plugin-sdk.md, 14.3 and 16.2."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

Table = dict[str, list[Any]]


def export_items(name: str, columns: list[str] | None, out: Path, *, all_rows: bool = False) -> int:
    """Write the entries of a data set of items; the number of rows.

    Args:
        columns: Dotted paths from the entry; None: `data.<property>` of every feature and `annotation.labelValue`.
        all_rows: Also those in which something is missing.

    Raises:
        PodError: There is no such data set, or no pod.
        ValueError: The file's name ends neither in `.csv` nor in `.json`.
    """
    from datapod.cli.runs import owner_client

    with owner_client() as client:
        table = client.get_dataset(name).to("dict", columns, filter_missing=not all_rows)
    return write(table, out)


def export_rows(name: str, columns: list[str] | None, out: Path) -> int:
    """Write the rows of a dataset of `/v1`; the number of them. Raises PodError."""
    from datapod.api import default_pod_address
    from datapod.connection import connect

    quoted = ", ".join(_quoted(column) for column in columns) if columns else "*"
    with connect(default_pod_address()) as pod:
        header, *rows = pod.query(f"SELECT {quoted} FROM {_quoted(name)}")  # noqa: S608 - names are quoted, and the pod is the owner's
    return write({title: [row[number] for row in rows] for number, title in enumerate(header)}, out)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def write(table: Table, out: Path) -> int:
    """Write columns as CSV or as a JSON list of objects, by the suffix; the number of rows."""
    rows = list(zip(*table.values(), strict=True))
    if out.suffix == ".json":
        out.write_text(json.dumps([dict(zip(table, row, strict=True)) for row in rows], indent=2, default=str), encoding="utf-8")
    elif out.suffix == ".csv":
        with out.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(table)
            writer.writerows(rows)
    else:
        raise ValueError(f"{out} ends neither in .csv nor in .json")
    return len(rows)
