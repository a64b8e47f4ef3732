"""Runs as containers: the exact command, and real containers of podman. Source: pod-protocol.md, 14.3 to 14.7, 23.4."""

from __future__ import annotations

import json
import signal
import subprocess

import psutil
import pytest
from tests.runners.engine import running_engine
from tests.runners.harbour import PLUGINS, Harbour

from datapod_server.errors import Invalid
from datapod_server.rights import EVERYTHING, NOTHING, Named
from datapod_server.runners.backend import Launch, StartFailed
from datapod_server.runners.callback import container_callback_address
from datapod_server.runners.container import ContainerBackend, default_engine, end_leftover_containers
from datapod_server.runners.leftovers import Leftovers
from datapod_server.runners.output import OutputTail
from datapod_server.runners.settings import ContainerSettings

# One worker runs all of these, so that the image with Python in it is made once.
pytestmark = pytest.mark.xdist_group("podman")

OWNER = "ab" * 32
WAITS = "trap 'exit 143' TERM; echo up; while :; do sleep 0.05; done"
TELLS = "env; trap 'exit 143' TERM; while :; do sleep 0.05; done"
EATS = "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done"


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    with running_engine() as engine:
        engine.make_shell_image("waits", WAITS)
        engine.make_shell_image("tells", TELLS)
        engine.make_shell_image("eats", EATS)
        plugins = tmp_path_factory.mktemp("plugins")
        (plugins / "boats.py").write_text(PLUGINS)
        engine.make_python_image("ships", plugins, ["python3", "-m", "datapod", "plugin", "run", "--read-args-from-env"])
        yield engine


@pytest.fixture
def podman(engine, monkeypatch):
    for name, value in engine.environment.items():
        monkeypatch.setenv(name, value)
    return engine


def backend(memory_mb: float = 0.0, leftovers: Leftovers = Leftovers(None), **settings) -> ContainerBackend:  # noqa: B008 - frozen
    return ContainerBackend(ContainerSettings(**{"engine": "podman", "pull": "never"} | settings), memory_mb, leftovers)


def test_the_command_is_word_for_word_that_of_the_protocol():
    variables = {"POD_FULL_ADDRESS": "http://localhost:3030", "POD_OWNER": OWNER}
    command = backend(engine="docker", pull="missing").command("name", "registry.example/boats:1.2", variables)
    assert command == [
        "docker",
        "run",
        "--pull=missing",
        "--network=host",
        "--env=POD_FULL_ADDRESS=http://localhost:3030",
        f"--env=POD_OWNER={OWNER}",
        "--name=name",
        "--rm",
        "--",
        "registry.example/boats:1.2",
    ]


def test_a_memory_limit_stands_before_the_name():
    command = backend(512, network="pods", pull="always").command("name", "boats", {})
    assert command == ["podman", "run", "--pull=always", "--network=pods", "--memory=512m", "--name=name", "--rm", "--", "boats"]


def test_a_name_is_owner_image_and_run_without_other_characters():
    name = backend().container_name("Owner_1", "registry.example/boats:1.2", "run-é1")
    assert name == "Owner1-registryexampleboats12-run1"


