"""Bulk create and search beside Kinto (PyPI), a server for JSON records: what a user might pick instead for syncing items.

Kinto keeps its records in memory here, unencrypted, which is its fastest way; ours are on the disk, encrypted and synced. It is installed
into an environment of its own, beside the system's folder for temporary files, the first time.
"""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from benchmarks.asking import running_server
from benchmarks.table import Row, median_seconds

_BATCH = 500
_PROPERTIES = {"name": "Text", "email": "Text", "age": "Integer"}
_SETTINGS = """
[server:main]
use = egg:waitress
host = 127.0.0.1
port = {port}
threads = 4

[app:main]
use = egg:kinto
kinto.userid_hmac_secret = benchmark
kinto.storage_backend = kinto.core.storage.memory
kinto.cache_backend = kinto.core.cache.memory
kinto.permission_backend = kinto.core.permission.memory
multiauth.policies = basicauth
kinto.bucket_create_principals = system.Authenticated
kinto.batch_max_requests = 1000

[loggers]
keys = root
[handlers]
keys =
[formatters]
keys =
[logger_root]
level = ERROR
handlers =
"""


def run(quick: bool) -> list[Row]:
    count = 2_000 if quick else 20_000
    with tempfile.TemporaryDirectory(prefix="datapod-bench-") as folder:
        with running_server(Path(folder)) as ask:
            entries = [
                {"type": "ItemPropertySchema", "itemType": "Contact", "propertyName": n, "valueType": t} for n, t in _PROPERTIES.items()
            ]
            ask("bulk", {"createItems": entries})
            batches = [
                ask.prepare("bulk", {"createItems": [{"type": "Contact", **_contact(n)} for n in numbers]}) for numbers in _numbers(count)
            ]
            ours = _seconds(lambda body: ask.send("bulk", body), batches)
            call = ask.prepare("search", {"type": "Contact", "email": _contact(count // 2)["email"]})
            our_search = median_seconds(lambda: ask.send("search", call))
        with _kinto(Path(folder)) as kinto:
            bodies = [{"requests": [{"body": {"data": _contact(number)}} for number in numbers]} for numbers in _numbers(count)]
            for body in bodies:
                body["defaults"] = {"method": "POST", "path": "/buckets/b/collections/c/records"}
            theirs = _seconds(lambda body: kinto("POST", "/v1/batch", body), bodies)
            path = f"/v1/buckets/b/collections/c/records?email={_contact(count // 2)['email']}"
            their_search = median_seconds(lambda: kinto("GET", path))
    rate, their_rate = count / ours, count / theirs
    return [
        Row(
            f"bulk create of {count:,} items",
            rate,
            "items/s",
            f"Kinto in memory {their_rate:,.0f} records/s",
            rate / their_rate,
            10,
            "higher",
        ),
        Row(
            f"search by property among {count:,}",
            our_search * 1e3,
            "ms",
            f"Kinto in memory {their_search * 1e3:.1f} ms",
            our_search / their_search,
            None,
        ),
    ]


def _contact(number: int) -> dict[str, Any]:
    return {"name": f"Contact number {number}", "email": f"contact{number}@mail.example", "age": number % 90}


def _numbers(count: int) -> Iterator[range]:
    return (range(start, min(start + _BATCH, count)) for start in range(0, count, _BATCH))


def _seconds(send: Any, bodies: list[Any]) -> float:
    began = time.perf_counter()
    for body in bodies:
        send(body)
    return time.perf_counter() - began


@contextmanager
def _kinto(folder: Path) -> Iterator[Any]:
    """A way to ask a running Kinto in which the bucket and the collection exist."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = folder / "kinto.ini"
    settings.write_text(_SETTINGS.format(port=port))
    process = subprocess.Popen([_program(), "start", "--ini", str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    headers = {"Authorization": "Basic " + base64.b64encode(b"benchmark:benchmark").decode(), "Content-Type": "application/json"}
    connection = HTTPConnection("127.0.0.1", port, timeout=120)

    def ask(verb: str, path: str, body: Any = None) -> bytes:
        connection.request(verb, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"Kinto: {answer.status} {content[:200]!r}")
        return content

    try:
        _wait(port)
        ask("PUT", "/v1/buckets/b", {})
        ask("PUT", "/v1/buckets/b/collections/c", {})
        yield ask
    finally:
        connection.close()
        process.terminate()
        process.wait(30)


def _wait(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def _program() -> str:
    place = Path(tempfile.gettempdir()) / f"datapod-bench-kinto-{sys.version_info.major}.{sys.version_info.minor}"
    program = place / "bin" / "kinto"
    if not program.exists():
        venv.create(place, with_pip=True)
        subprocess.run([str(place / "bin" / "pip"), "install", "--quiet", "kinto", "waitress"], check=True, capture_output=True)
    return str(program)
