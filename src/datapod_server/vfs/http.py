"""Reading over HTTP: redirects followed, any final code but 200 an error that quotes the answer. Source: rest-api.md, 11.5."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import IO, cast

from datapod_server.errors import Failed, Invalid

_CONNECT_SECONDS = 20.0
_MOST_REDIRECTS = 20
_CHUNK_BYTES = 1 << 18


class _Body(io.RawIOBase):
    """The chunks of an answer as a stream."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed wants a wider buffer than a buffered reader gives
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = chunk
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


@contextlib.contextmanager
def open_http(url: str) -> Iterator[IO[bytes]]:
    """The body as sent; a compressed file stays compressed, what the connection itself compressed is expanded.

    Raises:
        Invalid: The final code is not 200, or the URL is none.
        Failed: No connection, or it broke.
    """
    import httpx  # here: takes a tenth of a second, and few programs need it

    timeout = httpx.Timeout(None, connect=_CONNECT_SECONDS)
    try:
        with (
            httpx.Client(follow_redirects=True, max_redirects=_MOST_REDIRECTS, timeout=timeout) as client,
            client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as answer,
        ):
            if answer.status_code != 200:
                start = next(answer.iter_bytes(1024), b"").decode("utf-8", "replace")
                raise Invalid(f"HTTP code {answer.status_code} reading {url}: {start}", url=url)
            yield cast(IO[bytes], io.BufferedReader(_Body(answer.iter_bytes(_CHUNK_BYTES)), _CHUNK_BYTES))
    except httpx.InvalidURL as error:
        raise Invalid(f"not a URL: {url}: {error}", url=url) from error
    except httpx.HTTPError as error:
        raise Failed(f"reading {url}: {error or type(error).__name__}") from error


def http_info(url: str) -> tuple[int, float | None, str | None, str | None] | None:
    """Size (-1 unknown), time of modification in seconds, etag and content type by HEAD; None if it is not there."""
    import httpx  # as above

    try:
        answer = httpx.head(url, follow_redirects=True, timeout=_CONNECT_SECONDS)
    except httpx.HTTPError as error:
        raise Failed(f"reading {url}: {error or type(error).__name__}") from error
    if answer.status_code != 200:
        return None
    modified = answer.headers.get("last-modified")
    try:
        seconds = parsedate_to_datetime(modified).timestamp() if modified else None
    except ValueError:
        seconds = None  # a server's own idea of a date: unknown is the honest answer
    return int(answer.headers.get("content-length", -1)), seconds, answer.headers.get("etag"), answer.headers.get("content-type")
