"""A running server, and a fast way to ask its pod: what the benchmarks of items share."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil


class Asking:
    """Asks one pod of a running server."""

    def __init__(self, address: str, home: Path, process_id: int) -> None:
        self._process_id = process_id
        keys = json.loads((home / "pod_keys" / "keys.json").read_text())
        # The library's plain client: one that costs ten times as much itself would hide what is measured.
        self._http = HTTPConnection(urlsplit(address).netloc, timeout=120)
        self._path = f"/v4/{keys['owner_key']}/"
        self._upload = f"{self._path}upload_file/{keys['database_key']}/"
        self._auth = {"type": "ClientAuth", "databaseKey": keys["database_key"]}
        self.nothing = self.prepare("get_item", "nothing")

    def prepare(self, endpoint: str, payload: Any) -> bytes:
        return json.dumps({"auth": self._auth, "payload": payload}).encode()

    def upload(self, sha256: str, content: bytes) -> None:
        self._http.request("POST", self._upload + sha256, content)
        answer = self._http.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"upload: {answer.status} {answer.read()[:200]!r}")
        answer.read()

    def memory_mb(self) -> float:
        """Resident memory of the server proper, the largest process below the supervisor, in MiB."""
        children = psutil.Process(self._process_id).children(recursive=True)
        return max(child.memory_info().rss for child in children) / 2**20

    def send(self, endpoint: str, body: bytes) -> bytes:
        self._http.request("POST", self._path + endpoint, body)
        answer = self._http.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{endpoint}: {answer.status} {content[:200]!r}")
        return content

    def __call__(self, endpoint: str, payload: Any) -> Any:
        return json.loads(self.send(endpoint, self.prepare(endpoint, payload)))


@contextmanager
def running_server(folder: Path) -> Iterator[Asking]:
    home = folder / "home"
    command = [sys.executable, "-m", "datapod", "serve", "--port", "0", "--data-dir", str(folder / "data")]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=folder, env={"DATAPOD_HOME": str(home), "PATH": "/usr/bin:/bin"}
    )
    try:
        assert process.stdout is not None
        found = re.search(rb"https?://\S+", process.stdout.readline())
        if found is None:
            raise RuntimeError("the server did not start")
        yield Asking(found.group().decode(), home, process.pid)
    finally:
        process.terminate()
        process.wait(30)
        if process.stdout is not None:
            process.stdout.close()
