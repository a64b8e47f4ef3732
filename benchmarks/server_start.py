"""How long a server takes to its first answers, and what it holds while nobody asks."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from benchmarks.table import Row

_MB = 1024 * 1024
_DEADLINE_SECONDS = 30


def run(*, quick: bool) -> list[Row]:
    """Start `datapod serve` on an existing pod: seconds to the first answers, resident memory of all its processes."""
    with tempfile.TemporaryDirectory() as folder:
        _once(Path(folder))  # makes keys and pod
        starts = [_once(Path(folder)) for _ in range(3 if quick else 7)]
    version, items, memory = (sorted(values)[len(values) // 2] for values in zip(*starts, strict=True))
    return [
        Row("server start to the first answer", version, "s", "", version / 1.0, 1.0),
        Row("server start to the first answer from the pod", items, "s", "", items / 1.0, 1.0),
        Row("idle memory, supervisor and zygote included", memory, "MB", "", memory / 150, 1.0),
    ]


def _once(folder: Path) -> tuple[float, float, float]:
    """Seconds to `/version`, seconds to an item search, idle memory in MB."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {**os.environ, "DATAPOD_HOME": str(folder / "home"), "DATAPOD_LOG": "error"}
    command = [sys.executable, "-m", "datapod", "serve", "--port", str(port), "--data-dir", str(folder / "data")]
    started = time.perf_counter()
    with (
        subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment) as process,
        httpx.Client(trust_env=False, timeout=30) as client,
    ):
        try:
            address = f"http://127.0.0.1:{port}"
            _poll(lambda: client.get(f"{address}/version").status_code == 200)
            version = time.perf_counter() - started
            keys = json.loads((folder / "home" / "pod_keys" / "keys.json").read_text())
            body = {"auth": {"type": "ClientAuth", "databaseKey": keys["database_key"]}, "payload": {"_limit": 1}}
            client.post(f"{address}/v4/{keys['owner_key']}/search", json=body).raise_for_status()
            items = time.perf_counter() - started
            return version, items, _family_bytes(process.pid) / _MB
        finally:
            process.terminate()


def _poll(condition: Callable[[], bool]) -> None:
    deadline = time.perf_counter() + _DEADLINE_SECONDS
    while time.perf_counter() < deadline:
        try:
            if condition():
                return
        except httpx.TransportError:
            time.sleep(0.002)
    raise TimeoutError("the server did not answer")


def _family_bytes(pid: int) -> int:
    """Resident memory of a process and its descendants; shared pages count each time."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return pages * os.sysconf("SC_PAGE_SIZE") + sum(_family_bytes(int(child)) for child in children)
