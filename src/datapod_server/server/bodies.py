"""Request bodies: how large one may be, whether it is held in memory, and how a handler's thread reads it while it arrives.

Source: pod-protocol.md, 1.5; rest-api.md, 13.6.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import CancelledError
from typing import Any

from msgspec import Struct

from datapod_server.errors import TooLarge
from datapod_server.server.origins import is_pod_path

Receive = Callable[[], Awaitable[dict[str, Any]]]

_UPLOADS = ("upload_file", "upload_file_b")
_PIECE_BYTES = 1024 * 1024
_MIB = 1024 * 1024
# What is read and thrown away of a body that is too large: most clients look at the answer only after they have sent everything,
# and would report a broken connection instead of the 413.
_PATIENCE_BYTES = 2 * 1024 * _MIB


class BodyLimits(Struct, frozen=True):
    """Largest bodies in bytes, by kind of call."""

    json: int = 64 * _MIB
    file: int = 500 * _MIB
    other: int = 1024 * _MIB

    @staticmethod
    def of_mb(json: int, file: int, other: int) -> BodyLimits:
        return BodyLimits(json * _MIB, file * _MIB, other * _MIB)

    def of(self, path: str) -> int:
        if is_upload(path):
            return self.file
        return self.json if is_pod_path(path) else self.other


def is_upload(path: str) -> bool:
    """Whether this call takes its body as a stream: `/v4/{owner}/upload_file/...` and `upload_file_b`."""
    parts = path.split("/", 4)
    return len(parts) == 5 and parts[1] == "v4" and parts[3] in _UPLOADS


def too_large(limit: int) -> TooLarge:
    return TooLarge("Request body too large", limitBytes=limit)


def cut_short() -> ConnectionResetError:
    return ConnectionResetError("the client went away, or broke off, while it sent its request")


async def read_all(receive: Receive, announced: int | None, limit: int) -> bytes:
    """The whole body.

    Raises:
        TooLarge: Once the client has sent it all, or more than anybody should.
        ConnectionResetError: The body ended before its time or its chunks are malformed; half a body is never taken for a whole one.
    """
    pieces: list[bytes] = []
    size = 0
    more = True
    too_much = announced is not None and announced > limit
    while more and size <= _PATIENCE_BYTES:
        message = await receive()
        if message["type"] != "http.request":
            raise cut_short()
        piece = message.get("body", b"")
        size += len(piece)
        too_much = too_much or size > limit
        if too_much:
            pieces.clear()
        else:
            pieces.append(piece)
        more = bool(message.get("more_body"))
    if too_much:
        raise too_large(limit)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class BodyStream:
    """A body that a handler's thread reads piece by piece while it arrives; what is not read is not asked for, so the client waits.

    A client that sends nothing for `silence_seconds` counts as gone: a thread waits for it.
    """

    def __init__(
        self, receive: Receive, loop: asyncio.AbstractEventLoop, announced: int | None, limit: int, *, silence_seconds: float = 60.0
    ) -> None:
        self._receive = receive
        self._loop = loop
        self._announced = announced
        self._limit = limit
        self._silence_seconds = silence_seconds
        self._size = 0
        self._more = True

    def __iter__(self) -> Iterator[bytes]:
        """Pieces of about 1 MiB. Raises `TooLarge`, or `ConnectionResetError` for a client that is gone."""
        if self._announced is not None and self._announced > self._limit:
            raise too_large(self._limit)
        while self._more:
            try:
                piece = asyncio.run_coroutine_threadsafe(self._gather(), self._loop).result()
            except CancelledError:  # the server stops, and with it the loop
                self._more = False
                raise cut_short() from None
            if self._size > self._limit:
                raise too_large(self._limit)
            yield piece

    @property
    def ended(self) -> bool:
        """Whether nothing is left to be read."""
        return not self._more

    async def drain(self) -> None:
        """Read and throw away what is left, so that the client comes to read the answer."""
        while self._more and self._size <= _PATIENCE_BYTES:
            await self._gather()

    async def _gather(self) -> bytes:
        pieces = bytearray()
        while self._more and len(pieces) < _PIECE_BYTES:
            try:
                async with asyncio.timeout(self._silence_seconds):
                    message = await self._receive()
            except TimeoutError:
                message = {"type": "http.disconnect"}
            if message["type"] != "http.request":
                self._more = False
                raise cut_short()
            pieces += message.get("body", b"")
            self._more = bool(message.get("more_body"))
        self._size += len(pieces)
        return bytes(pieces)
