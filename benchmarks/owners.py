"""One server, many owners, many clients at once: no error, nothing mixed up, and how long the slowest calls take.

The peer is the same load on a single owner's pod: what many pods cost beyond what so many clients cost anyway. The 99th percentile shows
who waits for whom.
"""

from __future__ import annotations

import json
import random
import re
import secrets
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from benchmarks.table import Row

_OWNERS, _CLIENTS = 50, 20
_DEFINITION = {"type": "ItemPropertySchema", "itemType": "Contact", "propertyName": "name", "valueType": "Text"}


class Owner(NamedTuple):
    owner_key: str
    database_key: str


def run(quick: bool) -> list[Row]:
    seconds = 6.0 if quick else 120.0
    with tempfile.TemporaryDirectory(prefix="datapod-bench-") as folder, _server(Path(folder)) as address:
        many = _load(address, _OWNERS, seconds)
        one = _load(address, 1, seconds)
    return [
        _row(f"call, {_OWNERS} owners, {_CLIENTS} clients, median of {len(many):,}", many, one, 50),
        _row(f"call, {_OWNERS} owners, {_CLIENTS} clients, 99th percentile", many, one, 99),
    ]


def _row(name: str, many: list[float], one: list[float], percent: int) -> Row:
    mine, peer = _percentile(many, percent), _percentile(one, percent)
    return Row(name, mine * 1000, "ms", f"the same load on one pod {peer * 1000:.1f} ms", mine / peer, None)


def _percentile(durations: list[float], percent: int) -> float:
    return statistics.quantiles(durations, n=100)[percent - 1]


def _load(address: str, owners: int, seconds: float) -> list[float]:
    """The durations of all calls, in seconds. Raises for the first error, and for data of another owner."""
    pods = [Owner(secrets.token_hex(32), secrets.token_hex(32)) for _ in range(owners)]
    first = _Client(address)
    for pod in pods:
        first.call(pod, "bulk", {"createItems": [_DEFINITION]})
    durations: list[float] = []
    failures: list[BaseException] = []
    end = time.perf_counter() + seconds

    def work(number: int) -> None:
        client, choose = _Client(address), random.Random(number)
        try:
            while time.perf_counter() < end:
                client.act(choose.choice(pods), choose)
        except BaseException as error:  # noqa: BLE001 - handed to the thread that measures
            failures.append(error)
        durations.extend(client.durations)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(_CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return durations


class _Client:
    """Creates, searches, changes and links the items of whichever owner it is told, and looks whose they are."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._connection = HTTPConnection(parts.hostname or "", parts.port or 80, timeout=120)
        self.durations: list[float] = []

    def act(self, pod: Owner, choose: random.Random) -> None:
        mark = pod.owner_key[:16]
        match choose.randrange(4):
            case 0:
                items = [{"type": "Contact", "name": f"{mark} {number}"} for number in range(20)]
                self.call(pod, "bulk", {"createItems": items})
            case 1:
                self.call(pod, "create_item", {"type": "Contact", "name": f"{mark} alone"})
            case 2:
                self._check(mark, self.call(pod, "search", {"type": "Contact", "_limit": 20, "_offset": 0}))
            case _:
                found = self.call(pod, "search", {"type": "Contact", "name": f"{mark} 7", "_limit": 1, "_offset": 0})
                self._check(mark, found)
                if found:
                    self.call(pod, "update_item", {"id": found[0]["id"], "name": f"{mark} 7"})

    def call(self, pod: Owner, endpoint: str, payload: Any) -> Any:
        auth = {"type": "ClientAuth", "databaseKey": pod.database_key}
        body = json.dumps({"auth": auth, "payload": payload})
        began = time.perf_counter()
        self._connection.request("POST", f"/v4/{pod.owner_key}/{endpoint}", body)
        answer = self._connection.getresponse()
        content = answer.read()
        self.durations.append(time.perf_counter() - began)
        if answer.status != 200:
            raise RuntimeError(f"{endpoint}: {answer.status} {content[:200]!r}")
        return json.loads(content)

    @staticmethod
    def _check(mark: str, items: list[dict[str, Any]]) -> None:
        if any(not item["name"].startswith(mark) for item in items):
            raise RuntimeError("an item of another owner was found")


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "datapod", "serve", "--port", "0", "--owners", "ANY", "--data-dir", str(folder / "data")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={"DATAPOD_HOME": str(folder / "home")})
    try:
        line = process.stdout.readline().decode() if process.stdout is not None else ""
        found = re.search(r"https?://\S+", line)
        if found is None:
            raise RuntimeError(f"the server did not start: {line}")
        yield found.group()
    finally:
        process.terminate()
        process.wait(30)