def test_podman_is_taken_where_only_that_is_installed(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert default_engine() == "docker"
    for program, expected in (("podman", "podman"), ("docker", "docker")):
        (tmp_path / program).touch(0o755)
        assert default_engine() == expected


def test_containers_in_a_virtual_machine_reach_the_server_by_that_machines_name_for_it():
    assert container_callback_address(None, scheme="https", port=3030, system="linux") is None
    address = container_callback_address(None, scheme="https", port=3030, system="darwin")
    assert address == "https://host.docker.internal:3030"
    assert container_callback_address("http://pod", scheme="http", port=1, system="darwin") is None
    launch = Launch("boats", "run", OWNER, {"POD_FULL_ADDRESS": "https://localhost:3030"})
    assert backend(callback_address=address).variables(launch) == {"POD_FULL_ADDRESS": address}


def test_the_network_of_the_server_cannot_be_refused_to_a_container():
    text = (
        'Runner docker cannot enforce network none on network host: declare "outbound",'
        " choose another --plugins-docker-network, or run it as a process"
    )
    with pytest.raises(Invalid) as caught:
        backend(engine="docker").check_network(NOTHING)
    assert str(caught.value) == text
    with pytest.raises(Invalid, match=r"cannot enforce network imap\.example\.org:993 on network pods"):
        backend(engine="no-such-engine", network="pods").check_network(Named(frozenset({"imap.example.org:993"})))
    backend(engine="docker").check_network(EVERYTHING)


def test_a_network_that_leads_nowhere_keeps_a_container_from_the_world(podman):
    podman.ask("network", "create", "--internal", "dp-internal")
    podman.ask("network", "create", "dp-bridge")
    try:
        backend(network="dp-internal").check_network(NOTHING)
        for network in ("dp-bridge", "dp-unknown"):
            with pytest.raises(Invalid, match="choose an internal --plugins-docker-network"):
                backend(network=network).check_network(NOTHING)
    finally:
        podman.ask("network", "rm", "--force", "dp-internal", "dp-bridge")


def test_an_image_that_is_not_there_fails_with_what_the_engine_says(podman):
    running = backend().start(Launch("nowhere", "run-1", OWNER, {}), OutputTail().append)
    end = running.wait(60)
    running.cleanup()
    assert end.code == 125
    assert end.reason().startswith("Failed to start: ") and "nowhere" in end.reason()


def test_a_target_item_that_is_too_long_for_a_command_is_a_failed_start(podman):
    with pytest.raises(StartFailed, match="Argument list too long"):
        backend().start(Launch("waits", "run-1", OWNER, {"POD_TARGET_ITEM": "x" * 3_000_000}), OutputTail().append)


def test_a_container_that_takes_too_much_memory_ends_and_names_the_limit(podman):
    running = backend(64).start(Launch("eats", "run-1", OWNER, {}), OutputTail().append)
    end = running.wait(60)
    running.cleanup()
    assert (end.code, end.reason().split(":")[0]) == (137, "The plugin ended with exit code 137")
    assert "the limit of 64 MiB of memory" in end.reason()


def test_a_run_that_is_killed_before_its_container_is_there_leaves_none(podman):
    container = backend()
    running = container.start(Launch("waits", "run-2", OWNER, {}), OutputTail().append)
    running.kill()
    assert running.wait(60) is not None
    running.cleanup()
    assert container.container_name(OWNER, "waits", "run-2") not in podman.names()


def test_containers_of_a_killed_server_are_removed_at_the_next_start_and_others_are_not(podman, tmp_path, wait_until):
    leftovers = Leftovers(str(tmp_path / "containers"))
    for name in ("mine", "strangers"):
        podman.ask("run", "--detach", "--pull=never", f"--name={name}", "waits")
    leftovers.note("mine", "podman")
    end_leftover_containers(leftovers)
    try:
        assert "mine" not in podman.names()
        assert "strangers" in podman.names()
        assert leftovers.programs() == set()
    finally:
        podman.ask("rm", "--force", "strangers")


def test_what_is_noted_on_the_disk_names_nobody(tmp_path):
    leftovers = Leftovers(str(tmp_path / "containers"))
    leftovers.note(f"{OWNER}-boats-run", "podman")
    [path] = (tmp_path / "containers").iterdir()
    assert OWNER not in path.name and "boats" not in path.name and path.read_text() == "podman"
    leftovers.forget(f"{OWNER}-boats-run")
    assert list((tmp_path / "containers").iterdir()) == []


# From outside: a real server, real containers.


@pytest.fixture
def harbour_of(podman, start_server, wait_until, tmp_path):
    def make(*options: str) -> Harbour:
        return Harbour(
            start_server, wait_until, tmp_path, "--plugins-container-engine", "podman", "--plugins-docker-pull", "never", *options
        )

    return make


def test_a_plugin_in_a_container_writes_its_items_and_is_done(harbour_of, podman, wait_until):
    harbour = harbour_of()
    item = harbour.await_status(harbour.run("Sails", image="ships"), "done", "error")
    assert (item["status"], item.get("error")) == ("done", None)
    assert len(harbour.server.v4("search", {"type": "Boat"}).json()) == 3
    assert item["containerId"] == f"{harbour.server.owner_key}-ships-runSails"
    wait_until(lambda: podman.names() == [])
    wait_until(lambda: list((harbour.server.data_dir / "runs" / "containers").iterdir()) == [])


def test_what_a_container_prints_and_is_told_is_in_its_log_and_not_in_the_servers(harbour_of, wait_until):
    harbour = harbour_of()
    run_id = harbour.run(image="tells")

    def printed() -> str:
        answer = harbour.server.v4("get_pluginrun_log", run_id)
        return answer.json()["logs"] if answer.status_code == 200 else ""

    wait_until(lambda: "POD_AUTH_JSON=" in printed(), seconds=30)
    told = dict(line.split("=", 1) for line in printed().splitlines() if "=" in line)
    assert told["POD_FULL_ADDRESS"] == f"http://localhost:{harbour.server.port}"
    assert json.loads(told["POD_TARGET_ITEM"])["id"] == run_id
    log = harbour.server.log()
    assert "podman run --pull=never --network=host --env=POD_FULL_ADDRESS=…" in log
    assert json.loads(told["POD_AUTH_JSON"])["data"]["nonce"] not in log


def test_a_container_ends_with_the_limit_of_time(harbour_of, podman, wait_until):
    harbour = harbour_of("--plugins-max-seconds", "1")
    item = harbour.await_status(harbour.run(image="waits"), "error")
    assert item["error"] == "The plugin reached the limit of 1 seconds"
    wait_until(lambda: podman.names() == [])


def test_an_aborted_plugin_in_a_container_ends_itself_and_stays_aborted(harbour_of, podman, wait_until):
    harbour = harbour_of()
    run_id = harbour.run("Drifts", image="ships")
    harbour.await_status(run_id, "started")
    harbour.server.v4("update_item", {"id": run_id, "status": "aborted"})
    wait_until(lambda: podman.names() == [], seconds=30)  # it looks every 5 seconds
    assert harbour.item(run_id)["status"] == "aborted"


def test_a_container_of_an_unknown_image_is_an_error_of_its_run(harbour_of):
    harbour = harbour_of()
    item = harbour.await_status(harbour.run(image="nowhere"), "error")
    assert item["error"].startswith("Failed to start: ")


def test_a_server_that_stops_leaves_no_container(harbour_of, podman, wait_until):
    harbour = harbour_of()
    harbour.run(image="waits")
    wait_until(lambda: len(podman.names()) == 1, seconds=30)
    harbour.server.stop()
    assert podman.names() == []


def test_a_server_that_is_killed_leaves_no_container(harbour_of, podman, wait_until):
    harbour = harbour_of()
    harbour.run(image="waits")
    wait_until(lambda: len(podman.names()) == 1, seconds=30)
    harbour.server.stop(signal.SIGKILL)
    wait_until(lambda: podman.names() == [], seconds=30)


def test_a_container_whose_guard_is_killed_too_ends_at_the_next_start(harbour_of, podman, wait_until):
    harbour = harbour_of()
    run_id = harbour.run(image="waits")
    wait_until(lambda: len(podman.names()) == 1, seconds=30)
    family = psutil.Process(harbour.server.process.pid).children(recursive=True)
    for process in family:  # the guard first, so that it has no moment to act in
        if "guard" in process.cmdline():
            process.kill()
    harbour.server.stop(signal.SIGKILL)
    assert len(podman.names()) == 1
    harbour.start()
    assert podman.names() == []
    assert harbour.await_status(run_id, "error")["error"] == "The server was restarted"


def test_a_missing_engine_stores_nothing(start_server, wait_until, tmp_path):
    harbour = Harbour(start_server, wait_until, tmp_path, "--plugins-container-engine", "/no/such/engine")
    item = {"type": "PluginRun", "id": "run-away", "targetItemId": "run-away", "containerImage": "waits"}
    answer = harbour.server.v4("create_item", item)
    text = "Failure: Failed to execute /no/such/engine, a plugin container triggered by item run-away, no such file"
    assert (answer.status_code, answer.text) == (500, text)
    assert harbour.server.v4("search", {"id": "run-away"}).json() == []


def test_a_declaration_that_the_network_of_containers_cannot_keep_is_refused(harbour_of):
    harbour = harbour_of()
    item = {"type": "PluginRun", "id": "run-away", "targetItemId": "run-away", "containerImage": "waits", "pluginPermissions": "{}"}
    answer = harbour.server.v4("create_item", item)
    assert answer.status_code == 400
    assert answer.text.startswith("Failure: Runner podman cannot enforce network none on network host: ")
    assert harbour.server.v4("search", {"id": "run-away"}).json() == []


def test_options_that_engines_do_not_know_are_wrong_usage(datapod_command):
    command = datapod_command("serve", "--plugins-docker-pull", "sometimes")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--plugins-docker-pull must be one of always, missing, never" in done.stderr
