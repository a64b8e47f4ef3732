"""Runs as Jobs: what is sent to the cluster, field by field, and what becomes of a run there. Source: pod-protocol.md, 14.2, 14.3, 14.7."""

from __future__ import annotations

import json
import re
import shlex
import signal
import sys

import pytest
from kubernetes import client
from tests.runners.fake_cluster import running_cluster
from tests.runners.harbour import Harbour

from datapod_server.errors import Invalid
from datapod_server.rights import NOTHING
from datapod_server.runners.backend import Exit, Launch
from datapod_server.runners.cluster import Cluster, ClusterError
from datapod_server.runners.job import job_name, job_of, plugin_address
from datapod_server.runners.kubernetes import PROGRAM, KubernetesBackend
from datapod_server.runners.leftovers import Leftovers
from datapod_server.runners.output import OutputTail

WAITS = ["/bin/sh", "-c", "echo up; while :; do sleep 0.05; done"]
LAUNCH = Launch("boats", "Run-1", "owner", {"POD_OWNER": "owner"}, name="c-boats-1")


@pytest.fixture
def cluster(tmp_path):
    programs = {"boats": WAITS, "ends": ["/bin/sh", "-c", "exit 4"]}
    with running_cluster(programs, tmp_path / "cluster.json") as cluster:
        yield cluster


@pytest.fixture
def backend(cluster, tmp_path):
    leftovers = Leftovers(str(tmp_path / "jobs"))
    return KubernetesBackend(Cluster.connect(str(cluster.config_file)), leftovers=leftovers, look_seconds=0.02)


def test_a_job_says_exactly_what_the_protocol_lists():
    job = job_of("cowner-boats12-run-0123abcd", "registry.example/boats:1.2", {"POD_OWNER": "o", "PLUGIN_DNS": "http://localhost"}, 0)
    labels = {"app": "cowner-boats12-run-0123abcd", "type": "plugin"}
    assert client.ApiClient().sanitize_for_serialization(job) == {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "cowner-boats12-run-0123abcd", "labels": labels},
        "spec": {
            "backoffLimit": 0,
            "ttlSecondsAfterFinished": 3600,
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "restartPolicy": "Never",
                    "containers": [
                        {
                            "name": "cowner-boats12-run-0123abcd",
                            "image": "registry.example/boats:1.2",
                            "imagePullPolicy": "Always",
                            "ports": [{"containerPort": 8080}],
                            "env": [{"name": "POD_OWNER", "value": "o"}, {"name": "PLUGIN_DNS", "value": "http://localhost"}],
                        }
                    ],
                },
            },
        },
    }


def test_a_memory_limit_is_the_containers():
    container = job_of("c", "boats", {}, 512).spec.template.spec.containers[0]
    assert container.resources.limits == {"memory": "512Mi"}


def test_a_name_is_short_lower_case_and_new_each_time():
    name = job_name("AB" * 32, "registry.example/Boats/and/More:1.2", "Run_with-a-VERY-long-identifier")
    assert re.fullmatch("cababababab-registryexampleboats-runwithaverylongiden-[0-9a-f]{8}", name)
    assert name != job_name("AB" * 32, "registry.example/Boats/and/More:1.2", "Run_with-a-VERY-long-identifier")


def test_a_plugin_is_told_its_public_address():
    assert plugin_address("c1", "plugins.example.org") == "https://c1.plugins.example.org"
    assert plugin_address("c1", None) == "http://localhost"


def test_an_image_that_is_unknown_fails_the_run_and_leaves_no_job(backend, cluster):
    running = backend.start(Launch("nowhere", "run", "owner", {}, name="c1"), OutputTail().append)
    end = running.wait(20)
    running.cleanup()
    assert end.reason() == 'Failed to start: ImagePullBackOff: Back-off pulling image "nowhere"'
    assert cluster.pods["c1"].deleted


def test_a_container_that_took_too_much_memory_names_the_limit(backend, cluster, wait_until):
    running = backend.start(LAUNCH, OutputTail().append)
    pod = cluster.pods["c-boats-1"]
    pod.oom_killed = True
    pod.signal(signal.SIGKILL)
    end = running.wait(20)
    running.cleanup()
    assert (end.code, end.succeeded, "limit" in end.reason()) == (137, False, True)


def test_a_job_that_somebody_else_deletes_is_an_end(backend, cluster):
    running = backend.start(LAUNCH, OutputTail().append)
    backend.cluster.delete_job("c-boats-1")
    end = running.wait(20)
    running.cleanup()
    assert end is not None and not end.succeeded


def test_a_cluster_that_does_not_answer_for_a_while_ends_nothing(backend, cluster, wait_until):
    output = OutputTail()
    running = backend.start(LAUNCH, output.append)
    wait_until(lambda: output.content() == b"up\n")
    cluster.answers = False
    seen = len(cluster.asked)
    wait_until(lambda: len(cluster.asked) > seen + 3)
    running.terminate()  # is not heard, and may be asked again
    assert running.wait(0.05) is None
    cluster.answers = True
    running.terminate()
    assert running.wait(20) == Exit(signal_number=signal.SIGTERM) or running.wait(0) == Exit(code=143)
    running.cleanup()


