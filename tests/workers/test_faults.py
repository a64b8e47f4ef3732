"""Code that misbehaves costs only itself. Source: python-runtime.md, 14."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.workers.conftest import TinyPod

from datapod_server.errors import Failed, LimitReached
from datapod_server.messages import Request, Response
from datapod_server.workers.parameters import PythonPluginParams
from datapod_server.workers.plugin import Plugin, load_plugin
from datapod_server.workers.plugin_worker import RestartLimit

Load = Callable[..., Plugin]


@pytest.fixture
def load(pod: TinyPod) -> Iterator[Load]:
    loaded: list[Plugin] = []

    def load(**params: Any) -> Plugin:
        loaded.append(load_plugin(pod.workers, "p", msgspec.convert(params, PythonPluginParams)))
        return loaded[-1]

    yield load
    for plugin in loaded:
        plugin.close()


def get(plugin: Plugin, remaining: str = "/x") -> Response:
    return plugin.answer(Request("GET", f"/v1/plugins/p/routes{remaining}"), remaining)


def gone(pid: int) -> bool:
    """Whether a process has ended (a zombie has)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


@pytest.mark.parametrize(
    ("code", "text", "details"),
    [
        ("os._exit(7)", "exited with code 7 before the script ended", {"kind": "worker-died", "exitCode": 7}),
        ("os._exit(0)", "exited with code 0 before the script ended", {"kind": "worker-died", "exitCode": 0}),
        ("os.abort()", "died (SIGABRT) before the script ended", {"kind": "worker-died", "signal": "SIGABRT"}),
        ("import ctypes; ctypes.string_at(0)", "died (SIGSEGV) before the script ended", {"kind": "worker-died", "signal": "SIGSEGV"}),
        ("os.kill(os.getpid(), 9)", "died (SIGKILL) before the script ended", {"kind": "worker-died", "signal": "SIGKILL"}),
        ("[os.close(fd) for fd in range(3, 64)]; __import__('time').sleep(60)", "before the script ended", None),
    ],
)
def test_a_script_whose_process_dies_is_answered_with_500(pod: TinyPod, code: str, text: str, details: object) -> None:
    status, body = pod.run(f"import os\nprint('x')\n{code}", limits={"scriptSeconds": 3}) if details else pod.run("import os; os._exit(1)")
    assert status == 500
    if details is not None:
        assert body["error"] == f"The script's process {text}"
        assert body["details"] == details
        assert body["httpCode"] == 500
        assert [entry["c"] for entry in body["logs"]] == ["x"]
        assert body["exception"] == {
            "context": ["Running python script", "Executing Python script"],
            "message": body["error"],
            "type": "datapod.WorkerDied",
        }
    assert pod.result("mldb.set_return(1)") == 1


def test_an_endless_loop_gets_its_time_and_may_clean_up(pod: TinyPod) -> None:
    source = "def loop():\n    while True: pass\ntry:\n    loop()\nfinally:\n    print('cleaned up')"
    status, body = pod.run(source, limits={"scriptSeconds": 0.2})
    assert status == 504
    assert body["details"] == {"kind": "time-limit", "limit": "scriptSeconds", "seconds": 0.2}
    assert [entry["c"] for entry in body["logs"]] == ["cleaned up"]


def test_code_that_swallows_the_time_limit_is_killed(pod: TinyPod) -> None:
    source = "while True:\n    try:\n        while True: pass\n    except BaseException: pass"
    assert pod.run(source, limits={"scriptSeconds": 0.2})[0] == 504


def test_processor_time_is_limited(pod: TinyPod) -> None:
    status, body = pod.run("while True: pass", limits={"cpuSeconds": 0.3})
    assert (status, body["details"]["limit"]) == (504, "cpuSeconds")


def test_a_memory_blow_up_is_ended(pod: TinyPod) -> None:
    status, body = pod.run("print('start')\nx = []\nwhile True: x.append(bytearray(1 << 20))", limits={"memoryMb": 150})
    assert (status, body["details"]) == (500, {"kind": "memory-limit"})
    assert [entry["c"] for entry in body["logs"]] == ["start"]


