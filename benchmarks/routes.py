"""A plugin route over HTTP beside the same handler in bare Starlette on the same HTTP server, one process each."""

from __future__ import annotations

import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from benchmarks.table import Row

_BARE = """
import asyncio
from granian.constants import Interfaces
from granian.server.embed import Server
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

def hello(request):
    return JSONResponse({"hello": request.query_params.get("who", "world")})

app = Starlette(routes=[Route("/hello", hello)])
asyncio.run(Server(app, port=%d, interface=Interfaces.ASGINL, log_enabled=False, websockets=False).serve())
"""
_ROUTES = 'request.set_return({"hello": dict(request.rest_params).get("who", "world")})'


def run(*, quick: bool) -> list[Row]:
    """Requests/s with one connection and with eight; both servers run side by side, measured in turns."""
    requests = 4_000 if quick else 20_000
    with tempfile.TemporaryDirectory() as folder:
        bare, bare_port = _start_bare()
        server, port, credentials = _start_datapod(Path(folder))
        try:
            ours = f"GET /v1/plugins/hello/routes/hello?who=you HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {credentials}\r\n\r\n"
            theirs = "GET /hello?who=you HTTP/1.1\r\nHost: localhost\r\n\r\n"
            return [_row(connections, requests, (port, ours), (bare_port, theirs)) for connections in (1, 8)]
        finally:
            for process in (bare, server):
                process.terminate()
                process.wait()


def _row(connections: int, requests: int, ours: tuple[int, str], theirs: tuple[int, str]) -> Row:
    """The median of the ratios of pairs: what else the machine does hits both halves of a pair."""
    pairs = [(_rate(*ours, requests // 5, connections), _rate(*theirs, requests // 5, connections)) for _ in range(7)]
    ratio = statistics.median(measured / peer for measured, peer in pairs)
    measured, peer = (statistics.median(rates) for rates in zip(*pairs, strict=True))
    name = f"plugin route over HTTP, {connections} connection{'s' if connections > 1 else ''}"
    return Row(name, measured, "requests/s", f"bare Starlette {peer:,.0f} requests/s", ratio, 0.7, "higher")


def _rate(port: int, request: str, requests: int, connections: int) -> float:
    def ask() -> None:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(requests // connections):
                connection.sendall(request.encode())
                answer = connection.recv(65536)
                if not answer.startswith(b"HTTP/1.1 200") or b'{"hello":"you"}' not in answer:
                    raise RuntimeError(f"unexpected answer: {answer[:200]!r}")

    threads = [threading.Thread(target=ask) for _ in range(connections)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return requests / (time.perf_counter() - started)


def _start_bare() -> tuple[subprocess.Popen[bytes], int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-c", _BARE % port], stderr=subprocess.DEVNULL)
    for _ in range(2_000):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return process, port
        except ConnectionRefusedError:
            time.sleep(0.005)
    raise TimeoutError("bare Starlette did not start")


def _start_datapod(folder: Path) -> tuple[subprocess.Popen[bytes], int, str]:
    """A server with the plugin loaded; its port and the Basic credentials."""
    import base64

    import httpx

    environment = {**os.environ, "DATAPOD_HOME": str(folder / "home"), "DATAPOD_LOG": "error"}
    command = [sys.executable, "-m", "datapod", "serve", "--port", "0", "--data-dir", str(folder / "data")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
    assert process.stdout is not None
    found = re.search(r":(\d+)\s*$", process.stdout.readline().decode())
    if found is None:
        raise RuntimeError("the server did not say where it listens")
    port = int(found.group(1))
    keys = json.loads((folder / "home" / "pod_keys" / "keys.json").read_text())
    owner_key, database_key = keys["owner_key"], keys["database_key"]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client:
        body = {"auth": {"type": "ClientAuth", "databaseKey": database_key}, "payload": {}}
        client.post(f"/v4/{owner_key}/search", json=body).raise_for_status()
        plugin = {"type": "python", "params": {"source": {"routes": _ROUTES}}}
        client.put("/v1/plugins/hello", json=plugin, auth=(owner_key, database_key)).raise_for_status()
    return process, port, base64.b64encode(f"{owner_key}:{database_key}".encode()).decode()
