"""Runs that were not granted the network: they reach the pod and nothing else. Source: pod-protocol.md, 23.2 and 23.4; design, 6."""

from __future__ import annotations

import http.server
import json
import shutil
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import psutil
import pytest
from tests.runners.harbour import Harbour

from datapod_server.errors import Invalid
from datapod_server.rights import EVERYTHING, NOTHING, Named
from datapod_server.runners import confinement
from datapod_server.runners.backend import Launch
from datapod_server.runners.output import OutputTail
from datapod_server.runners.process import ScriptBackend

# One line for each door: what stands behind it, or the name of the error.
DOORS = """
import ctypes, os, socket, urllib.request

def door(name, attempt):
    try:
        print(name, attempt(), flush=True)
    except OSError as error:
        print(name, type(error).__name__, flush=True)

pod = os.environ["POD_FULL_ADDRESS"]
door("pod", lambda: urllib.request.urlopen(pod + "/", timeout=20).read().decode())
door("neighbour", lambda: socket.create_connection(("127.0.0.1", int(os.environ["NEIGHBOUR"])), 5))
door("same port elsewhere", lambda: socket.create_connection(("192.0.2.1", int(pod.rsplit(":", 1)[1])), 5))
door("udp", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 53)))
door("names", lambda: socket.getaddrinfo("example.org", 80))
door("file socket", lambda: socket.socket(socket.AF_UNIX))
door("raw", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
door("pair", lambda: len(socket.socketpair()))
here = os.open("/proc/self/ns/net", os.O_RDONLY)
print("other networks", ctypes.CDLL(None).setns(here, 0), flush=True)
"""
SERVES = """
import http.server, os
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b'"idle"')
server = http.server.HTTPServer(("0.0.0.0", int(os.environ["WEB"])), Health)
print("up", flush=True)
server.serve_forever()
"""


class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "10")
        self.end_headers()
        self.wfile.write(b"it-is-me-!")

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def pod() -> Iterator[str]:
    """Something that answers at an address of its own."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://localhost:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def backend(tmp_path, pod):
    """A script of Python, where this system has the means."""
    confinement.missing_means.cache_clear()
    reason = confinement.missing_means()
    if reason is not None:
        pytest.skip(f"this system gives no network of its own to a process: {reason}")

    def make(text: str) -> ScriptBackend:
        path = tmp_path / "plugin"
        path.write_text(f"#!{sys.executable}\n{text}")
        path.chmod(0o755)
        backend = ScriptBackend(str(path), pod)
        backend.check_network(NOTHING)
        return backend

    return make


def launch(pod: str, network: Named | None, **variables: str) -> Launch:
    target = msgspec.json.encode({"webserverPort": int(variables.get("WEB", 8080))}).decode()
    return Launch("boats", "run", "owner", {"POD_FULL_ADDRESS": pod, "POD_TARGET_ITEM": target, **variables}, network=network)


def test_a_run_without_the_right_reaches_the_pod_and_nothing_else(backend, pod):
    neighbour = http.server.HTTPServer(("127.0.0.1", 0), Answers)
    output = OutputTail()
    running = backend(DOORS).start(launch(pod, NOTHING, NEIGHBOUR=str(neighbour.server_address[1])), output.append)
    end = running.wait(60)
    running.cleanup()
    neighbour.server_close()
    assert end.code == 0, output.content()
    assert output.content().decode().splitlines() == [
        "pod it-is-me-!",
        "neighbour ConnectionRefusedError",
        "same port elsewhere OSError",
        "udp OSError",
        "names gaierror",
        "file socket PermissionError",
        "raw PermissionError",
        "pair 2",
        "other networks -1",
    ]


@pytest.mark.parametrize("network", [None, EVERYTHING])
def test_a_run_that_may_use_the_network_is_in_the_servers(backend, pod, network):
    output = OutputTail()
    running = backend("import os; print(os.readlink('/proc/self/ns/net'))").start(launch(pod, network), output.append)
    running.wait(30)
    running.cleanup()
    assert output.content().decode().strip() == str(Path("/proc/self/ns/net").readlink())


def test_the_server_reaches_the_web_server_of_a_confined_run(backend, pod, wait_until):
    with http.server.HTTPServer(("127.0.0.1", 0), Answers) as probe:
        port = probe.server_address[1]
    output = OutputTail()
    running = backend(SERVES).start(launch(pod, NOTHING, WEB=str(port)), output.append)
    try:
        wait_until(lambda: output.content().startswith(b"up"), seconds=30)

        def health() -> str | None:
            try:
                return httpx.get(f"http://{running.host()}:{port}/v1/health", timeout=5).text
            except httpx.TransportError:
                return None

        assert wait_until(health, seconds=30) == '"idle"'
    finally:
        running.kill()
        running.wait(30)
        running.cleanup()


def test_a_confined_run_has_its_time_to_end_when_it_is_asked_to(backend, pod, wait_until):
    text = """
import os, signal, time, urllib.request
def last_words(number, frame):
    print(urllib.request.urlopen(os.environ["POD_FULL_ADDRESS"], timeout=20).read().decode(), flush=True)
    raise SystemExit(7)
