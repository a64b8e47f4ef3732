"""What code in a worker cannot do. Source: python-runtime.md, 14.1; design, "Plugins and trust"."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.workers.conftest import TinyPod

from datapod_server.runtime.jail import capabilities

pytestmark = pytest.mark.skipif(capabilities() != {"landlock": True, "seccomp": True}, reason="this kernel has no Landlock or no seccomp")


def outcome(pod: TinyPod, statement: str, **runtime: object) -> str:
    """`done`, or the name of the exception that the statement raised."""
    source = (
        f"import os, socket, tempfile\ntry:\n    {statement}\n    mldb.set_return('done')\n"
        "except Exception as error:\n    mldb.set_return(type(error).__name__)"
    )
    result: str = pod.result(source, **runtime)
    return result


def test_code_writes_only_where_it_may(pod: TinyPod, tmp_path: Path) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    assert outcome(pod, f"open('{outside}/x', 'w')") == "PermissionError"
    assert outcome(pod, f"os.mkdir('{outside}/x')") == "PermissionError"
    assert outcome(pod, "open('/etc/x', 'w')") == "PermissionError"
    assert outcome(pod, "tempfile.NamedTemporaryFile().write(b'x')") == "done"
    assert outcome(pod, f"open('{outside}/x', 'w')", writable=[str(outside)]) == "done"


def test_code_cannot_read_the_pods_files(pod: TinyPod, tmp_path: Path) -> None:
    (tmp_path / "items.sqlite").write_text("secret")
    beside = tmp_path.parent / f"{tmp_path.name}-beside.txt"
    beside.write_text("open")
    assert outcome(pod, f"open('{tmp_path}/items.sqlite').read()") == "PermissionError"
    assert outcome(pod, f"os.listdir('{tmp_path}')") == "PermissionError"
    assert outcome(pod, f"open('{beside}').read()") == "done"
    assert outcome(pod, "import json.tool, sqlite3") == "done"
    assert outcome(pod, "import subprocess; assert subprocess.check_output(['echo', 'x']) == b'x\\n'") == "done"


def test_code_cannot_reach_other_processes(pod: TinyPod) -> None:
    assert outcome(pod, "os.kill(os.getppid(), 9)") == "PermissionError"
    assert outcome(pod, "open(f'/proc/{os.getppid()}/environ').read()") in ("PermissionError", "FileNotFoundError")
    assert outcome(pod, "open(f'/proc/{os.getppid()}/mem', 'rb').read(1)") in ("PermissionError", "FileNotFoundError")


@pytest.mark.parametrize("kind", ["SOCK_STREAM", "SOCK_DGRAM"])
def test_without_the_right_there_is_no_network(pod: TinyPod, kind: str) -> None:
    statement = f"socket.socket(socket.AF_INET, socket.{kind})"
    assert outcome(pod, statement, network="none") == "PermissionError"
    assert outcome(pod, statement) == "done"
    assert outcome(pod, "socket.getaddrinfo('example.org', 80)", network="none") == "gaierror"


def test_settings_of_the_server_are_not_in_the_environment(pod: TinyPod) -> None:
    assert pod.result("import os\nmldb.set_return([name for name in os.environ if name.startswith(('DATAPOD_', 'POD_'))])") == []
