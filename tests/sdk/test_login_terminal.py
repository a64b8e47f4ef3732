"""`datapod plugin login` at a real terminal, and at the way back of an OAuth login."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from tests.conftest import wait_until

from datapod import Account, PluginRun, PodClient
from datapod.keyfile import Keys, write_keys


class Terminal:
    """A command whose input and output are a terminal."""

    def __init__(self, arguments: list[str], environment: dict[str, str], folder: Path) -> None:
        self._ours, theirs = os.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "datapod", *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment,
            cwd=folder,
            start_new_session=True,
        )
        os.close(theirs)
        self.shown = ""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)

    def wait_for(self, text: str, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.shown:
            assert time.monotonic() < deadline, f"no {text!r} in {self.shown!r}"
            self._read()

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def end(self) -> int:
        while self._read():
            pass
        return self._process.wait(30)

    def _read(self) -> bool:
        if not select.select([self._ours], [], [], 0.1)[0]:
            return self._process.poll() is None
        try:
            data = os.read(self._ours, 4096)
        except OSError:  # what reading says when the other side is closed
            return False
        self.shown += data.decode(errors="replace")
        return bool(data)


@pytest.fixture
def owner(wire, home):
    keys = Keys("d" * 64, "0" * 64)
    write_keys(home / "pod_keys" / "keys.json", keys)
    client = PodClient(wire.address, database_key=keys.database_key, owner_key=keys.owner_key)
    environment = {**os.environ, "DATAPOD_HOME": str(home), "POD_ADDRESS": wire.address}
    return client, environment


def asking_run(client, **values):
    run, account = PluginRun("none", "a", "B", status="userActionNeeded", **values), Account(service="boats")
    assert client.bulk_action(create_items=[account, run], create_edges=[run.add_edge("account", account)])
    return run


def plugin_goes_on(client, run):
    wait_until(lambda: client.api.get_item(run.id)[0]["status"] == "ready", what="the answer")
    client.api.update_item({"id": run.id, "status": "started"})


def test_a_password_is_not_shown_on_the_terminal(owner, tmp_path):
    client, environment = owner
    run = asking_run(client)
    with Terminal(["plugin", "login", run.id], environment, tmp_path) as terminal:
        terminal.wait_for("User name at boats")
        terminal.type("ann\n")
        terminal.wait_for("Password: ")
        terminal.type("hidden words\n")
        plugin_goes_on(client, run)
        assert terminal.end() == 0
    assert "ann" in terminal.shown and "hidden" not in terminal.shown
    account = client.api.get_item(run.account[0].id)[0]
    assert (account["identifier"], account["secret"]) == ("ann", "hidden words")


def test_giving_up_changes_nothing(owner, tmp_path):
    client, environment = owner
    run = asking_run(client)
    with Terminal(["plugin", "login", run.id], environment, tmp_path) as terminal:
        terminal.wait_for("User name at boats")
        terminal.type("\x03")
        os.killpg(terminal._process.pid, 2)
        assert terminal.end() == 130
    assert client.api.get_item(run.id)[0]["status"] == "userActionNeeded"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def send_back(address):
    """What the browser does at the end of a login, as soon as somebody listens there."""

    def sent():
        try:
            httpx.get(address)
        except httpx.TransportError:
            return False
        return True

    wait_until(sent, seconds=30, what="the way back")


def test_only_the_way_back_of_this_login_is_taken(owner, tmp_path):
    client, environment = owner
    port = free_port()
    run = asking_run(client, authUrl=f"https://boats.example/authorize?state=ours&redirect_uri=http%3A%2F%2Flocalhost%3A{port}%2F")
    with Terminal(["plugin", "login", run.id], environment, tmp_path) as terminal:
        terminal.wait_for("Waiting for the way back")
        send_back(f"http://127.0.0.1:{port}/?code=slipped-in&state=theirs")
        send_back(f"http://127.0.0.1:{port}/?code=slipped-in")
        httpx.get(f"http://127.0.0.1:{port}/?code=good&state=ours").raise_for_status()
        plugin_goes_on(client, run)
        assert terminal.end() == 0
    assert client.api.get_item(run.account[0].id)[0]["code"] == "good"


def test_a_service_that_says_no_is_quoted(owner, tmp_path):
    client, environment = owner
    port = free_port()
    run = asking_run(client, authUrl=f"https://boats.example/authorize?state=ours&redirect_uri=http%3A%2F%2Flocalhost%3A{port}%2F")
    with Terminal(["plugin", "login", run.id], environment, tmp_path) as terminal:
        terminal.wait_for("Waiting for the way back")
        send_back(f"http://127.0.0.1:{port}/?error=access_denied&state=ours")
        assert terminal.end() == 1
    assert "The service says: access_denied" in terminal.shown and "Traceback" not in terminal.shown
