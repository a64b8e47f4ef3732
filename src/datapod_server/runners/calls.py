"""One HTTP call to the web server of a plugin: to a given host and port and nowhere else, within a time limit for the whole of it.

Not with an HTTP library that follows redirects, reads proxies from the environment or limits single reads only: a plugin that sends
one byte a second must not hold a thread of the server. Source: pod-protocol.md, 15.1, 15.2.
"""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

from datapod_server.errors import DatapodError, Invalid

TIMEOUT_SECONDS = 5.0
_LONGEST_ANSWER = 64 * 1024 * 1024
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_IN_A_PATH = "/:@!$&'()*+,;=~-._%"


class Unreachable(DatapodError):
    """Nothing answers, or not in time, or not in HTTP. An error of the plugin's, hence not `Unavailable`."""

    status = 502


class Place(Struct, frozen=True):
    """Where the web server of a run listens."""

    host: str
    port: int


class Answer(Struct, frozen=True):
    """What the plugin answered; `body` as it came."""

    status: int
    body: bytes


class Call(Struct, frozen=True):
    """What is asked of it: method, request target and body, checked by `make_call`."""

    method: str
    target: str
    body: bytes | None = None


def make_call(method: str, endpoint: str, query: Mapping[str, Any] | None = None, json_body: Any = None) -> Call:
    """A call that no value can lead to another host, another request or another header.

    Args:
        endpoint: A path; what a path may not hold is percent-encoded.
        query: Name to text, number, truth value, or a list of these; None values are left out.
        json_body: Anything JSON; None for no body.

    Raises:
        Invalid: No known method, no path that begins with `/`, or a query of another shape.

    >>> make_call("get", "/v1/boats of mine", {"length": 12.5, "sail": ["a", "b"]}).target
    '/v1/boats%20of%20mine?length=12.5&sail=a&sail=b'
    """
    if method.upper() not in _METHODS:
        raise Invalid(f"A plugin cannot be called with the method '{method[:20]}'; known are {', '.join(sorted(_METHODS))}")
    if not endpoint.startswith("/"):
        raise Invalid(f"An endpoint of a plugin is a path that begins with /, not '{endpoint[:80]}'")
    path, _, given = endpoint.partition("?")
    pairs = [(name, _query_text(name, each)) for name, value in (query or {}).items() for each in _each(value) if each is not None]
    text = "&".join(part for part in (quote(given, safe=_IN_A_PATH + "?"), urlencode(pairs)) if part)
    target = quote(path, safe=_IN_A_PATH) + (f"?{text}" if text else "")
    return Call(method.upper(), target, None if json_body is None else msgspec.json.encode(json_body))


def carry_out(call: Call, place: Place, timeout_seconds: float = TIMEOUT_SECONDS) -> Answer:
    """The plugin's answer, whatever its status; raises `Unreachable`."""
    connection = http.client.HTTPConnection(place.host, place.port)
    try:
        connection.sock = _connect(place, timeout_seconds)
        headers = {"Accept": "application/json"} | ({} if call.body is None else {"Content-Type": "application/json"})
        connection.request(call.method, call.target, call.body, headers)
        response = connection.getresponse()
        body = response.read(_LONGEST_ANSWER + 1)
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(f"The plugin does not answer: {type(error).__name__}") from error
    finally:
        connection.close()
    if len(body) > _LONGEST_ANSWER:
        raise Unreachable(f"The plugin's answer is longer than {_LONGEST_ANSWER} bytes")
    return Answer(response.status, body)


class _LimitedSocket(socket.socket):
    """A socket all of whose waiting together ends at one moment."""

    ends: float

    def recv_into(self, *arguments: Any, **keywords: Any) -> int:
        self.wait_until_the_end()
        return super().recv_into(*arguments, **keywords)

    def sendall(self, *arguments: Any, **keywords: Any) -> None:
        self.wait_until_the_end()  # holds for the whole of what is sent
        super().sendall(*arguments, **keywords)

    def wait_until_the_end(self) -> None:
        remaining = self.ends - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("the time for this call is over")
        self.settimeout(remaining)


def _connect(place: Place, timeout_seconds: float) -> _LimitedSocket:
    ends = time.monotonic() + timeout_seconds
    plain = socket.create_connection((place.host, place.port), timeout_seconds)
    limited = _LimitedSocket(plain.family, plain.type, plain.proto, plain.detach())
    limited.ends = ends
    return limited


def _each(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _query_text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise Invalid(f"The query parameter {name[:80]} of a call must be a text, a number, a truth value, or a list of these")
