"""A disk that fills up: clear errors, nothing lost, nothing half there, and work goes on as soon as there is room.

Needs root, to mount a small file system.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import RunningServer, launch, wait_until

_MEBIBYTES = 24
_ITEMS = 100


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    command = ["mount", "-t", "tmpfs", "-o", f"size={_MEBIBYTES}m", "tmpfs", str(place)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def server(small_disk: Path, tmp_path: Path) -> Iterator[RunningServer]:
    running = launch(tmp_path / "work", data_dir=small_disk / "data")
    running.create_pod()
    keys = {"ownerKey": running.owner_key, "databaseKey": running.database_key}
    assert running.http.post(f"{running.address}/v4/account", json=keys).status_code == 200
    yield running
    running.stop()


def _bulk(number: int) -> dict[str, object]:
    content = f"{number:04}" * 250
    return {"createItems": [{"type": "Note", "id": f"note{number:04}-{place:03}", "content": content} for place in range(_ITEMS)]}


def _check(server: RunningServer, answered: list[int]) -> None:
    found: dict[int, int] = {}
    for note in server.v4("search", {"type": "Note"}).json():
        number = int(note["id"][4:8])
        found[number] = found.get(number, 0) + 1
        assert note["content"] == f"{number:04}" * 250
    assert found == dict.fromkeys(answered, _ITEMS)


def test_items_survive_it(server: RunningServer, small_disk: Path, tmp_path: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(8 * 2**20))
    answered = []
    for number in range(1000):
        answer = server.v4("bulk", _bulk(number))
        if answer.status_code != 200:
            break
        answered.append(number)
    assert (answer.status_code, answer.text.startswith("Failure: ")) == (500, True)
    assert "full" in answer.text
    assert answered
    _check(server, answered)  # reading goes on
    for _ in range(3):
        assert server.v4("bulk", _bulk(999)).status_code == 500
    ballast.unlink()
    assert server.v4("bulk", _bulk(number)).status_code == 200
    _check(server, [*answered, number])
    server.stop()
    again = launch(tmp_path / "work", data_dir=small_disk / "data")
    try:
        _check(again, [*answered, number])
    finally:
        again.stop()


def test_an_upload_that_does_not_fit_leaves_nothing_behind(server: RunningServer, small_disk: Path) -> None:
    content = os.urandom(20 * 2**20)
    sha256 = hashlib.sha256(content).hexdigest()
    assert server.v4("create_item", {"type": "File", "sha256": sha256}).status_code == 200
    (small_disk / "ballast").write_bytes(bytes(8 * 2**20))
    path = f"{server.address}/v4/{server.owner_key}/upload_file/{server.database_key}/{sha256}"
    answer = server.http.post(path, content=content)
    assert (answer.status_code, answer.text.startswith("Failure: ")) == (500, True)
    assert server.v4("get_file", {"sha256": sha256}).status_code == 404
    files = small_disk / "data" / "pods" / server.owner_key / "files"
    wait_until(lambda: sum(path.stat().st_size for path in files.rglob("*") if path.is_file()) == 0, what="an empty folder of files")
    (small_disk / "ballast").unlink()
    assert server.http.post(path, content=content).status_code == 200
    assert server.v4("get_file", {"sha256": sha256}).content == content
