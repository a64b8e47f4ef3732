"""A pod that grows: what each call costs at 10,000, 100,000 and (with --full) 1,000,000 items, and files of 100 MiB.

The peer of each row is the same call at the size before it: the ratio shows the growth, which should be far below ten where the answer
has the same size. Files are compared with writing and reading the same bytes plainly.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.asking import Asking, running_server
from benchmarks.table import Row, median_seconds

_BATCH = 5_000
_WORDS = ("harbour", "boat", "sea", "storm", "summer", "winter", "sail", "chart", "log", "crew", "island", "tide")
_DEFINITIONS = [
    {"type": "ItemPropertySchema", "itemType": "Note", "propertyName": name, "valueType": kind}
    for name, kind in {"title": "Text", "content": "Text", "number": "Integer"}.items()
]
_FILE_BYTES = 100 * 2**20


def run(quick: bool) -> list[Row]:
    sizes = (10_000, 100_000) if quick else (10_000, 100_000, 1_000_000)
    rows: list[Row] = []
    before: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="datapod-bench-") as folder, running_server(Path(folder)) as ask:
        ask("bulk", {"createItems": _DEFINITIONS})
        count = 0
        for size in sizes:
            seconds = _grow(ask, count, size)
            measured = {"bulk create, per item": seconds / (size - count), **_measure(ask, size)}
            count = size
            rows += _rows(size, measured, before, ask.memory_mb())
            before = measured
        rows += _files(ask, Path(folder))
    return rows


def _rows(size: int, measured: dict[str, float], before: dict[str, float], memory_mb: float) -> Iterator[Row]:
    for name, seconds in measured.items():
        peer = f"{before[name] * 1e3:.3g} ms with a tenth of them" if name in before else ""
        yield Row(f"{name}, {size:,} items", seconds * 1e3, "ms", peer, seconds / before.get(name, seconds), None)
    yield Row(f"memory of the server, {size:,} items", memory_mb, "MiB", "", 1.0, None)


def _note(number: int) -> dict[str, Any]:
    words = " ".join(_WORDS[(number * step) % len(_WORDS)] for step in (1, 5, 7, 11))
    return {
        "id": f"note{number:09}",
        "type": "Note",
        "title": f"Note {number}",
        "content": f"{words} rare{number % 1000}",
        "number": number,
    }


def _grow(ask: Asking, start: int, end: int) -> float:
    """Create notes, each with an edge to one before it; the seconds that it took."""
    bodies = []
    for first in range(start, end, _BATCH):
        numbers = range(first, min(first + _BATCH, end))
        edges = [{"_source": f"note{n:09}", "_target": f"note{n // 2:09}", "_name": "after"} for n in numbers if n % 5 == 0 and n]
        bodies.append(ask.prepare("bulk", {"createItems": [_note(number) for number in numbers], "createEdges": edges}))
    began = time.perf_counter()
    for body in bodies:
        ask.send("bulk", body)
    return time.perf_counter() - began


def _measure(ask: Asking, size: int) -> dict[str, float]:
    ask("search", {"_match": "harbour", "_limit": 1, "_offset": 0})  # the text index catches up first
    graph = "{ Note (filter: {number: {eq: %d}}) { title ~after { title ~after { title ~after { title } } } } }"
    calls: dict[str, Callable[[int], bytes]] = {
        "point get": lambda n: ask.prepare("get_item", f"note{n:09}"),
        "search by property": lambda n: ask.prepare("search", {"number": n}),
        "range of 20 by property": lambda n: ask.prepare("search", {"type": "Note", "number>=": n, "number<": n + 20}),
        "full text, 20 of the matches": lambda n: ask.prepare("search", {"_match": f"rare{n % 1000}", "_limit": 20, "_offset": 0}),
        "graph query of depth 3": lambda n: ask.prepare("graphql", graph % (n // 40 * 5)),
    }
    endpoints = ("get_item", "search", "search", "search", "graphql")
    found = {}
    for (name, prepare), endpoint in zip(calls.items(), endpoints, strict=True):
        bodies = [prepare(number) for number in range(0, size, size // 50)]
        found[name] = median_seconds(lambda bodies=bodies, endpoint=endpoint: [ask.send(endpoint, body) for body in bodies]) / len(bodies)
    return found


def _files(ask: Asking, folder: Path) -> Iterator[Row]:
    content = os.urandom(_FILE_BYTES)
    sha256 = hashlib.sha256(content).hexdigest()
    ask("bulk", {"createItems": [{"type": "File", "sha256": sha256}]})
    began = time.perf_counter()
    ask.upload(sha256, content)
    up = time.perf_counter() - began
    began = time.perf_counter()
    with (folder / "plain").open("wb") as file:
        hashlib.sha256(content).digest()
        file.write(content)
        os.fsync(file.fileno())
    plain_up = time.perf_counter() - began
    body = ask.prepare("get_file", {"sha256": sha256})
    down = median_seconds(lambda: ask.send("get_file", body), repeats=3)
    plain_down = median_seconds(lambda: (folder / "plain").read_bytes(), repeats=3)
    megabytes = _FILE_BYTES / 2**20
    yield Row("upload of 100 MiB", megabytes / up, "MiB/s", f"hash and plain write {megabytes / plain_up:,.0f} MiB/s", up / plain_up, None)
    yield Row("download of 100 MiB", megabytes / down, "MiB/s", f"plain read {megabytes / plain_down:,.0f} MiB/s", down / plain_down, None)
    yield Row("memory of the server after both", ask.memory_mb(), "MiB", "", 1.0, None)
