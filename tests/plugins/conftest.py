"""What the tests of the shipped connectors share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.plugins.outside import Outside

from datapod import PodClient
from datapod.connectors.fake_provider import FakeProvider


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DATAPOD_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as running:
        yield running


@pytest.fixture
def outside(start_server, tmp_path, datapod_command, wait_until) -> Iterator[Outside]:
    server = start_server("--plugins-process", "datapod")
    PodClient(server.address, owner_key=server.owner_key, database_key=server.database_key).close()  # makes the account
    running = Outside(server, tmp_path, datapod_command, wait_until)
    yield running
    running.close()
