"""The HTTP door: an ASGI callable that turns a message from the socket into a `Request`, and a `Response` into bytes.

The event loop only reads the body. Everything else (host and origin rules, credentials, the handler, writing the answer) happens on
a thread of the door, so that no slow handler keeps another request from being read.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
import traceback
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import parse_qsl

from datapod_server.api.v1.errors import v1_error
from datapod_server.api.v4.errors import v4_error
from datapod_server.errors import DatapodError, Failed, TooManyAttempts, Unauthorized
from datapod_server.messages import Pairs, Request, Response
from datapod_server.server.bodies import BodyLimits, BodyStream, is_upload, read_all, too_large
from datapod_server.server.credentials import CHALLENGE
from datapod_server.server.origins import Refusal, WebRules, is_pod_path
from datapod_server.threads import Threads
from datapod_server.vault import Vault, Visit

log = logging.getLogger("datapod.http")
access = logging.getLogger("datapod.access")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Desk = Callable[[Visit, Request, str], Response]
"""Answers one request: the visit, the request, and the peer's IP address (empty for a Unix socket)."""

_UPLOAD_CREDENTIALS = re.compile(r"(upload_file(?:_b)?/+)[^/]+")
_SHORT_WAIT_SECONDS = 0.05  # a client that needs longer for a piece is slow: its thread's place goes to another
_SILENCE_SECONDS = 60.0
_LOWEST_STATUS, _HIGHEST_STATUS = 200, 999  # what is below 200 is never the last word in HTTP

# Pages may show only what this server sends; nobody else may frame them. Plugins' own pages may set a policy of their own.
_PAGE_POLICY = "default-src 'self' 'unsafe-inline' data: blob:; object-src 'none'; base-uri 'self'; frame-ancestors 'self'"


class Application:
    """One server's door. Its instances are ASGI applications (HTTP only, no lifespan)."""

    def __init__(
        self,
        desk: Desk,
        vault: Vault,
        *,
        rules: WebRules,
        limits: BodyLimits,
        threads: Threads,
        upload_threads: Threads,
        shared_server: bool = False,
        access_log: bool = False,
    ) -> None:
        self._desk = desk
        self._vault = vault
        self._rules = rules
        self._limits = limits
        self._threads = threads
        self._upload_threads = upload_threads
        self._shared_server = shared_server
        self._access_log = access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        exchange = Exchange(self, scope, receive, send, asyncio.get_running_loop())
        await exchange.run()

    def submit(self, job: Callable[[], None], *, upload: bool) -> None:
        """Run a job on a thread of the door; uploads have some of their own, since they wait for their clients."""
        (self._upload_threads if upload else self._threads).submit(job)

    def waiting(self) -> AbstractContextManager[None]:
        """Around a wait of a thread that `submit` did not give to an upload."""
        return self._threads.waiting()

    def limit_of(self, path: str) -> int:
        return self._limits.of(path)

    def answer(self, request: Request, visit: Visit, peer: str) -> Response:
        """The complete answer, errors included; on a thread of the door. `visit` must stay open until the body is sent."""
        started = time.perf_counter()
        if self._shared_server and not _is_open_to_all(request):
            return Response(404)
        response = self._ask(request, visit, peer)
        if request.verb == "HEAD":
            response = _without_body(response)
        if self._access_log:
            access.info('"%s %s" %d %.3fms', request.verb, redacted(request.path), response.status, (time.perf_counter() - started) * 1000)
        return response

    def visit(self, peer: str) -> Visit:
        return self._vault.visit(peer or "unix socket")

    def finish(self, request: Request, response: Response) -> Response:
        """Add the headers that every answer carries. A status that HTTP cannot carry, from code that chose it, becomes a 500."""
        if not _LOWEST_STATUS <= response.status <= _HIGHEST_STATUS:  # granian would end the whole process, or send nothing
            response = error_answer(request, Failed(f"the answer has the status {response.status}, which HTTP cannot carry"))
        extra = (*self._rules.answer_headers(request), *page_headers(response))
        return Response(response.status, (*response.headers, *extra), response.body) if extra else response

    def _ask(self, request: Request, visit: Visit, peer: str) -> Response:
        refusal = self._rules.refusal(request)
        if refusal is not None:
            return refused(request, refusal)
        preflight = self._rules.preflight(request)
        if preflight is not None:
            return preflight
        try:
            return self._desk(visit, request, peer)
        except DatapodError as error:
            return error_answer(request, error)
        except ConnectionError as error:  # the client went away in the middle of its body: nobody reads this answer
            log.info("%s %s: %s", request.verb, redacted(request.path), error)
            return Response(400)
        except Exception as error:  # noqa: BLE001 - the door: whatever fails inside becomes a 500 whose text shows nothing of the inside
            return internal_error(request, error)


