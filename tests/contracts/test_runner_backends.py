"""The contract of a backend of plugin runs, over every backend there is."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from tests.runners.engine import Engine, running_engine
from tests.runners.fake_cluster import FakeCluster, running_cluster

from datapod_server.rights import EVERYTHING
from datapod_server.runners.backend import Backend, Exit, Launch, MissingProgram, Running, StartFailed
from datapod_server.runners.cluster import Cluster
from datapod_server.runners.container import ContainerBackend
from datapod_server.runners.fake import FakeBackend, FakeRun
from datapod_server.runners.kubernetes import KubernetesBackend
from datapod_server.runners.output import OutputTail
from datapod_server.runners.process import PythonBackend, ScriptBackend
from datapod_server.runners.settings import ContainerSettings

WITHIN_SECONDS = 30.0
PROPERTIES = {"pluginModule": "boats.imports", "pluginName": "LogbookPlugin"}

# A behaviour, as a program and as what the fake does.
SCRIPTS = {
    "succeeds": "echo first\necho second >&2\n",
    "fails": "exit 3\n",
    "waits": "echo up\nwhile :; do sleep 0.05; done\n",
    "stubborn": "trap '' TERM\necho up\nwhile :; do sleep 0.05; done\n",
    "leaves a child": "sleep 600 &\necho $!\n",
}


def _fake(behaviour: str) -> FakeBackend:
    def behave(run: FakeRun) -> None:
        match behaviour:
            case "succeeds":
                run.print("first\n")
                run.print("second\n")
                run.end(0)
            case "fails":
                run.end(3)
            case _:
                run.print("up\n")

    return FakeBackend(behave, obeys=behaviour != "stubborn", missing=behaviour == "missing", fails="no" if behaviour == "broken" else None)


def _file(directory: Path, behaviour: str) -> str:
    path = directory / behaviour.replace(" ", "-")
    if behaviour == "missing":
        return str(path)
    if behaviour == "broken":
        path.write_text("#!/no/such/interpreter\n")
    else:
        path.write_text("#!/bin/sh\n" + SCRIPTS[behaviour])
    path.chmod(0o755)
    return str(path)


# The first process of a container gets no signal that it does not ask for.
OBEDIENT = "trap 'exit 143' TERM\n"


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with running_engine() as engine:
        for behaviour, script in SCRIPTS.items():
            engine.make_shell_image(_image(behaviour), (OBEDIENT if behaviour == "waits" else "") + script)
        yield engine


def _image(behaviour: str) -> str:
    return "localhost/" + behaviour.replace(" ", "-")


class OneImage:
    """A backend whose every run is of one image."""

    def __init__(self, backend: Backend, image: str) -> None:
        self._backend = backend
        self._image = image

    def start(self, launch: Launch, output: Callable[[bytes], None]) -> Running:
        return self._backend.start(msgspec.structs.replace(launch, image=self._image), output)

    def __getattr__(self, name: str) -> object:
        return getattr(self._backend, name)


def _container(request: pytest.FixtureRequest, tmp_path: Path, behaviour: str) -> Backend:
    if behaviour in SCRIPTS:
        engine = request.getfixturevalue("engine")
        monkeypatch = request.getfixturevalue("monkeypatch")
        for name, value in engine.environment.items():
            monkeypatch.setenv(name, value)
        program = "podman"
    else:
        program = _file(tmp_path, behaviour)
    return OneImage(ContainerBackend(ContainerSettings(engine=program, pull="never")), _image(behaviour))


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[FakeCluster]:
    programs = {_image(behaviour): ["/bin/sh", "-c", script] for behaviour, script in SCRIPTS.items()}
    with running_cluster(programs, tmp_path / "cluster.json") as cluster:
        cluster.forbidden_image = _image("broken")
        yield cluster


def _kubernetes(request: pytest.FixtureRequest, behaviour: str) -> Backend:
    cluster = request.getfixturevalue("cluster")
    cluster.answers = behaviour != "missing"
    backend = KubernetesBackend(Cluster.connect(str(cluster.config_file)), look_seconds=0.02)
    return OneImage(backend, _image(behaviour))


Make = Callable[[str], Backend]


@pytest.fixture(params=["script", "python", pytest.param("container", marks=pytest.mark.xdist_group("podman")), "kubernetes", "fake"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    kinds: dict[str, Make] = {
        "kubernetes": lambda behaviour: _kubernetes(request, behaviour),
        "container": lambda behaviour: _container(request, tmp_path, behaviour),
        "script": lambda behaviour: ScriptBackend(_file(tmp_path, behaviour)),
        "python": lambda behaviour: PythonBackend(_file(tmp_path, behaviour)),
        "fake": _fake,
    }
    return kinds[request.param]


class Started:
    """A started run, its output, and a signal for each piece of it."""

    def __init__(self, backend: Backend) -> None:
        self.tail = OutputTail()
        self._printed = threading.Event()
        backend.check("boats", PROPERTIES)
        self.running: Running = backend.start(Launch("boats", "run", "owner", {"POD_PLUGINRUN_ID": "run"}), self._take)

    def _take(self, chunk: bytes) -> None:
        self.tail.append(chunk)
        self._printed.set()

    def await_output(self) -> None:
        assert self._printed.wait(WITHIN_SECONDS)

    def finish(self) -> Exit | None:
        self.running.kill()
        end = self.running.wait(WITHIN_SECONDS)
        self.running.cleanup()
        return end


def _ended_by(end: Exit | None, number: signal.Signals) -> bool:
    """Engines tell a signal as shells do."""
    return end is not None and (end.signal_number == number or end.code == 128 + number)


def test_a_run_that_succeeds_ends_with_code_0_and_its_output_is_complete(make):
    started = Started(make("succeeds"))
    assert started.running.wait(WITHIN_SECONDS) == Exit(code=0)
    started.running.cleanup()
    assert started.tail.content() == b"first\nsecond\n"


def test_a_run_that_fails_ends_with_its_own_code(make):
    started = Started(make("fails"))
    end = started.running.wait(WITHIN_SECONDS)
    assert end == Exit(code=3)
    assert (end.succeeded, end.reason()) == (False, "The plugin ended with exit code 3")
    assert started.finish() == Exit(code=3)


def test_waiting_for_a_living_run_comes_back_without_an_exit(make):
    started = Started(make("waits"))
    assert started.running.wait(0.01) is None
    assert _ended_by(started.finish(), signal.SIGKILL)


def test_a_run_that_is_asked_to_end_ends_by_that_signal(make):
    started = Started(make("waits"))
    started.await_output()
    started.running.terminate()
    assert _ended_by(started.running.wait(WITHIN_SECONDS), signal.SIGTERM)
    started.finish()


def test_a_run_that_ignores_being_asked_is_killed(make):
    started = Started(make("stubborn"))
    started.await_output()
    started.running.terminate()
    assert started.running.wait(0.2) is None
    end = started.finish()
    assert end is not None and end.reason() in ("The plugin ended by signal SIGKILL", "The plugin ended with exit code 137")


def test_asking_after_the_end_does_nothing_and_the_exit_stays_the_same(make):
    started = Started(make("fails"))
    started.running.wait(WITHIN_SECONDS)
    started.finish()
    started.running.terminate()
    started.running.kill()
    assert started.running.wait(0) == Exit(code=3)
    assert started.running.memory_mb() == 0


def test_a_program_that_is_not_there_is_found_missing_before_anything_starts(make):
    with pytest.raises(MissingProgram, match=r"no such file|the cluster answered 500"):
        make("missing").check("boats", PROPERTIES)


def test_a_program_that_cannot_be_started_says_so(make):
    backend = make("broken")
    backend.check("boats", PROPERTIES)
    with pytest.raises(StartFailed, match="Failed to start: "):
        backend.start(Launch("boats", "run", "owner", {}), OutputTail().append)


def test_the_whole_network_can_always_be_granted(make):
    make("succeeds").check_network(EVERYTHING)


def test_a_name_outside_of_the_server_is_the_same_for_the_same_run_or_there_is_none(make):
    backend = make("succeeds")
    names = {backend.container_name("owner", "boats", run_id) for run_id in ("run-1", "run-2")}
    assert names == {None} or len(names) == 2


def test_a_run_tells_where_its_web_server_is_also_after_the_end(make):
    started = Started(make("succeeds"))
    assert started.running.host() in ("127.0.0.1", None)
    started.running.wait(WITHIN_SECONDS)
    started.finish()
    started.running.host()
