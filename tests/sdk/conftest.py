"""What the SDK's tests share: a home folder of their own, a pod in memory, the same behind a socket, and commands as processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.sdk.wire import WirePod, serving

from datapod import PodClient
from datapod.keyfile import Keys, write_keys
from datapod.testing import InMemoryPod

KEYS = Keys("d" * 64, "0" * 64)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    monkeypatch.setenv("DATAPOD_HOME", str(folder))
    for name in ("POD_ADDRESS", "POD_FULL_ADDRESS", "POD_TARGET_ITEM", "POD_PLUGINRUN_ID", "POD_OWNER", "POD_AUTH_JSON", "PLUGIN_DNS"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def stored_keys(home: Path) -> Keys:
    write_keys(home / "pod_keys" / "keys.json", KEYS)
    return KEYS


@pytest.fixture
def pod() -> InMemoryPod:
    return InMemoryPod()


@pytest.fixture
def client(pod: InMemoryPod) -> PodClient:
    return PodClient(api=pod)


@pytest.fixture
def wire() -> Iterator[WirePod]:
    with serving() as wire_pod:
        yield wire_pod


@pytest.fixture
def command(home: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `python -m datapod ...` as a process of its own, with what is typed and extra variables."""

    def run(*arguments: str, typed: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "DATAPOD_HOME": str(home), **variables}
        return subprocess.run(
            [sys.executable, "-m", "datapod", *arguments],
            cwd=tmp_path,
            env=environment,
            input=typed,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run
