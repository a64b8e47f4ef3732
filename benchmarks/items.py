"""Bulk create of items over HTTP against raw encrypted SQLite with the same rows; search by an arbitrary property.

The raw side writes the same rows into the same tables with the same cipher, journal and durability, one transaction per batch, from lists
that are ready beforehand; what the pod adds is HTTP, JSON, checks and ids.
"""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.asking import running_server
from benchmarks.table import Row, median_seconds
from datapod_server.items.migrations import migrate
from datapod_server.items.sealed import Sealer
from datapod_server.storage.keys import SubKey
from datapod_server.storage.sqlite import Database

_BATCH = 5_000  # items of about 250 bytes: some 1.2 MB, as the SDKs cut them
_PROPERTIES = {"name": "Text", "email": "Text", "age": "Integer", "score": "Real"}
_NUMBERS = {name: 1000 + number for number, name in enumerate(_PROPERTIES)}
_DEFINITIONS = [
    {"type": "ItemPropertySchema", "itemType": "Contact", "propertyName": name, "valueType": kind} for name, kind in _PROPERTIES.items()
]


def run(quick: bool) -> list[Row]:
    count = 30_000 if quick else 300_000
    searched = 100_000
    with tempfile.TemporaryDirectory(prefix="datapod-bench-") as folder, running_server(Path(folder)) as ask:
        ask("bulk", {"createItems": _DEFINITIONS})
        rate = _create_over_http(ask, count)
        raw_rate = _create_raw(Path(folder) / "raw.sqlite", count)
        if count < searched:
            _create_over_http(ask, searched - count, start=count)
        return [
            Row("bulk create over HTTP", rate, "items/s", f"raw encrypted SQLite {raw_rate:,.0f} items/s", rate / raw_rate, 0.5, "higher"),
            *_searches(Path(folder), ask, max(count, searched)),
        ]


def _contact(number: int) -> dict[str, Any]:
    return {
        "id": f"contact{number:09}",
        "type": "Contact",
        "name": f"Contact number {number}",
        "email": f"contact{number}@mail{number % 997}.example",
        "age": number % 90,
        "score": number / 7,
    }


def _create_over_http(ask: Any, count: int, start: int = 0) -> float:
    bodies = [
        [_contact(number) for number in range(first, min(first + _BATCH, start + count))] for first in range(start, start + count, _BATCH)
    ]
    prepared = [ask.prepare("bulk", {"createItems": body}) for body in bodies]
    began = time.perf_counter()
    for body in prepared:
        ask.send("bulk", body)
    return count / (time.perf_counter() - began)


def _create_raw(path: Path, count: int) -> float:
    database = Database.open(path, SubKey(secrets.token_bytes(32)))
    with database.write() as connection:
        migrate(connection, Sealer(SubKey(bytes(32))))
    batches = [_raw_rows(range(first, min(first + _BATCH, count))) for first in range(0, count, _BATCH)]
    began = time.perf_counter()
    for batch in batches:
        with database.write() as connection:
            for statement, rows in batch:
                connection.executemany(statement, rows)
    seconds = time.perf_counter() - began
    database.close()
    return count / seconds


def _raw_rows(numbers: range) -> list[tuple[str, list[tuple[Any, ...]]]]:
    items, strings, integers, reals = [], [], [], []
    now = time.time_ns() // 1_000_000
    for number in numbers:
        contact, row = _contact(number), 1000 + number
        items.append((row, contact["id"], "Contact", now, now, now, 0))
        strings += [(row, _NUMBERS["name"], contact["name"]), (row, _NUMBERS["email"], contact["email"])]
        integers.append((row, _NUMBERS["age"], contact["age"]))
        reals.append((row, _NUMBERS["score"], contact["score"]))
    return [
        ("INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?)", items),
        ("INSERT INTO strings VALUES (?, ?, ?)", strings),
        ("INSERT INTO integers VALUES (?, ?, ?)", integers),
        ("INSERT INTO reals VALUES (?, ?, ?)", reals),
    ]


def _searches(folder: Path, ask: Any, count: int) -> Iterator[Row]:
    """One item by its e-mail address, and all 11 or so of one age and score range, each beside the raw query for the same values."""
    path = folder / "search.sqlite"
    database = Database.open(path, SubKey(secrets.token_bytes(32)))
    with database.write() as connection:
        migrate(connection, Sealer(SubKey(bytes(32))))
        for statement, rows in _raw_rows(range(count)):
            connection.executemany(statement, rows)
    wanted = [_contact(number)["email"] for number in range(0, count, count // 200)]
    calls = [ask.prepare("search", {"type": "Contact", "email": email}) for email in wanted]
    ours = median_seconds(lambda: [ask.send("search", call) for call in calls]) / len(calls)
    raw = median_seconds(lambda: [_raw_search(database, "strings", _NUMBERS["email"], email) for email in wanted]) / len(wanted)
    page = ask.prepare("search", {"type": "Contact", "age": 42, "_limit": 100, "_offset": 0})
    ours_page = median_seconds(lambda: ask.send("search", page))
    raw_page = median_seconds(lambda: _raw_search(database, "integers", _NUMBERS["age"], 42, limit=100))
    database.close()
    floor = median_seconds(lambda: [ask.send("get_item", ask.nothing) for _ in calls]) / len(calls)
    title = f"by property among {count:,} items"
    yield Row(f"search {title}", ours * 1e6, "µs", f"raw query {raw * 1e6:.0f} µs", ours / raw, 3)
    beyond = max(ours - floor, 0)
    yield Row(f"search {title}, beyond an empty call", beyond * 1e6, "µs", f"raw query {raw * 1e6:.0f} µs", beyond / raw, None)
    yield Row(f"100 items of one age {title}", ours_page * 1e3, "ms", f"raw query {raw_page * 1e3:.1f} ms", ours_page / raw_page, 3)


def _raw_search(database: Database, table: str, number: int, value: Any, limit: int = 10) -> list[list[Any]]:
    """What somebody would write by hand: the items by the index of their values, then their values."""
    with database.read() as connection:
        items = connection.execute(
            "SELECT items.* FROM items WHERE row IN"
            f" (SELECT item FROM {table} WHERE name = ? AND value = ?) ORDER BY dateServerModified, row LIMIT ?",
            (number, value, limit),
        ).fetchall()
        return [
            connection.execute(f"SELECT name, value FROM {values} WHERE item = ?", (item[0],)).fetchall()
            for item in items
            for values in ("strings", "integers", "reals")
        ]