def test_a_run_is_reached_at_the_address_of_its_pod(backend, wait_until):
    running = backend.start(LAUNCH, OutputTail().append)
    assert wait_until(running.host) == "127.0.0.1"
    running.kill()
    assert running.wait(20) is not None
    running.cleanup()
    assert running.host() is None


def test_jobs_of_a_killed_server_are_deleted_at_the_next_start_and_others_are_not(backend, cluster, wait_until):
    backend.leftovers.note("c-mine", PROGRAM)
    for name in ("c-mine", "c-strangers"):
        backend.cluster.create(job_of(name, "boats", {}, 0))
    backend.end_leftovers()
    wait_until(lambda: cluster.living() == ["c-strangers"])
    assert backend.leftovers.programs() == set()


def test_a_right_to_the_network_that_nobody_can_check_is_refused(backend):
    with pytest.raises(Invalid, match='Runner kubernetes cannot enforce network none: declare "outbound", or run it as a process'):
        backend.check_network(NOTHING)


def test_settings_that_are_missing_are_told_in_one_line(tmp_path):
    with pytest.raises(ClusterError, match="Invalid kube-config file"):
        Cluster.connect(str(tmp_path / "nowhere"))


# From outside: a real server, whose plugins run in the cluster.


@pytest.fixture
def harbour(start_server, wait_until, tmp_path, monkeypatch):
    told = tmp_path / "server" / "told"
    plugin = f"cd {shlex.quote(str(tmp_path / 'server'))}; exec {sys.executable} -m datapod plugin run --read-args-from-env"
    tell = f"echo up; env -0 > {shlex.quote(str(told))}.part; mv {told}.part {told}; while :; do sleep 0.05; done"
    programs = {"sails": ["/bin/sh", "-c", plugin], "tells": ["/bin/sh", "-c", tell], "ends": ["/bin/sh", "-c", "exit 4"]}
    with running_cluster(programs, tmp_path / "cluster.json") as cluster:
        monkeypatch.setenv("KUBECONFIG", str(cluster.config_file))
        harbour = Harbour(start_server, wait_until, tmp_path, "--use-kubernetes", "--plugins-public-domain", "plugins.example.org")
        harbour.cluster = cluster
        yield harbour


def test_a_plugin_in_the_cluster_writes_its_items_and_is_done(harbour):
    run_id = harbour.run("Sails", image="sails")
    item = harbour.await_status(run_id, "done", "error")
    assert (item["status"], item.get("error")) == ("done", None)
    assert len(harbour.server.v4("search", {"type": "Boat"}).json()) == 3


def test_a_plugin_in_the_cluster_is_told_six_variables(harbour):
    run_id = harbour.run(image="tells")
    told = harbour.environment()
    name = harbour.item(run_id)["containerId"]
    pod = harbour.cluster.pods[name]
    assert [variable["name"] for variable in pod.spec["env"]] == [
        "POD_FULL_ADDRESS",
        "POD_TARGET_ITEM",
        "POD_PLUGINRUN_ID",
        "POD_OWNER",
        "POD_AUTH_JSON",
        "PLUGIN_DNS",
    ]
    assert told["PLUGIN_DNS"] == f"https://{name}.plugins.example.org"
    assert json.loads(told["POD_TARGET_ITEM"])["containerId"] == name
    assert re.fullmatch(f"c{harbour.server.owner_key[:10].lower()}-tells-runtells-[0-9a-f]{{8}}", name)


def test_a_failed_job_is_an_error_of_its_run(harbour):
    item = harbour.await_status(harbour.run(image="ends"), "error")
    assert item["error"] == "The plugin ended with exit code 4"


def test_a_server_that_stops_in_good_order_has_its_jobs_deleted(harbour):
    harbour.run(image="tells")
    harbour.environment()
    harbour.server.stop()
    assert harbour.cluster.living() == []


def test_a_cluster_that_does_not_answer_stores_nothing(harbour):
    harbour.cluster.answers = False
    item = {"type": "PluginRun", "id": "run-away", "targetItemId": "run-away", "containerImage": "tells"}
    answer = harbour.server.v4("create_item", item)
    assert answer.status_code == 500, answer.text
    assert answer.text.startswith("Failure: Failed to execute kubernetes, a plugin container triggered by item run-away, the cluster")
    assert harbour.server.v4("search", {"id": "run-away"}).json() == []


def test_a_killed_server_has_its_jobs_deleted_at_the_next_start(harbour, wait_until):
    run_id = harbour.run(image="tells")
    harbour.environment()
    harbour.server.stop(signal.SIGKILL)
    assert harbour.cluster.living() != []
    harbour.start()
    wait_until(lambda: harbour.cluster.living() == [])
    harbour.await_status(run_id, "error")
    assert harbour.item(run_id)["error"] == "The server was restarted"
