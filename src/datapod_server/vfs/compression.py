"""Compression by the last extension, in both directions. Source: rest-api.md, 11.2."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from typing import IO, Any, cast

import lz4.frame
import zstandard
from msgspec import Struct

Wrap = Callable[[IO[bytes]], IO[bytes]]


class Compression(Struct, frozen=True):
    """How one method wraps a stream; closing what `read` or `write` gives does not close the stream below."""

    name: str
    read: Wrap
    write: Wrap


def _zstandard_reader(stream: IO[bytes]) -> IO[bytes]:
    return cast(IO[bytes], zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True, closefd=False))


def _zstandard_writer(stream: IO[bytes]) -> IO[bytes]:
    return cast(IO[bytes], zstandard.ZstdCompressor().stream_writer(stream, closefd=False))


def _lz4(mode: str) -> Wrap:
    def wrap(stream: IO[bytes]) -> IO[bytes]:
        return cast(IO[bytes], lz4.frame.LZ4FrameFile(stream, mode))

    return wrap


def _python(module: Any, mode: str) -> Wrap:
    def wrap(stream: IO[bytes]) -> IO[bytes]:
        return cast(IO[bytes], module(stream, mode))

    return wrap


_GZIP = Compression(
    "gzip", lambda s: cast(IO[bytes], gzip.GzipFile(fileobj=s, mode="rb")), lambda s: cast(IO[bytes], gzip.GzipFile(fileobj=s, mode="wb"))
)
_BZIP2 = Compression("bzip2", _python(bz2.BZ2File, "rb"), _python(bz2.BZ2File, "wb"))
_LZMA = Compression("lzma", _python(lzma.LZMAFile, "rb"), _python(lzma.LZMAFile, "wb"))
_LZ4 = Compression("lz4", _lz4("rb"), _lz4("wb"))
_ZSTANDARD = Compression("zstd", _zstandard_reader, _zstandard_writer)

_BOTH_WAYS = {
    "gz": _GZIP,
    "bz2": _BZIP2,
    "bzip2": _BZIP2,
    "xz": _LZMA,
    "lz4": _LZ4,
    "zst": _ZSTANDARD,
    "zstd": _ZSTANDARD,
}
_READING_TOO = {"gzip": _GZIP, "lzma": _LZMA}


def compression_of(rest: str, *, writing: bool) -> Compression | None:
    """The method that the last extension asks for; trailing `~` are ignored, a query string hides the extension.

    >>> compression_of("a.csv.gz~", writing=False).name, compression_of("a.gz?dl=1", writing=False)
    ('gzip', None)
    """
    name = rest.rsplit("/", 1)[-1].rstrip("~")
    extension = name.rsplit(".", 1)[-1].lower() if "." in name else ""
    method = _BOTH_WAYS.get(extension)
    return method if method is not None or writing else _READING_TOO.get(extension)
