"""HTTP as the protocols need it: rest-api.md, 1.1, 13.6; pod-protocol.md, 1."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import socket
import threading

import pytest

from datapod_server.server.bodies import BodyStream


def raw(server, text: bytes, *, until_closed: bool = True) -> bytes:
    """Send bytes as they are and read the answer."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(text)
        pieces = []
        while piece := connection.recv(65536):
            pieces.append(piece)
            if not until_closed:
                break
        return b"".join(pieces)


def still_answers(server) -> bool:
    return server.http.get(server.address + "/version").status_code == 200


@pytest.mark.parametrize(
    "text",
    [
        b"GARBAGE\x00\xff\r\n\r\n",
        b"GET /version HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"POST /v1/query HTTP/1.1\r\nHost: localhost\r\nContent-Length: abc\r\n\r\n",
        b"POST /v1/query HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost localhost\r\n\r\n",
    ],
)
def test_malformed_http_is_refused_and_hurts_nobody(server, text):
    answer = raw(server, text)
    assert answer == b"" or answer.split()[1] in (b"400", b"414", b"431", b"505")
    assert still_answers(server)


def test_a_get_body_is_read(server):
    answer = server.v1("GET", "/v1/query", {"q": "select 1 as x", "format": "table"})
    assert answer.json() == [["_rowName", "x"], ["result", 1]]


def test_a_chunked_get_body_is_read(server):
    body = b'{"q": "select 1 as x", "format": "table"}'
    answer = server.http.request(
        "GET",
        server.address + "/v1/query",
        content=(body[i : i + 7] for i in range(0, len(body), 7)),
        auth=(server.owner_key, server.database_key),
    )
    assert answer.json() == [["_rowName", "x"], ["result", 1]]


def test_expect_100_continue_is_answered(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"POST /v4/account HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 100")
        connection.sendall(b"{}")
        assert connection.recv(1000).startswith(b"HTTP/1.1 400")


def test_a_connection_serves_many_requests(server):
    request = b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        for _ in range(20):
            connection.sendall(request)
            assert connection.recv(10_000).startswith(b"HTTP/1.1 200")


def test_head_has_the_headers_of_get_and_no_body(server):
    got = server.v1("GET", "/v1/datasets")
    head = server.v1("HEAD", "/v1/datasets")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(got.content))
    assert head.headers["content-type"] == "application/json"


@pytest.mark.parametrize("chunked", [False, True])
def test_a_json_body_above_the_limit_is_413(start_server, chunked):
    server = start_server("--max-json-mb", "1")
    server.create_pod()
    body = b" " * (3 * 1024 * 1024)
    content = iter([body[: 1024 * 1024], body[1024 * 1024 :]]) if chunked else body
    answer = server.http.post(f"{server.address}/v4/{server.owner_key}/search", content=content)
    assert (answer.status_code, answer.text) == (413, "Failure: Request body too large")
    assert still_answers(server)


def test_a_client_that_waits_for_100_hears_of_the_limit_before_it_sends(start_server):
    server = start_server("--max-json-mb", "1")
    head = f"POST /v4/{server.owner_key}/search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\nExpect: 100-continue\r\n\r\n"
    assert raw(server, head.encode(), until_closed=False).startswith(b"HTTP/1.1 413")


def test_a_file_above_the_limit_is_413_and_not_stored(start_server):
    server = start_server("--max-file-mb", "1")
    server.create_pod()
    answer = server.http.post(
        f"{server.address}/v4/{server.owner_key}/upload_file/{server.database_key}/{'0' * 64}", content=b"x" * 3_000_000
    )
    assert (answer.status_code, answer.text) == (413, "Failure: Request body too large")


@pytest.mark.parametrize("right_key", [True, False])
def test_uploads_that_never_end_keep_nobody_else_waiting(start_server, right_key):
    server = start_server()
    server.create_pod()
    key = server.database_key if right_key else "0" * 64
    head = f"POST /v4/{server.owner_key}/upload_file/{key}/{'0' * 64} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n\r\nabc"
    with contextlib.ExitStack() as connections:
        for _ in range(90):  # more than the door has threads; fewer wrong keys than an address may try
            connection = connections.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10))
            connection.sendall(head.encode())
        assert still_answers(server)
        assert server.v4("search", {"_limit": 1}).status_code == 200


def test_clients_that_do_not_read_their_answers_keep_nobody_else_waiting(start_server):
    server = start_server()
    server.create_pod()
    content = os.urandom(20_000_000)  # far more than the sockets hold
    digest = hashlib.sha256(content).hexdigest()
    assert server.v4("create_item", {"type": "File", "sha256": digest}).status_code == 200
    upload = f"{server.address}/v4/{server.owner_key}/upload_file/{server.database_key}/{digest}"
    assert server.http.post(upload, content=content).status_code == 200
    body = json.dumps({"auth": {"type": "ClientAuth", "databaseKey": server.database_key}, "payload": {"sha256": digest}})
    head = f"POST /v4/{server.owner_key}/get_file HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    with contextlib.ExitStack() as connections:
        slow = [connections.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10)) for _ in range(90)]
        for connection in slow:
            connection.sendall((head + body).encode())
        for connection in slow:
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
        assert still_answers(server)
        assert server.v4("search", {"_limit": 1}).status_code == 200


async def cancelled() -> None:
    raise asyncio.CancelledError


@pytest.mark.parametrize("receive", [lambda: asyncio.Event().wait(), cancelled])
def test_a_client_that_falls_silent_in_its_upload_counts_as_gone_as_does_one_at_the_servers_end(receive):
    async def read() -> None:
        loop = asyncio.get_running_loop()
        stream = BodyStream(receive, loop, None, 1000, silence_seconds=0.01)
        with pytest.raises(ConnectionResetError):
            await asyncio.to_thread(list, stream)
        assert stream.ended

    asyncio.run(read())


def test_clients_that_go_away_hurt_nobody(server):
    for _ in range(10):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(b"POST /v4/account HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nabc")
    assert still_answers(server)


def test_many_clients_at_once_all_get_their_own_answer(server):
    failures = []

    def ask(number: int) -> None:
        for _ in range(10):
            answer = server.v1("GET", "/v1/query", params={"q": f"select {number} as x", "format": "atom"})
            if answer.text != str(number):
                failures.append((number, answer.text))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_answers_forbid_type_guessing(server):
    assert server.http.get(server.address + "/version").headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("status", [1, 99, 100, 199, 1000, 70000])
def test_a_status_that_http_cannot_carry_is_a_500(server, status):
    """In-server code may choose any positive number. Beyond three digits the server itself died of it, with every request in it."""
    source = f"mldb.script.set_return('x', {status})"
    answer = server.v1("POST", "/v1/types/plugins/python/routes/run", {"source": source})
    assert answer.status_code == 500
    assert answer.json() == {"error": f"the answer has the status {status}, which HTTP cannot carry", "httpCode": 500}


@pytest.mark.parametrize("status", [200, 299, 451, 999])
def test_any_other_status_is_sent(server, status):
    source = f"mldb.script.set_return('x', {status})"
    assert server.v1("POST", "/v1/types/plugins/python/routes/run", {"source": source}).status_code == status
