"""What tests of several rooms share: a real `datapod serve` on a free port, with data and keys of its own.

server         one per test module, for tests that leave it as they found it
start_server   starts further ones, with options; all are stopped at the end of the test
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

_READY_SECONDS = 30


def wait_until(condition: Callable[[], Any], *, seconds: float = 10.0, what: str = "the condition") -> Any:
    """Poll until `condition()` is true, and return its value; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            pytest.fail(f"{what} was not met within {seconds} s")
        time.sleep(0.01)


@dataclass
class RunningServer:
    """A server process, its keys, and short ways to ask it."""

    process: subprocess.Popen[bytes]
    address: str
    data_dir: Path
    home: Path
    log_file: Path
    owner_key: str
    database_key: str
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=60))

    @property
    def port(self) -> int:
        return int(self.address.rsplit(":", 1)[1])

    @property
    def environment(self) -> dict[str, str]:
        """For programs that are to find this server's key file."""
        return clean_environment(self.home)

    def v4(self, endpoint: str, payload: Any = None, *, owner_key: str | None = None, database_key: str | None = None) -> httpx.Response:
        """`POST /v4/{owner}/{endpoint}` with ClientAuth."""
        auth = {"type": "ClientAuth", "databaseKey": self.database_key if database_key is None else database_key}
        body = {"auth": auth, "payload": {} if payload is None else payload}
        return self.http.post(f"{self.address}/v4/{owner_key or self.owner_key}/{endpoint}", json=body)

    def v1(self, verb: str, path: str, payload: Any = None, **more: Any) -> httpx.Response:
        """A `/v1` call with the owner's keys; `payload` becomes the JSON body."""
        content = None if payload is None else json.dumps(payload).encode()
        return self.http.request(verb, self.address + path, content=content, auth=(self.owner_key, self.database_key), **more)

    def create_pod(self) -> None:
        """Make sure that the pod exists: the first `/v4` call creates it."""
        assert self.v4("search", {"_limit": 1}).status_code == 200

    def child_pid(self) -> int:
        """The process id of the server proper, below the supervisor."""
        found = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(found[0]) if found else 0

    def log(self) -> str:
        return self.log_file.read_text()

    def stop(self, number: int = signal.SIGTERM, seconds: float = 20.0) -> int:
        """Send a signal to the supervisor and wait; the exit status."""
        self.http.close()
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(seconds)
        finally:
            if self.process.poll() is None:
                self.process.kill()
            if self.process.stdout is not None:
                self.process.stdout.close()


def clean_environment(home: Path) -> dict[str, str]:
    """The environment of this process without anything that configures Datapod, and with a home folder of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DATAPOD_", "POD_", "PLUGINS_"))}
    return kept | {"DATAPOD_HOME": str(home), "PYTHONUNBUFFERED": "1"}


def datapod_command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "datapod", *arguments]


def launch(folder: Path, *options: str, home: Path | None = None, data_dir: Path | None = None) -> RunningServer:
    """Start `datapod serve` with data and key file below `folder` and wait until it says where it listens."""
    home = home or folder / "home"
    data_dir = data_dir or folder / "data"
    folder.mkdir(parents=True, exist_ok=True)
    log_file = folder / "server.log"
    command = datapod_command("serve", "--port", "0", "--data-dir", str(data_dir), *options)
    with log_file.open("ab") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=clean_environment(home), cwd=folder)
    address = _read_address(process, log_file)
    keys = json.loads((home / "pod_keys" / "keys.json").read_text()) if (home / "pod_keys" / "keys.json").exists() else {}
    owner_key, database_key = keys.get("owner_key", "5e" * 32), keys.get("database_key", "b7" * 32)
    return RunningServer(process, address, data_dir, home, log_file, owner_key, database_key)


def _read_address(process: subprocess.Popen[bytes], log_file: Path) -> str:
    assert process.stdout is not None
    line = process.stdout.readline().decode()  # ends when the process does; the test's own time-out covers the rest
    found = re.search(r"https?://\S+", line)
    if found is None:
        process.kill()
        process.wait()
        process.stdout.close()
        pytest.fail(f"the server did not start: {line!r}\n{log_file.read_text()}")
    return found.group()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server for all tests of a module; its pod exists."""
    running = launch(tmp_path_factory.mktemp("server"))
    running.create_pod()
    yield running
    running.stop()


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., RunningServer]]:
    """`start_server(*options)`: a server of its own; `name` chooses the folder, so that one can be started again on its data."""
    started: list[RunningServer] = []

    def start(*options: str, name: str = "server") -> RunningServer:
        running = launch(tmp_path / name, *options)
        started.append(running)
        return running

    yield start
    for running in started:
        running.stop()


@pytest.fixture(name="wait_until")
def wait_until_fixture() -> Callable[..., Any]:
    """`wait_until(condition, seconds=10, what="...")`: poll instead of sleeping."""
    return wait_until


@pytest.fixture(name="datapod_command")
def datapod_command_fixture() -> Callable[..., list[str]]:
    """`datapod_command("run-script", "x.py")`: the argument list that runs the `datapod` program of this environment."""
    return datapod_command


@pytest.fixture(name="clean_environment")
def clean_environment_fixture() -> Callable[[Path], dict[str, str]]:
    """`clean_environment(home)`: this process's environment without anything that configures Datapod."""
    return clean_environment
