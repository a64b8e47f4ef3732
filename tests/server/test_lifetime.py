"""Start, stop, crash and restart: pod-protocol.md, 19.1; design, 7."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess

import httpx
import pytest


def is_alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGUSR2, 0), (signal.SIGINT, 130)])
def test_a_signal_stops_everything_in_order(start_server, wait_until, number, status):
    server = start_server()
    server.create_pod()
    child = server.child_pid()
    assert server.stop(number) == status
    wait_until(lambda: not is_alive(child), what="the end of the server process")


def test_shutdown_by_request_ends_with_0(start_server):
    server = start_server()
    server.create_pod()
    assert server.v1("POST", "/v1/shutdown").json() == {"shutdown": True}
    assert server.process.wait(20) == 0


def test_a_killed_server_is_started_again_while_its_clients_wait_and_nothing_answered_is_lost(start_server, wait_until):
    server = start_server()
    name = server.v4(
        "create_item", {"type": "ItemPropertySchema", "itemType": "Person", "propertyName": "displayName", "valueType": "Text"}
    )
    assert name.status_code == 200
    person = server.v4("create_item", {"type": "Person", "displayName": "Ada"}).json()
    child = server.child_pid()
    os.kill(child, signal.SIGKILL)
    server.http.close()
    server.http = httpx.Client(timeout=30)  # a new connection
    answer = server.v4("get_item", person)  # waits in the listening socket of the supervisor
    assert answer.json()[0]["displayName"] == "Ada"
    wait_until(lambda: server.child_pid() not in (0, child), what="a new server process")
    assert "starting it again" in server.log()


def test_the_server_does_not_outlive_its_supervisor(start_server, wait_until):
    server = start_server()
    child = server.child_pid()
    server.process.kill()
    wait_until(lambda: not is_alive(child), what="the end of the server process")


def run_serve(datapod_command, clean_environment, tmp_path, *options):
    return subprocess.run(
        datapod_command("serve", *options),
        capture_output=True,
        text=True,
        timeout=30,
        env=clean_environment(tmp_path / "home"),
        cwd=tmp_path,
    )


def test_a_port_in_use_is_one_clear_line(datapod_command, clean_environment, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run_serve(datapod_command, clean_environment, tmp_path, "--port", str(port), "--data-dir", "data")
    assert result.returncode == 1
    assert (
        result.stderr
        == f"datapod serve: Port {port} is already in use on 127.0.0.1; stop the other program, or choose another with --port\n"
    )


def test_two_servers_do_not_share_a_data_folder(start_server, datapod_command, clean_environment, tmp_path):
    server = start_server()
    result = run_serve(datapod_command, clean_environment, tmp_path, "--port", "0", "--data-dir", str(server.data_dir))
    assert result.returncode == 1
    assert f"Another server (process {server.process.pid}) already uses the data folder" in result.stderr


def test_a_data_folder_that_cannot_be_made_is_one_clear_line(datapod_command, clean_environment, tmp_path):
    (tmp_path / "file").write_text("")
    result = run_serve(datapod_command, clean_environment, tmp_path, "--port", "0", "--data-dir", str(tmp_path / "file"))
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "choose another with --data-dir" in result.stderr


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--frobnicate"], "--frobnicate"),
        (["--port", "many"], "--port needs a number"),
        (["--owners", "xyz"], "is not an owner hash"),
        (["--host", "0.0.0.0", "--trust-loopback"], "--trust-loopback works only with a loopback address"),
        (["--host", "0.0.0.0", "--non-tls"], "--insecure-non-tls=0.0.0.0"),
        (["--insecure-non-tls", "everywhere"], "needs an IP address"),
        (["--insecure-plugin-script", "boats"], "--insecure-plugin-script takes IMAGE=/path, not 'boats'"),
        (["--plugins-process", "boats="], "--plugins-process takes IMAGE or IMAGE=PYTHON, not 'boats='"),
    ],
)
def test_wrong_usage_is_status_2(datapod_command, clean_environment, tmp_path, options, text):
    result = run_serve(datapod_command, clean_environment, tmp_path, "--data-dir", "data", *options)
    assert result.returncode == 2
    assert text in result.stderr
    assert not (tmp_path / "data").exists()


def test_an_open_address_without_certificate_is_refused_with_the_ways_out(datapod_command, clean_environment, tmp_path):
    result = run_serve(datapod_command, clean_environment, tmp_path, "--host", "0.0.0.0", "--port", "0", "--data-dir", "data")
    assert result.returncode == 1
    assert "pod.crt is missing" in result.stderr
    assert "--insecure-non-tls=0.0.0.0" in result.stderr


def test_a_certificate_that_is_none_is_one_clear_line(datapod_command, clean_environment, tmp_path):
    (tmp_path / "pod.crt").write_text("no certificate")
    (tmp_path / "pod.key").write_text("no key")
    files = ("--tls-pub-crt", str(tmp_path / "pod.crt"), "--tls-priv-key", str(tmp_path / "pod.key"))
    result = run_serve(datapod_command, clean_environment, tmp_path, "--port", "0", "--data-dir", "data", *files)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "pod.crt" in result.stderr
    assert "must be PEM files that belong together" in result.stderr


def test_tls_with_a_certificate_of_its_own(start_server):
    server = start_server("--tls=self-signed")
    assert server.address.startswith("https://127.0.0.1:")
    context = __import__("ssl").create_default_context(cafile=str(server.data_dir / "certs" / "pod.crt"))
    with httpx.Client(verify=context) as client:
        assert client.get(server.address + "/version").status_code == 200


def test_plugins_trust_a_certificate_of_the_server(start_server, wait_until):
    server = start_server("--tls=self-signed", "--plugins-process", "*")
    server.http = httpx.Client(verify=__import__("ssl").create_default_context(cafile=str(server.data_dir / "certs" / "pod.crt")))
    names = {"pluginModule": "datapod.examples.plugins", "pluginName": "MySimplePlugin"}
    server.http.post(f"{server.address}/v4/account", json={"ownerKey": server.owner_key, "databaseKey": server.database_key})
    run = {"type": "PluginRun", "id": "runrun01", "targetItemId": "runrun01", "containerImage": "simple", **names}
    assert server.v4("create_item", run).status_code == 200
    final = ("done", "error")
    wait_until(lambda: server.v4("get_item", "runrun01").json()[0].get("status") in final, seconds=30, what="the end of the run")
    assert server.v4("get_item", "runrun01").json()[0]["status"] == "done", server.v4("get_pluginrun_log", "runrun01").text


def test_the_first_start_makes_keys_outside_the_data_and_says_where(start_server):
    server = start_server()
    key_file = server.home / "pod_keys" / "keys.json"
    keys = json.loads(key_file.read_text())
    assert len(bytes.fromhex(keys["owner_key"])) == len(bytes.fromhex(keys["database_key"])) == 32
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert server.process.stdout is not None
    os.set_blocking(server.process.stdout.fileno(), False)
    banner = server.process.stdout.read().decode()
    assert str(server.data_dir) in banner
    assert str(key_file) in banner
    assert keys["database_key"] not in banner
    assert stat.S_IMODE(server.data_dir.stat().st_mode) == 0o700


def test_v1_answers_the_owner_of_the_key_file_from_the_first_start_on(start_server):
    server = start_server()
    answer = server.http.get(f"{server.address}/v1/query?q=SELECT 1 AS x&format=table", auth=(server.owner_key, server.database_key))
    assert (answer.status_code, answer.json()) == (200, [["_rowName", "x"], ["result", 1]])


def test_the_version_names_both_programs(datapod_command, clean_environment, tmp_path):
    result = run_serve(datapod_command, clean_environment, tmp_path, "--version")
    assert result.returncode == 0
    assert '"cargo":"0.4.4"' in result.stdout


def test_switches_take_a_value_and_their_variables_may_be_off(start_server, monkeypatch):
    monkeypatch.setenv("SHARED_SERVER", "false")
    server = start_server("--shared-server=true")
    assert server.http.get(server.address + "/version").status_code == 200
    for path in ("/", "/ping", "/v1/datasets", f"/v4/{server.owner_key}/search"):
        answer = server.http.post(server.address + path)
        assert (answer.status_code, answer.content) == (404, b"")


def test_an_idle_pod_is_locked_and_unlocked_again(start_server, wait_until):
    server = start_server("--lock-after", "0.2", "--owners=ANY")
    server.create_pod()
    wait_until(lambda: "locked the pod" in server.log(), what="locking")
    assert server.v4("search", {"_limit": 1}).status_code == 200