def test_children_count_towards_the_memory(pod: TinyPod) -> None:
    source = "import os, time\nif os.fork() == 0:\n    x = bytearray(300 << 20)\n    time.sleep(60)\ntime.sleep(60)"
    assert pod.run(source, limits={"memoryMb": 150})[1]["details"] == {"kind": "memory-limit"}


def test_huge_output_is_cut(pod: TinyPod) -> None:
    _, body = pod.run("for i in range(5000): print('x' * 1000)", limits={"outputKb": 100})
    assert sum(len(entry["c"]) for entry in body["logs"]) < 200_000
    assert body["logs"][-1]["s"] == "log"
    assert "limit" in body["logs"][-1]["c"]


@pytest.mark.parametrize("garbage", [b"\x00\x00\x00\x04abcd", b"\xff" * 64, b"\x00\x00\x00\x01\x93"])
def test_garbage_in_the_channel_ends_only_that_worker(pod: TinyPod, garbage: bytes) -> None:
    source = (
        "import os, stat, time\n"
        "for fd in range(3, 64):\n"
        "    try:\n"
        "        if stat.S_ISSOCK(os.fstat(fd).st_mode): os.write(fd, bytes.fromhex(mldb.script.args))\n"
        "    except OSError: pass\n"
        "time.sleep(30)"
    )
    status, body = pod.run(source, garbage.hex(), limits={"scriptSeconds": 1})
    assert status in (500, 504)  # four bytes that may yet become a message leave it to the time limit
    assert body["httpCode"] == status
    assert pod.result("mldb.set_return(1)") == 1


def test_a_worker_that_announces_a_frame_of_4_gib_is_ended_at_once(pod: TinyPod) -> None:
    source = (
        "import os, stat, time\n"
        "for fd in range(3, 64):\n"
        "    try:\n"
        "        if stat.S_ISSOCK(os.fstat(fd).st_mode): os.write(fd, b'\\xff' * 4)\n"
        "    except OSError: pass\n"
        "time.sleep(30)"
    )
    status, body = pod.run(source)
    assert (status, body["details"]["kind"]) == (500, "worker-died")


def test_nothing_that_a_script_started_outlives_it(pod: TinyPod) -> None:
    source = (
        "import os, subprocess, time\n"
        "plain = subprocess.Popen(['sleep', '300']).pid\n"
        "session = subprocess.Popen(['sleep', '300'], start_new_session=True).pid\n"
        "read, write = os.pipe()\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    daemon = os.fork()\n"
        "    if daemon: os.write(write, str(daemon).encode()); os._exit(0)\n"
        "    time.sleep(300)\n"
        "mldb.set_return([plain, session, int(os.read(read, 20))])"
    )
    for pid in pod.result(source):
        wait_until(lambda pid=pid: gone(pid))


def test_a_fork_bomb_is_ended(pod: TinyPod) -> None:
    source = "import os, time\nfor _ in range(400):\n    if os.fork() == 0: time.sleep(100)\ntime.sleep(100)"
    status, body = pod.run(source, limits={"scriptSeconds": 20})
    assert (status, body["details"]) == (500, {"kind": "process-limit"})
    assert pod.result("mldb.set_return(1)") == 1


CRASHING = {
    "main": "import os\nprint('main ran')\nboot = os.getpid()",
    "routes": (
        "import ctypes, os\n"
        "print('about to', request.remaining)\n"
        "if request.remaining == '/crash': ctypes.string_at(0)\n"
        "if request.remaining == '/exit': os._exit(0)\n"
        "if request.remaining == '/loop':\n    while True: pass\n"
        "request.set_return(boot)"
    ),
}


@pytest.mark.parametrize(
    ("how", "word", "fact"), [("/crash", "died (SIGSEGV)", ("signal", "SIGSEGV")), ("/exit", "exited with code 0", ("exitCode", 0))]
)
def test_a_plugin_whose_worker_dies_comes_back(load: Load, how: str, word: str, fact: tuple[str, object]) -> None:
    plugin = load(source=CRASHING)
    before = json.loads(get(plugin).content())
    answer = get(plugin, how)
    body = json.loads(answer.content())
    assert answer.status == 500
    assert body["error"] == f"The worker of plugin 'p' {word} while it handled GET /v1/plugins/p/routes{how}; it has been restarted"
    assert [entry["c"] for entry in body["details"].pop("logs")] == [f"about to {how}"]
    assert body["details"] == {"kind": "worker-died", "plugin": "p", "restarts": 1, fact[0]: fact[1]}
    assert json.loads(get(plugin).content()) != before
    assert plugin.runtime_status()["restarts"] == 1


