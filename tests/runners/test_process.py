"""Runs as real processes: what they see of the server, and what is left when they or the server are gone."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from datapod_server.errors import Invalid
from datapod_server.runners.backend import Launch, MissingProgram
from datapod_server.runners.output import OutputTail
from datapod_server.runners.process import PythonBackend, ScriptBackend


def script(path: Path, text: str) -> str:
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return str(path)


def run(path: str, variables: dict[str, str] | None = None) -> str:
    """The whole output of a script run to its end."""
    output = OutputTail()
    running = ScriptBackend(path).start(Launch("boats", "run", "owner", variables or {}), output.append)
    assert running.wait(10) is not None
    running.cleanup()
    return output.content().decode()


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_run_sees_the_servers_environment_without_the_servers_options(tmp_path, monkeypatch):
    monkeypatch.setenv("EMAIL_SMTP_PASSWORD", "smtp-secret")
    monkeypatch.setenv("DATAPOD_DATA_DIR", "/srv/data")
    monkeypatch.setenv("POD_OWNER_HASHES", "ANY")
    monkeypatch.setenv("DATAPOD_LOG", "INFO")
    monkeypatch.setenv("FAVOURITE_COLOUR", "green")
    printed = run(script(tmp_path / "plugin", "env\n"), {"POD_OWNER": "the owner"}).splitlines()
    assert {"FAVOURITE_COLOUR=green", "DATAPOD_LOG=INFO", "POD_OWNER=the owner"} <= set(printed)
    assert not [line for line in printed if "smtp-secret" in line or line.startswith(("DATAPOD_DATA_DIR", "POD_OWNER_HASHES"))]


def test_a_run_has_no_standard_input_and_no_open_file_of_the_server(tmp_path):
    with (tmp_path / "open").open("w") as opened:
        os.set_inheritable(opened.fileno(), False)
        assert run(script(tmp_path / "plugin", "cat; ls /proc/self/fd | wc -l\n")).strip() == "4"  # 0, 1, 2 and the folder ls reads


def test_what_a_run_leaves_behind_is_ended_with_it(tmp_path, wait_until):
    child = int(run(script(tmp_path / "plugin", "sleep 600 > /dev/null 2>&1 &\necho $!\n")))
    wait_until(lambda: is_gone(child))


def test_a_run_needs_the_module_and_the_class_of_its_plugin():
    with pytest.raises(Invalid, match="pluginName"):
        PythonBackend(sys.executable).check("boats", {"pluginModule": "boats.imports", "pluginName": ""})


@pytest.mark.parametrize(
    ("make", "reason"), [(lambda path: path.mkdir(), "is a directory"), (lambda path: path.touch(0o644), "not executable")]
)
def test_what_cannot_be_executed_is_refused_with_the_reason(tmp_path, make, reason):
    path = tmp_path / "plugin"
    make(path)
    with pytest.raises(MissingProgram) as caught:
        ScriptBackend(str(path)).check("boats", {})
    assert (caught.value.program, caught.value.reason) == (str(path), reason)


def test_a_server_that_is_killed_leaves_no_orphan_and_no_grandchild(tmp_path, wait_until):
    path = script(tmp_path / "plugin", f"sleep 600 &\necho $$ $! > {tmp_path}/pids.part\nmv {tmp_path}/pids.part {tmp_path}/pids\nwait\n")
    server = textwrap.dedent(f"""
        import threading
        from datapod_server.runners.backend import Launch
        from datapod_server.runners.process import ScriptBackend
        ScriptBackend({path!r}).start(Launch("boats", "run", "owner", {{}}), lambda chunk: None)
        threading.Event().wait()
    """)
    process = subprocess.Popen([sys.executable, "-c", server])
    try:
        wait_until((tmp_path / "pids").exists)
        pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
        assert not any(is_gone(pid) for pid in pids)
    finally:
        process.kill()
        process.wait()
    wait_until(lambda: all(is_gone(pid) for pid in pids))


def test_memory_counts_the_children_too(tmp_path, wait_until):
    path = script(
        tmp_path / "plugin", f"{sys.executable} -c 'b = bytearray(50_000_000); print(len(b), flush=True); input()' < /dev/zero &\nwait\n"
    )
    output = OutputTail()
    running = ScriptBackend(path).start(Launch("boats", "run", "owner", {}), output.append)
    try:
        wait_until(lambda: running.memory_mb() > 40)
    finally:
        running.kill()
        running.wait(10)
        running.cleanup()
