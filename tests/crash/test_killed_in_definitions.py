"""kill -9 while the schema changes or files arrive: what was answered is there, definitions and items come together, no debris is left."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import threading
import time
from typing import Any

import httpx
from tests.conftest import RunningServer, wait_until

_KILLS = 4


def _until_killed(server: RunningServer, act: Any, seconds: float) -> tuple[list[int], int]:
    """Call `act(number)` again and again; kill the server meanwhile. The numbers that were answered, and the one that was not."""
    answered: list[int] = []
    first_answer = threading.Event()

    def work() -> None:
        number = 0
        while True:
            try:
                answer = act(number)
            except httpx.HTTPError:
                break
            assert answer.status_code == 200, answer.text
            answered.append(number)
            first_answer.set()
            number += 1

    thread = threading.Thread(target=work)
    thread.start()
    assert first_answer.wait(30)
    time.sleep(seconds)  # the moment of the kill is what varies
    os.kill(server.child_pid(), signal.SIGKILL)
    server.process.kill()  # the supervisor would start it again
    thread.join(30)
    assert not thread.is_alive()
    return answered, len(answered)


def test_definitions_and_what_uses_them_come_together(start_server: Any) -> None:
    moments = random.Random(11)
    for kill in range(_KILLS):
        server = start_server(name=f"server{kill}")
        server.create_pod()

        def define_and_use(number: int, server: RunningServer = server) -> httpx.Response:
            definition = {"type": "ItemPropertySchema", "itemType": "Crate", "propertyName": f"mark{number}", "valueType": "Integer"}
            items = [definition, {"type": "Crate", "id": f"crate{number:05}", f"mark{number}": number}]
            return server.v4("bulk", {"createItems": items})

        answered, open_one = _until_killed(server, define_and_use, moments.uniform(0, 0.05))
        again = start_server(name=f"server{kill}")
        defined = {item["propertyName"] for item in again.v4("search", {"type": "ItemPropertySchema", "itemType": "Crate"}).json()}
        crates = {int(item["id"][5:]): item for item in again.v4("search", {"type": "Crate"}).json()}
        assert set(answered) <= set(crates) <= {*answered, open_one}
        assert defined == {f"mark{number}" for number in crates}
        assert all(crate[f"mark{number}"] == number for number, crate in crates.items())
        assert again.v4("search", {"type": "Crate", f"mark{answered[0]}>=": 0}).json()
        again.stop()


def test_uploads_are_whole_or_can_be_sent_again_and_leave_no_debris(start_server: Any) -> None:
    moments = random.Random(5)
    content = [os.urandom(3 * 2**20) for _ in range(3)]
    hashes = [hashlib.sha256(part).hexdigest() for part in content]
    for kill in range(_KILLS):
        server = start_server(name=f"server{kill}")
        server.create_pod()
        for sha256 in hashes:
            assert server.v4("create_item", {"type": "File", "sha256": sha256}).status_code == 200

        def upload(number: int, server: RunningServer = server) -> httpx.Response:
            if number >= len(content):
                raise httpx.ReadError("nothing more to send")
            return _upload(server, hashes[number], content[number])

        answered, _ = _until_killed(server, upload, moments.uniform(0, 0.03))
        again = start_server(name=f"server{kill}")
        for number, sha256 in enumerate(hashes):
            found = again.v4("get_file", {"sha256": sha256})
            assert found.status_code == 200 or number not in answered
            assert found.status_code == 404 or found.content == content[number]
            assert _upload(again, sha256, content[number]).status_code in ((409,) if found.status_code == 200 else (200,))
            assert again.v4("get_file", {"sha256": sha256}).content == content[number]
        files = again.data_dir / "pods" / again.owner_key / "files"
        wait_until(
            lambda files=files: len([path for path in files.rglob("*") if path.is_file()]) == len(hashes), what="three files, no debris"
        )
        again.stop()


def _upload(server: RunningServer, sha256: str, content: bytes) -> httpx.Response:
    return server.http.post(f"{server.address}/v4/{server.owner_key}/upload_file/{server.database_key}/{sha256}", content=content)
