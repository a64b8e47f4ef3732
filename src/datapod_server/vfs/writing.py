"""Writing what a URL names: to a hidden temporary file first, synced, then renamed, so that nobody ever sees half a file."""

from __future__ import annotations

import contextlib
import io
import os
import pathlib
import secrets
import shutil
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, cast

from datapod_server.errors import Failed, Invalid
from datapod_server.vfs.compression import compression_of
from datapod_server.vfs.reading import UNSUPPORTED
from datapod_server.vfs.url import Url, parse_url

if TYPE_CHECKING:
    from datapod_server.vfs.vfs import Vfs


@contextlib.contextmanager
def open_write(vfs: Vfs, text: str, *, append: bool = False) -> Iterator[IO[bytes]]:
    url = parse_url(text)
    compression = compression_of(url.rest, writing=True)
    with _open_raw(vfs, url, append) as raw:
        if compression is None:
            yield raw
        else:
            with compression.write(raw) as compressed:
                yield compressed


@contextlib.contextmanager
def _open_raw(vfs: Vfs, url: Url, append: bool) -> Iterator[IO[bytes]]:
    match url.scheme:
        case "file":
            with _replacing(vfs.local_path(url), append) as stream:
                yield stream
        case "mem":
            buffer = io.BytesIO()
            yield buffer
            vfs.memory.write(url.rest, buffer.getvalue(), append=append)
        case "http" | "https":
            raise Invalid(f"cannot write to {url}: http URLs can only be read", url=str(url))
        case _:
            with _foreign(url, append) as stream:
                yield stream


@contextlib.contextmanager
def _replacing(path: pathlib.Path, append: bool) -> Iterator[IO[bytes]]:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as stream:
            if append and path.exists():
                with path.open("rb") as before:
                    shutil.copyfileobj(before, stream)
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
        _sync_directory(path.parent)
    except OSError as error:
        raise Failed(f"Opening file {path}: cannot write: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _sync_directory(directory: pathlib.Path) -> None:
    """A rename is durable when its directory is."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _foreign(url: Url, append: bool) -> Iterator[IO[bytes]]:
    import fsspec  # here: takes a tenth of a second, and few programs need it

    if url.scheme not in fsspec.available_protocols() or url.scheme in UNSUPPORTED:
        raise Invalid(f"no handler found for scheme: {url.scheme}", url=str(url))
    try:
        stream = fsspec.open(str(url), "ab" if append else "wb").open()
    except ImportError as error:
        raise Invalid(f"no handler found for scheme: {url.scheme} ({error})", url=str(url)) from error
    except (OSError, NotImplementedError) as error:
        raise Failed(f"cannot write {url}: {error}") from error
    with stream:
        yield cast(IO[bytes], stream)


def erase(vfs: Vfs, text: str) -> bool:
    url = parse_url(text)
    match url.scheme:
        case "file":
            path = vfs.local_path(url)
            try:
                path.unlink()
            except FileNotFoundError:
                return False
            except OSError as error:
                raise Failed(f"cannot erase {path}: {error.strerror}") from error
            return True
        case "mem":
            return vfs.memory.erase(url.rest)
        case _:
            raise Invalid(f"cannot erase {url}: only file and mem URLs can be erased", url=str(url))