def test_a_route_that_loops_is_answered_in_time_and_the_plugin_goes_on(load: Load) -> None:
    plugin = load(source=CRASHING, runtime={"limits": {"routeSeconds": 0.3}})
    answer = get(plugin, "/loop")
    assert (answer.status, json.loads(answer.content())["details"]["kind"]) == (504, "time-limit")
    assert get(plugin).status == 200
    assert plugin.runtime_status()["restarts"] == 0


def test_a_plugin_that_dies_too_often_stays_down(load: Load) -> None:
    plugin = load(source=CRASHING, runtime={"restart": {"max": 1, "backoffSeconds": 0.01}})
    get(plugin, "/crash")
    get(plugin, "/crash")
    with pytest.raises(RestartLimit) as caught:
        get(plugin)
    assert (caught.value.status, caught.value.details["kind"], caught.value.retry_after_seconds) == (503, "restart-limit", 60)
    assert not plugin.is_up


def test_a_plugin_may_forbid_restarts(load: Load) -> None:
    plugin = load(source=CRASHING, runtime={"restart": {"policy": "never"}})
    assert "restarted" not in json.loads(get(plugin, "/crash").content())["error"]
    with pytest.raises(RestartLimit):
        get(plugin)


def test_folders_are_served_while_the_worker_is_down(load: Load) -> None:
    source = {"main": "mldb.plugin.serve_static_folder('s', '/usr')", "routes": CRASHING["routes"]}
    plugin = load(source=source, runtime={"restart": {"policy": "never"}})
    get(plugin, "/crash")
    assert get(plugin, "/s/").status == 403


def test_a_main_that_crashes_or_hangs_fails_to_load(load: Load) -> None:
    with pytest.raises(Failed, match="died \\(SIGSEGV\\) while it ran main"):
        load(source={"main": "import ctypes; ctypes.string_at(0)"})
    with pytest.raises(LimitReached, match="time limit"):
        load(source={"main": "while True: pass"}, runtime={"limits": {"loadSeconds": 0.2}})


def test_other_requests_of_the_dead_worker_are_answered_too(load: Load) -> None:
    plugin = load(source={"routes": "import os, time\nif request.remaining == '/crash': os._exit(3)\ntime.sleep(30)"})
    statuses: list[int] = []
    waiting = [threading.Thread(target=lambda: statuses.append(get(plugin, "/wait").status)) for _ in range(5)]
    for thread in waiting:
        thread.start()
    wait_until(lambda: plugin._slots._value <= 11)
    get(plugin, "/crash")
    for thread in waiting:
        thread.join(5)
    assert statuses == [500] * 5


@pytest.mark.parametrize("ending", ["", "mldb.log('x')", "mldb.perform('GET', '/echo')"], ids=["end", "log", "perform"])
def test_a_script_that_closes_its_channel_is_over(pod: TinyPod, ending: str) -> None:
    close = "import os\nfor number in range(3, 100):\n    try:\n        os.close(number)\n    except OSError:\n        pass\n"
    status, body = pod.run(close + ending)
    assert status == 500
    assert body["details"]["kind"] == "worker-died"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("raise ValueError('\\udcff.txt')", "\\udcff.txt"),
        ("class Odd(Exception):\n    def __str__(self):\n        return 1 / 0\nraise Odd", "<exception str() failed>"),
    ],
    ids=["a name that is no UTF-8", "a text that fails"],
)
def test_an_exception_that_cannot_be_told_as_it_is_is_told_all_the_same(pod: TinyPod, source: str, message: str) -> None:
    assert pod.failure(source)["message"] == message


def test_a_status_beyond_all_bounds_is_refused_at_the_call(pod: TinyPod) -> None:
    assert pod.failure("mldb.script.set_return('x', 10**30)")["type"] == "TypeError"