signal.signal(signal.SIGTERM, last_words)
print("up", flush=True)
while True:
    time.sleep(0.05)
"""
    output = OutputTail()
    running = backend(text).start(launch(pod, NOTHING), output.append)
    wait_until(lambda: output.content() == b"up\n", seconds=30)
    running.terminate()
    end = running.wait(30)
    running.cleanup()
    assert (end.code, output.content()) == (7, b"up\nit-is-me-!\n")


def test_a_run_reaches_the_hosts_that_it_was_granted_by_their_names(backend, pod):
    """The neighbour stands for a host of the world: the name leads to it through the relay only."""
    neighbour = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=neighbour.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    port = neighbour.server_address[1]
    text = """
import os, socket, urllib.request
for place in ("neighbour", "localhost"):
    try:
        print(urllib.request.urlopen(f"http://{place}:{os.environ['NEIGHBOUR']}/", timeout=20).read().decode(), flush=True)
    except OSError as error:
        print(type(error).__name__, flush=True)
print(socket.gethostbyname(socket.gethostname()) != "", open("/etc/hosts").read().count("neighbour"), flush=True)
"""
    # A name that this machine knows and the confined network would not.
    name = socket.gethostname()
    network = Named(frozenset({f"{name}:{port}"}))
    started = backend(text.replace('"neighbour"', repr(name), 1))
    started.check_network(network)
    output = OutputTail()
    running = started.start(launch(pod, network, NEIGHBOUR=str(port)), output.append)
    end = running.wait(60)
    running.cleanup()
    neighbour.shutdown()
    thread.join()
    neighbour.server_close()
    assert end.code == 0, output.content()
    assert output.content().decode().splitlines()[:2] == ["it-is-me-!", "URLError"]


def test_a_pod_that_is_known_by_a_name_is_reached_by_it(backend, pod):
    named = pod.replace("localhost", socket.gethostname())
    output = OutputTail()
    text = "import os, urllib.request; print(urllib.request.urlopen(os.environ['POD_FULL_ADDRESS'], timeout=20).read().decode())"
    running = backend(text).start(launch(named, Named(frozenset({"localhost:9", "127.0.0.1:9"}))), output.append)
    running.wait(60)
    running.cleanup()
    assert output.content() == b"it-is-me-!\n"


@pytest.mark.parametrize("place", ["*.example.org:993", "imap.example.org", "imap.example.org:*", "[2001:db8::1]:993", "host:70000"])
def test_hosts_that_are_not_named_exactly_are_refused(place):
    with pytest.raises(Invalid, match=r'Runner process cannot enforce network .*: declare "outbound", name each host'):
        ScriptBackend("/bin/true").check_network(Named(frozenset({place})))


def test_a_system_without_the_means_refuses_and_says_why(monkeypatch):
    monkeypatch.setattr(confinement, "_LAUNCHER", (shutil.which("false"),))
    confinement.missing_means.cache_clear()
    with pytest.raises(Invalid, match=r'Runner process cannot enforce network none .*: declare "outbound", or run it as a container'):
        ScriptBackend("/bin/true").check_network(NOTHING)
    confinement.missing_means.cache_clear()


# From outside: a real server, a plugin of the SDK in a network of its own.


@pytest.fixture
def harbour(backend, start_server, wait_until, tmp_path):
    return Harbour(start_server, wait_until, tmp_path)


def test_a_plugin_of_the_sdk_works_without_the_network(harbour):
    declaration = {"read": {"Boat": "*"}, "write": {"Boat": "*"}}
    run_id = harbour.run("Sails", pluginPermissions=json.dumps(declaration))
    item = harbour.await_status(run_id, "done", "error")
    assert (item["status"], item.get("error")) == ("done", None)
    assert len(harbour.server.v4("search", {"type": "Boat"}).json()) == 3


@pytest.mark.parametrize(("declared", "own"), [({}, True), ({"network": "outbound"}, False)])
def test_what_a_run_declares_decides_about_its_network(harbour, declared, own, wait_until):
    harbour.run("Drifts", pluginPermissions=json.dumps(declared))
    harbour.await_status("run-Drifts", "started")
    networks = {Path(f"/proc/{pid}/ns/net").readlink() for pid in harbour.processes() if "datapod" in psutil.Process(pid).cmdline()}
    assert (networks == {Path("/proc/self/ns/net").readlink()}) is not own
    assert harbour.state("run-Drifts") == "started"


def test_a_pattern_of_hosts_stores_nothing(harbour):
    declaration = json.dumps({"network": ["*.example.org:993"]})
    item = {"type": "PluginRun", "id": "run-away", "targetItemId": "run-away", "containerImage": "boats", "pluginPermissions": declaration}
    answer = harbour.server.v4("create_item", item | {"pluginModule": "boats", "pluginName": "Sails"})
    assert answer.status_code == 400
    assert answer.text.startswith("Failure: Runner process cannot enforce network *.example.org:993")
    assert harbour.server.v4("search", {"id": "run-away"}).json() == []
