"""A service for tests of connectors: a real HTTP server that lists records in pages, wants a login, and fails as it is told.

    with FakeProvider(records=[{"id": "1", "title": "one"}]) as provider:
        provider.fail_next(Fault(500), Fault(429, retry_after="1"), Fault(reset=True))
        ...
        assert [asked.path for asked in provider.asked] == ["/records", ...]

| address | answers |
|---|---|
| `GET /records` | `{"records": [...], "next": token or null}`, and the same as `Link: <...>; rel="next"`; `page=` counts pages from 1, `token=` takes what `next` said, `since=` gives what changed after that number (`changed` of a record) |
| `POST /token` | form `refresh_token=`: new tokens; the refresh token is used up by it, and using it again revokes all of its tokens |
| everything else | `contents[path]`, else 404 |
"""  # noqa: E501 - a table

from __future__ import annotations

import base64
import json
import secrets
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

Json = dict[str, Any]


class Fault(NamedTuple):
    """What happens instead of the next answer, or, with status 200, before it."""

    status: int = 200
    retry_after: str | None = None
    reset: bool = False
    """Break the connection without an answer."""
    seconds: float = 0.0
    """Wait first."""


class Asked(NamedTuple):
    """One request that arrived, and the status that it got (0: the connection was reset)."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    status: int


class Answer(NamedTuple):
    status: int
    body: bytes
    headers: Mapping[str, str] = {}


@dataclass
class FakeProvider:
    """The server. Change its attributes while it runs; it answers as they are."""

    records: list[Json] = field(default_factory=list)
    page_size: int = 10
    contents: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    """Content type and bytes by path; answered with an ETag, and 304 to who has them."""
    password: tuple[str, str] | None = None
    """User name and password that `/records` and contents want (Basic)."""
    access_token: str | None = None
    """Bearer token that they want; `expire_token()` makes it worthless."""
    refresh_token: str | None = None
    asked: list[Asked] = field(default_factory=list)
    """What arrived and was answered, in that order."""
    waiting: int = 0
    """Requests that a fault keeps waiting right now."""

    def __post_init__(self) -> None:
        self._faults: deque[Fault] = deque()
        self._spent: set[str] = set()
        self._lock = threading.Lock()
        provider = self
        handler = type("Handler", (_Handler,), {"provider": provider})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> FakeProvider:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def fail_next(self, *faults: Fault) -> None:
        """One fault for each of the next requests, whatever they ask for."""
        self._faults.extend(faults)

    def grant_tokens(self) -> tuple[str, str]:
        """A new access and refresh token, as after a login of the owner."""
        self.access_token, self.refresh_token = secrets.token_hex(8), secrets.token_hex(8)
        return self.access_token, self.refresh_token

    def expire_token(self) -> None:
        self.access_token = secrets.token_hex(8)

    def count(self, path: str, status: int | None = None) -> int:
        """How often a path was asked, with that status if one is given."""
        return sum(asked.path == path and status in (None, asked.status) for asked in self.asked)

    # Answers

    def next_fault(self) -> Fault | None:
        with self._lock:
            return self._faults.popleft() if self._faults else None

    def answer(self, method: str, path: str, query: dict[str, str], headers: Mapping[str, str], body: bytes) -> Answer:
        if (method, path) == ("POST", "/token"):
            return self._exchange(parse_qs(body.decode()).get("refresh_token", [""])[0])
        if not self._admits(headers.get("authorization", "")):
            return Answer(401, b"login needed", {"WWW-Authenticate": "Basic"})
        if path == "/records":
            return self._page(query)
        if path in self.contents:
            return _content(*self.contents[path], headers.get("if-none-match"))
        return Answer(404, b"no such thing")

    def _admits(self, authorization: str) -> bool:
        if self.password is not None:
            return authorization == "Basic " + base64.b64encode(":".join(self.password).encode()).decode()
        return self.access_token is None or authorization == f"Bearer {self.access_token}"

    def _exchange(self, refresh_token: str) -> Answer:
        with self._lock:
            if refresh_token in self._spent:  # stolen, or a client that forgot the new one: nobody is trusted any more
                self.grant_tokens()
            if refresh_token != self.refresh_token or refresh_token in self._spent:
                return Answer(400, b'{"error": "invalid_grant"}', {"Content-Type": "application/json"})
            self._spent.add(refresh_token)
            access, refresh = self.grant_tokens()
        return _json({"access_token": access, "refresh_token": refresh, "expires_in": 3600})

    def _page(self, query: dict[str, str]) -> Answer:
        found = [record for record in self.records if record.get("changed", 0) > int(query.get("since", -1))]
        start = int(query["token"]) if "token" in query else (int(query.get("page", 1)) - 1) * self.page_size
        end = start + self.page_size
        more = end < len(found)
        answer = _json({"records": found[start:end], "next": str(end) if more else None})
        if not more:
            return answer
        following = urlencode({**{name: value for name, value in query.items() if name != "page"}, "token": end})
        return Answer(200, answer.body, {**answer.headers, "Link": f'</records?{following}>; rel="next"'})


def _json(value: Any) -> Answer:
    return Answer(200, json.dumps(value).encode(), {"Content-Type": "application/json"})


def _content(kind: str, content: bytes, known: str | None) -> Answer:
    tag = f'"{hash(content) & 0xFFFFFFFF:x}"'
    if known == tag:
        return Answer(304, b"", {"ETag": tag})
    return Answer(200, content, {"Content-Type": kind, "ETag": tag})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    provider: ClassVar[FakeProvider]

    def handle_one(self) -> None:
        """One request: note it, fail if told to, answer otherwise."""
        address = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(address.query).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        fault = self.provider.next_fault() or Fault()
        if fault.seconds:
            self.provider.waiting += 1
            time.sleep(fault.seconds)
            self.provider.waiting -= 1
        answer = self.provider.answer(self.command, address.path, query, headers, body) if fault.status == 200 and not fault.reset else None
        status = 0 if fault.reset else answer.status if answer else fault.status
        self.provider.asked.append(Asked(self.command, address.path, query, headers, body, status))
        if fault.reset:
            self._reset()
        else:
            self._write(answer or Answer(fault.status, b"told to fail", {"Retry-After": fault.retry_after} if fault.retry_after else {}))

    do_GET = do_POST = do_PUT = do_DELETE = handle_one  # noqa: N815 - names that the library calls

    def _write(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, ValueError):  # the other side went away, or this one broke the connection as told
            self.close_connection = True

    def finish(self) -> None:
        try:
            super().finish()
        except (ConnectionError, ValueError):
            self.close_connection = True

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the library's name
        """Nothing: `asked` has it all."""
