"""Reading what a URL names, expanded by its ending."""

from __future__ import annotations

import contextlib
import io
import lzma
import zlib
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, cast

import zstandard

from datapod_server.errors import Failed, Invalid
from datapod_server.vfs.compression import compression_of
from datapod_server.vfs.http import open_http
from datapod_server.vfs.url import Url, parse_url

if TYPE_CHECKING:
    from datapod_server.vfs.vfs import Vfs

_CHUNK_BYTES = 1 << 18


@contextlib.contextmanager
def open_read(vfs: Vfs, text: str) -> Iterator[IO[bytes]]:
    url = parse_url(text)
    compression = compression_of(url.rest, writing=False)
    with open_raw(vfs, url) as raw:
        if compression is None:
            yield raw
            return
        with compression.read(raw) as expanded:
            yield cast(IO[bytes], io.BufferedReader(_Expanded(expanded, f"cannot expand {text} as {compression.name}"), _CHUNK_BYTES))


class _Expanded(io.RawIOBase):
    """An expanded stream whose errors say what is damaged; each library has its own."""

    def __init__(self, stream: IO[bytes], failure: str) -> None:
        self._stream, self._failure = stream, failure

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed wants a wider buffer than a buffered reader gives
        try:
            content = self._stream.read(len(buffer))
        except (EOFError, OSError, RuntimeError, lzma.LZMAError, zlib.error, zstandard.ZstdError) as error:
            raise Failed(f"{self._failure}: {error}") from error
        buffer[: len(content)] = content
        return len(content)


@contextlib.contextmanager
def open_raw(vfs: Vfs, url: Url) -> Iterator[IO[bytes]]:
    """The bytes as they are stored."""
    match url.scheme:
        case "file":
            path = vfs.local_path(url)
            with open_local(path, url) as stream:
                vfs.check_opened(stream.fileno(), path, url)
                yield stream
        case "mem":
            found = vfs.memory.find(url.rest)
            if found is None:
                raise Invalid(f"Opening file {url}: No such file or directory", url=str(url))
            yield io.BytesIO(found.content)
        case "http" | "https":
            with open_http(str(url)) as stream:
                yield stream
        case _:
            with open_foreign(url) as stream:
                yield stream


@contextlib.contextmanager
def open_local(path: object, url: Url) -> Iterator[IO[bytes]]:
    try:
        stream = open(str(path), "rb")  # noqa: SIM115, PTH123 - closed below; the error of open() alone is translated
    except OSError as error:
        raise Invalid(f"Opening file {path}: couldn't open: {error.strerror}", url=str(url)) from error
    with stream:
        yield stream


@contextlib.contextmanager
def open_foreign(url: Url) -> Iterator[IO[bytes]]:
    """What fsspec knows beside our own schemes, from the packages that are installed (`s3fs`, `sshfs`, ...)."""
    import fsspec  # here: takes a tenth of a second, and few programs need it

    if url.scheme not in fsspec.available_protocols() or url.scheme in UNSUPPORTED:
        raise Invalid(f"no handler found for scheme: {url.scheme}", url=str(url))
    try:
        stream = fsspec.open(str(url), "rb").open()
    except ImportError as error:
        raise Invalid(f"no handler found for scheme: {url.scheme} ({error})", url=str(url)) from error
    except FileNotFoundError as error:
        raise Invalid(f"Opening file {url.rest}: No such file or directory", url=str(url)) from error
    except OSError as error:
        raise Failed(f"cannot read {url}: {error}") from error
    with stream:
        yield cast(IO[bytes], stream)


# fsspec's own views of this machine and of this process: our `file` and `mem` stand for them, with the rules of the chapter.
UNSUPPORTED = frozenset(
    {"local", "memory", "blockcache", "cached", "filecache", "simplecache", "dir", "reference", "data", "generic", "async_wrapper"}
)


def read_lines(vfs: Vfs, text: str, max_lines: int = -1) -> Iterator[str]:
    stack = contextlib.ExitStack()
    stream = stack.enter_context(open_read(vfs, text))
    return _lines(stack, stream, max_lines)


def _lines(stack: contextlib.ExitStack, stream: IO[bytes], max_lines: int) -> Iterator[str]:
    with stack:
        count = 0
        while max_lines < 0 or count < max_lines:
            line = stream.readline()
            if not line:
                return
            count += 1
            yield line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "replace")
