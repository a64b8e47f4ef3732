"""What a folder holds and what is known of a file. Source: rest-api.md, 11.4; python-runtime.md, 6.5."""

from __future__ import annotations

import datetime
import os
import pathlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from datapod_server.errors import Failed, Invalid
from datapod_server.vfs.http import http_info
from datapod_server.vfs.reading import UNSUPPORTED
from datapod_server.vfs.url import Url, parse_url

if TYPE_CHECKING:
    from datapod_server.vfs.vfs import Vfs


class Info(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """One file. Times are seconds since 1970; `size` is in bytes, -1 if unknown; fields that are not known are left out of the JSON."""

    exists: bool
    size: int
    last_modified: float | None = None
    last_accessed: float | None = None
    etag: str | None = None
    content_type: str | None = None


class Listing(Struct, frozen=True):
    """The direct children of a folder: URLs of folders, and URLs of files with what is known of them; both sorted."""

    dirs: list[str] = field(default_factory=list)
    objects: dict[str, Info] = field(default_factory=dict)


def info(vfs: Vfs, text: str) -> Info | None:
    url = parse_url(text)
    match url.scheme:
        case "file":
            try:
                return _local_info(vfs.local_path(url).stat())
            except OSError:
                return None
        case "mem":
            found = vfs.memory.find(url.rest)
            return None if found is None else Info(True, len(found.content), found.modified_seconds)
        case "http" | "https":
            head = http_info(str(url))
            return None if head is None else Info(True, head[0], head[1], None, head[2], head[3])
        case _:
            return _foreign_info(url)


def ls(vfs: Vfs, text: str) -> Listing:
    url = parse_url(text)
    match url.scheme:
        case "file":
            return _local_listing(vfs, url, vfs.local_path(url))
        case "mem":
            return _memory_listing(vfs, url)
        case "http" | "https":
            raise Invalid(f"cannot list {url}: http URLs can only be read", url=str(url))
        case _:
            return _foreign_listing(url)


def _local_listing(vfs: Vfs, url: Url, folder: pathlib.Path) -> Listing:
    base = str(url).rstrip("/") + "/" if url.rest not in ("", "/") else str(url)
    listing = Listing()
    try:
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if vfs.is_hidden(pathlib.Path(entry.path)):
                    continue
                if entry.is_dir():
                    listing.dirs.append(base + entry.name)
                elif entry.is_file():
                    listing.objects[base + entry.name] = _local_info(entry.stat())
    except NotADirectoryError:
        return Listing(objects={str(url): _local_info(folder.stat())})
    except OSError as error:
        raise Invalid(f"Opening file {folder}: couldn't list: {error.strerror}", url=str(url)) from error
    return listing


def _memory_listing(vfs: Vfs, url: Url) -> Listing:
    prefix = url.rest.rstrip("/") + "/" if url.rest else ""
    inside = [name.removeprefix(prefix) for name in vfs.memory.names() if name.startswith(prefix)]
    dirs = sorted({f"mem://{prefix}{name.split('/')[0]}" for name in inside if "/" in name})
    files = {f"mem://{prefix}{name}" for name in inside if "/" not in name}
    return Listing(dirs, _known((name, info(vfs, name)) for name in sorted(files)))


def _known(entries: Iterable[tuple[str, Info | None]]) -> dict[str, Info]:
    return {name: found for name, found in entries if found is not None}


def _foreign_listing(url: Url) -> Listing:
    listing = Listing()
    try:
        for entry in _file_system(url).ls(str(url), detail=True):
            name = f"{url.scheme}://{str(entry['name']).removeprefix(f'{url.scheme}://')}"
            if entry["type"] == "directory":
                listing.dirs.append(name)
            else:
                listing.objects[name] = _info_of(entry)
    except FileNotFoundError as error:
        raise Invalid(f"Opening file {url.rest}: No such file or directory", url=str(url)) from error
    except OSError as error:
        raise Failed(f"cannot list {url}: {error}") from error
    return listing


def _foreign_info(url: Url) -> Info | None:
    try:
        return _info_of(_file_system(url).info(str(url)))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Failed(f"cannot read {url}: {error}") from error


def _file_system(url: Url) -> Any:
    import fsspec  # here: takes a tenth of a second, and few programs need it

    if url.scheme not in fsspec.available_protocols() or url.scheme in UNSUPPORTED:
        raise Invalid(f"no handler found for scheme: {url.scheme}", url=str(url))
    try:
        return fsspec.filesystem(url.scheme)
    except ImportError as error:
        raise Invalid(f"no handler found for scheme: {url.scheme} ({error})", url=str(url)) from error


def _info_of(entry: dict[str, Any]) -> Info:
    modified = entry.get("LastModified") or entry.get("mtime")
    if isinstance(modified, datetime.datetime):
        modified = modified.timestamp()
    size = entry.get("size")
    return Info(True, -1 if size is None else int(size), modified, None, entry.get("ETag"), entry.get("ContentType"))


def _local_info(found: os.stat_result) -> Info:
    return Info(True, found.st_size, found.st_mtime, found.st_atime)
