"""kill -9 in the middle of bulk writes: what was answered is there afterwards, and nothing is half there."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from itertools import pairwise

import httpx

STARTS, KILLS_PER_START = 5, 4  # 20 kills; at the fifth death in a row the supervisor gives up
_ITEMS_PER_BULK = 300
_DEFINITION = {"type": "ItemPropertySchema", "itemType": "Crate", "propertyName": "content", "valueType": "Text"}


def _bulk(number: int) -> dict[str, object]:
    """A chain of crates, each with a property and an edge to the next: half of it would show."""
    names = [f"crate{number:06}-{position:03}" for position in range(_ITEMS_PER_BULK)]
    return {
        "createItems": [{"type": "Crate", "id": name, "content": f"{number} " * 20} for name in names],
        "createEdges": [{"_source": near, "_target": far, "_name": "next"} for near, far in pairwise(names)],
    }


class _Writer:
    """Sends bulks until its server dies, or `end`; knows which were answered, and which one may or may not have arrived."""

    def __init__(self, server, first: int) -> None:
        self.answered: list[int] = []
        self.number = first
        self._server = server
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write)
        self._thread.start()

    def end(self) -> None:
        """A kill between two requests does not end the writer: its next connection waits for the server that is started after."""
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def _write(self) -> None:
        url = f"{self._server.address}/v4/{self._server.owner_key}/bulk"
        auth = {"type": "ClientAuth", "databaseKey": self._server.database_key}
        with httpx.Client(timeout=30) as http:
            while not self._stop.is_set():
                try:
                    answer = http.post(url, json={"auth": auth, "payload": _bulk(self.number)})
                except httpx.HTTPError:
                    return
                assert answer.status_code == 200, answer.text
                self.answered.append(self.number)
                self.number += 1


def _kill_server_process(server) -> None:
    pid = server.child_pid()
    assert pid
    os.kill(pid, signal.SIGKILL)


def _wait_for_restart(server, wait_until) -> None:
    """The supervisor starts the server again on the same port."""

    def answers() -> bool:
        try:
            return server.http.get(f"{server.address}/version").status_code == 200
        except httpx.HTTPError:
            return False

    wait_until(answers, seconds=20, what="the restart of the server")


def _check(server, answered: set[int], perhaps: set[int]) -> None:
    crates = server.v4("search", {"type": "Crate", "[[edges]]": {}}).json()
    counts: dict[int, int] = {}
    for crate in crates:
        number, position = int(crate["id"][5:11]), int(crate["id"][12:])
        counts[number] = counts.get(number, 0) + 1
        assert crate["content"] == f"{number} " * 20
        assert len(crate["[[edges]]"]) == (0 if position == _ITEMS_PER_BULK - 1 else 1)
    assert answered <= counts.keys(), f"lost: {sorted(answered - counts.keys())}"
    assert counts.keys() <= answered | perhaps
    assert set(counts.values()) <= {_ITEMS_PER_BULK}, "a bulk is half there"


def test_bulks_answered_before_a_kill_are_there_and_none_is_half_there(start_server, wait_until):
    moments = random.Random(7)
    answered: set[int] = set()
    perhaps: set[int] = set()
    number = 0
    for _ in range(STARTS):
        server = start_server()
        server.create_pod()
        assert server.v4("bulk", {"createItems": [_DEFINITION]}).status_code == 200
        for _ in range(KILLS_PER_START):
            writer = _Writer(server, number)
            wait_until(lambda writer=writer: writer.answered, seconds=20, what="the first answered bulk")
            time.sleep(moments.uniform(0, 0.04))  # somewhere within the next bulks: the moment of the kill is what varies
            _kill_server_process(server)
            writer.end()
            answered.update(writer.answered)
            perhaps.add(writer.number)
            number = writer.number + 1
            _wait_for_restart(server, wait_until)
            newest = max(writer.answered)
            assert server.v4("get_item", f"crate{newest:06}-000").json(), "the last answered bulk is lost"
        _check(server, answered, perhaps)
        server.stop()