class Exchange:
    """One request and its answer on one connection."""

    __slots__ = ("_application", "_gone", "_loop", "_peer", "_receive", "_scope", "_send", "_sent", "_started")

    def __init__(self, application: Application, scope: Scope, receive: Receive, send: Send, loop: asyncio.AbstractEventLoop) -> None:
        self._application = application
        self._scope = scope
        self._receive = receive
        self._send = send
        self._loop = loop
        self._sent: asyncio.Future[None] = loop.create_future()
        self._started = False
        self._gone = False
        client = scope.get("client")
        self._peer: str = client[0] if client else ""

    async def run(self) -> None:
        """Read the body if it is to be held in memory, have a thread answer, and wait until everything is sent."""
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in self._scope["headers"])
        path = (self._scope.get("raw_path") or self._scope["path"].encode()).decode("latin-1")
        announced, expects = _announced(headers)
        limit = self._application.limit_of(path)
        body, stream = b"", None
        error: DatapodError | None = None
        try:
            if is_upload(path):
                stream = BodyStream(self._receive, self._loop, announced, limit)
            elif expects and announced is not None and announced > limit:
                error = too_large(limit)
            else:
                body = await read_all(self._receive, announced, limit)
        except DatapodError as too_much:
            error = too_much
        except ConnectionResetError:
            await self._send({"type": "http.response.start", "status": 400, "headers": [(b"connection", b"close")]})
            await self._send({"type": "http.response.body", "body": b""})
            return
        # A raw byte in the path is kept as the percent-encoded byte it stands for, so that decoding happens in one place: the router.
        request = Request(
            verb=self._scope["method"],
            path=path if path.isascii() else _escaped(path),
            query=_query(self._scope["query_string"]),
            headers=headers,
            body=body,
            stream=stream,
        )
        self._application.submit(lambda: self._answer(request, error), upload=stream is not None)
        await self._sent

    def _answer(self, request: Request, error: DatapodError | None) -> None:
        visit = self._application.visit(self._peer)
        try:
            response = error_answer(request, error) if error else self._application.answer(request, visit, self._peer)
            response = self._application.finish(request, response)
            if isinstance(request.stream, BodyStream) and not request.stream.ended:
                asyncio.run_coroutine_threadsafe(self._answer_late(request, request.stream, response), self._loop)
                return
            self._write(response)
        except Exception as failure:  # noqa: BLE001 - the connection is broken off; the request's own failures were answered before
            self._break_off(request, failure)
        else:
            self._finish(None)
        finally:
            visit.close()

    async def _answer_late(self, request: Request, stream: BodyStream, response: Response) -> None:
        """Send the answer to a refused upload once its client has sent the rest. On the loop, where waiting costs no thread."""
        try:
            await stream.drain()
            self._write(response)
        except Exception as failure:  # noqa: BLE001 - as above
            self._break_off(request, failure)
        else:
            self._finish(None)

    def _break_off(self, request: Request, failure: Exception) -> None:
        log.info("%s %s: the answer was broken off: %s", request.verb, redacted(request.path), type(failure).__name__)
        self._finish(failure)

    def _write(self, response: Response) -> None:
        start = {
            "type": "http.response.start",
            "status": response.status,
            "headers": [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in response.headers],
        }
        body = response.body
        if isinstance(body, bytes):
            # Granian takes both messages on any thread and does not wait in them (its awaitables are complete when returned), so the
            # answer leaves from here without a hop to the event loop: a fifth of the time of a trivial request.
            self._send(start)
            self._send({"type": "http.response.body", "body": body})
            return
        self._stream(start, body)

    def _stream(self, start: dict[str, Any], body: Iterable[bytes]) -> None:
        """Send piece by piece, each when the client has room for it; a client that goes away ends the source."""
        watch = asyncio.run_coroutine_threadsafe(self._watch(), self._loop)
        pieces: Iterator[bytes] = iter(body)
        try:
            self._call(start)
            for piece in pieces:
                if self._gone:
                    return
                if piece:
                    self._call({"type": "http.response.body", "body": piece, "more_body": True})
            self._call({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            watch.cancel()
            for source in (pieces, body):
                close = getattr(source, "close", None)
                if close is not None:
                    close()

    async def _watch(self) -> None:
        while not self._gone:
            message = await self._receive()
            self._gone = message["type"] == "http.disconnect"

    def _call(self, message: dict[str, Any]) -> None:
        """Send, waiting for the client. Raises `ConnectionResetError` for one that takes nothing for a minute: a thread waits for it."""
        sending = asyncio.run_coroutine_threadsafe(_awaited(self._send, message), self._loop)
        try:
            sending.result(_SHORT_WAIT_SECONDS)
        except TimeoutError:
            with self._application.waiting():
                try:
                    sending.result(_SILENCE_SECONDS)
                except TimeoutError:
                    sending.cancel()
                    raise ConnectionResetError("the client takes nothing of its answer") from None

    def _finish(self, failure: BaseException | None) -> None:
        def settle() -> None:
            if self._sent.done():
                return
            if failure is None:
                self._sent.set_result(None)
            else:
                self._sent.set_exception(failure)

        self._loop.call_soon_threadsafe(settle)


async def _awaited(send: Send, message: dict[str, Any]) -> None:
    await send(message)


def error_answer(request: Request, error: DatapodError) -> Response:
    """An error in the words of the protocol whose path was asked for."""
    response = v4_error(error) if is_pod_path(request.path) else v1_error(error)
    if isinstance(error, Unauthorized) and not is_pod_path(request.path):
        return Response(response.status, (*response.headers, CHALLENGE), response.body)
    if isinstance(error, TooManyAttempts) and response.header("retry-after") is None:
        return Response(response.status, (*response.headers, ("Retry-After", str(error.retry_after_seconds))), response.body)
    return response


def refused(request: Request, refusal: Refusal) -> Response:
    """403 or 421 of the host and origin rules."""
    response = error_answer(request, Failed(refusal.text))
    if is_pod_path(request.path):
        return Response(refusal.status, response.headers, response.body)
    body = f'{{"error":"{refusal.text}","httpCode":{refusal.status}}}'.encode()
    return Response.json(body, refusal.status)


def internal_error(request: Request, failure: BaseException) -> Response:
    """500 under an id that the log explains, with the places in the code but without the failure's own text: that may quote user data."""
    number = secrets.token_hex(4)
    places = "".join(traceback.format_tb(failure.__traceback__))
    log.error("internal error %s at %s %s: %s\n%s", number, request.verb, redacted(request.path), type(failure).__name__, places.rstrip())
    return error_answer(request, Failed(f"Internal error {number}; the server's log tells more"))


def page_headers(response: Response) -> Pairs:
    """What keeps browsers from guessing types, and other sites from framing or feeding a page."""
    kind = response.header("content-type") or ""
    if not kind.startswith("text/html"):
        return (("X-Content-Type-Options", "nosniff"),)
    headers: Pairs = (("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "same-origin"))
    if response.header("content-security-policy") is None:
        return (*headers, ("Content-Security-Policy", _PAGE_POLICY))
    return headers


def redacted(path: str) -> str:
    """A path fit for a log: upload addresses carry credentials. Source: pod-protocol.md, 3.3, 19.2.

    Also where the address is not quite right, as from a client that put a slash too many before or behind the server's name.
    """
    return _UPLOAD_CREDENTIALS.sub(r"\1...", path)


def _is_open_to_all(request: Request) -> bool:
    """What a shared server answers. Source: pod-protocol.md, 17."""
    parts = request.path.removesuffix("/").split("/")
    if request.verb == "GET":
        return parts == ["", "version"]
    return request.verb == "POST" and len(parts) == 4 and parts[1] == "v4" and parts[3] == "create_item"


def _without_body(response: Response) -> Response:
    """The answer to HEAD: the headers of GET, the length included where it is known."""
    if isinstance(response.body, bytes):
        return Response(response.status, (*response.headers, ("Content-Length", str(len(response.body)))), b"")
    close = getattr(response.body, "close", None)
    if close is not None:
        close()
    return Response(response.status, response.headers, b"")


def _announced(headers: Pairs) -> tuple[int | None, bool]:
    """`Content-Length` (None for a chunked body) and whether the client waits for `100 Continue`."""
    length, expects = None, False
    for name, value in headers:
        if name == "content-length" and value.isascii() and value.isdigit():
            length = int(value)
        elif name == "expect":
            expects = value.lower() == "100-continue"
    return length, expects


def _query(query_string: bytes) -> Pairs:
    return tuple(parse_qsl(query_string.decode("latin-1"), keep_blank_values=True)) if query_string else ()


def _escaped(path: str) -> str:
    return "".join(char if char.isascii() else f"%{ord(char):02X}" for char in path)
