"""What passes between doors, desk and house: a request, a response, the progress of long work, a wish to stop.

Nothing here knows HTTP: a `Request` may come from a socket, a worker's channel or a call in the same process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import Struct, field

from datapod_server.principal import NOBODY, Principal

Pairs = tuple[tuple[str, str], ...]


class Request(Struct, frozen=True):
    """One question to a pod.

    Attributes:
        verb: `GET`, `POST`, ... in capitals.
        path: As sent, percent-encoded, without the query string.
        query: Decoded name and value pairs in the order sent; repeats are kept.
        headers: Name (lower case) and value pairs.
        body: The whole body. Empty when the route takes a stream instead.
        stream: The body in chunks, for routes that must not hold it in memory; None elsewhere.
        principal: Who asks.
        params: Decoded path parameters; filled in by the router.
    """

    verb: str
    path: str
    query: Pairs = ()
    headers: Pairs = ()
    body: bytes = b""
    stream: Iterable[bytes] | None = None
    principal: Principal = NOBODY
    params: Mapping[str, str] = field(default_factory=dict[str, str])

    def header(self, name: str) -> str | None:
        """The first value of a header (name in lower case), or None."""
        return next((value for key, value in self.headers if key == name), None)

    def parameter(self, name: str) -> str | None:
        """The first value of a query parameter, or None."""
        return next((value for key, value in self.query if key == name), None)


class Response(Struct, frozen=True):
    """One answer. `body` may be an iterable of chunks: nothing large is built in memory."""

    status: int = 200
    headers: Pairs = ()
    body: bytes | Iterable[bytes] = b""

    @staticmethod
    def json(encoded: bytes, status: int = 200, headers: Pairs = ()) -> Response:
        """An answer whose body is JSON text already encoded. The type has no charset: clients compare the string."""
        return Response(status, (("Content-Type", "application/json"), *headers), encoded)

    @staticmethod
    def text(text: str, status: int = 200, headers: Pairs = ()) -> Response:
        return Response(status, (("Content-Type", "text/plain; charset=utf-8"), *headers), text.encode())

    def header(self, name: str) -> str | None:
        """The first value of a header, whatever the case of its name, or None."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)

    def content(self) -> bytes:
        """The whole body; consumes it if it is an iterable."""
        return self.body if isinstance(self.body, bytes) else b"".join(self.body)


Perform = Callable[[Request], Response]
"""A door's or worker's way to ask: the request is complete, the answer is final, errors are answers too."""

Report = Callable[[dict[str, Any]], None]
"""Called by long work with the whole progress object as of now, in a shape of rest-api.md, 4.5."""


class Cancelled(Exception):
    """Raised by `Cancellation.check` in the thread that does the work."""


class Cancellation:
    """A wish to stop, shared by the one who wishes and the one who works. Safe to use from several threads."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], None]] = []

    @property
    def requested(self) -> bool:
        return self._event.is_set()

    def request(self) -> None:
        """Ask for a stop; runs every callback given to `on_request` once."""
        with self._lock:
            self._event.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def on_request(self, callback: Callable[[], None]) -> None:
        """Call `callback` when a stop is asked for (at once if it was already), for example to interrupt the engine."""
        with self._lock:
            if not self._event.is_set():
                self._callbacks.append(callback)
                return
        callback()

    def check(self) -> None:
        """Raise `Cancelled` if a stop was asked for."""
        if self._event.is_set():
            raise Cancelled
