"""The virtual file system of one pod: opens, lists and inspects what URLs name."""

from __future__ import annotations

import pathlib
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager
from typing import IO

from datapod_server.errors import Forbidden
from datapod_server.vfs import listing, reading, writing
from datapod_server.vfs.listing import Info, Listing
from datapod_server.vfs.memory import MemoryFiles
from datapod_server.vfs.url import Url, local_path


class Vfs:
    """Made once per pod. `data_directory` is what `file:///mldb_data/` stands for; `mem://` names are the pod's own and end with it.

    `hidden` are files and folders (with all below) that no URL opens, whatever it looks like: code inside the server asks for files
    with the server's rights, and the owner's key file is not for it.
    """

    def __init__(self, data_directory: pathlib.Path | None = None, hidden: Collection[pathlib.Path] = ()) -> None:
        self.data_directory = data_directory
        self.memory = MemoryFiles()
        self._hidden = tuple(path.resolve() for path in hidden)

    def local_path(self, url: Url) -> pathlib.Path:
        """The file that a `file` URL names. Raises `Forbidden` for what is hidden, also behind links."""
        path = local_path(url, self.data_directory)
        if self._hidden:
            real = path.resolve()
            if any(real == hidden or real.is_relative_to(hidden) for hidden in self._hidden):
                raise Forbidden(f"Opening file {path}: this file is hidden from URLs, because it may hold keys", url=str(url))
            return real if path.is_symlink() else path
        return path

    def open_read(self, url: str) -> AbstractContextManager[IO[bytes]]:
        """The content, expanded by its ending.

        Raises:
            Invalid: No scheme, an unknown one, or nothing there (`Opening file <path>: ... No such file or directory`).
            Failed: What is there cannot be read.
        """
        return reading.open_read(self, url)

    def read_lines(self, url: str, max_lines: int = -1) -> Iterator[str]:
        """The first lines (all for -1) without their ends. Opens the file at once; bytes that are not UTF-8 become U+FFFD."""
        return reading.read_lines(self, url, max_lines)

    def open_write(self, url: str, *, append: bool = False) -> AbstractContextManager[IO[bytes]]:
        """A stream whose content replaces what is there when the `with` ends well; missing folders are made. Compressed by the ending."""
        return writing.open_write(self, url, append=append)

    def erase(self, url: str) -> bool:
        """Remove one file; False if there was none."""
        return writing.erase(self, url)

    def info(self, url: str) -> Info | None:
        """What is known of one file; None if there is none."""
        return listing.info(self, url)

    def ls(self, url: str) -> Listing:
        """The direct children of a folder."""
        return listing.ls(self, url)
