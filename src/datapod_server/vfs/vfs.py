"""The virtual file system of one pod: opens, lists and inspects what URLs name."""

from __future__ import annotations

import pathlib
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager
from typing import IO

from datapod_server.errors import Forbidden, Invalid
from datapod_server.vfs import listing, reading, writing
from datapod_server.vfs.listing import Info, Listing
from datapod_server.vfs.memory import MemoryFiles
from datapod_server.vfs.opened import real_path
from datapod_server.vfs.url import Url, local_path


class Vfs:
    """Made once per pod. `data_directory` is what `file:///mldb_data/` stands for; `mem://` names are the pod's own and end with it.

    `hidden` are files and folders (with all below) that no URL opens, whatever it looks like: code inside the server asks for files
    with the server's rights, and the owner's key file is not for it. A `data_directory` in a hidden folder is seen all the same, but
    for its `kept` entries: those whose name starts with one of them.
    """

    def __init__(
        self, data_directory: pathlib.Path | None = None, hidden: Collection[pathlib.Path] = (), kept: tuple[str, ...] = ()
    ) -> None:
        self.data_directory = data_directory
        self.memory = MemoryFiles()
        self._hidden = tuple(path.resolve() for path in hidden)
        self._own = None if data_directory is None else data_directory.resolve()
        self._kept = kept

    def local_path(self, url: Url) -> pathlib.Path:
        """The file that a `file` URL names. Raises `Forbidden` for what is hidden, also behind links; `Invalid` for what names no file."""
        path = local_path(url, self.data_directory)
        try:
            hidden = self.is_hidden(path)
            found = path.resolve() if path.is_symlink() else path
        except (OSError, RuntimeError) as error:  # a name longer than any file's, a link that leads to itself
            raise Invalid(f"Opening file {path}: couldn't open: {getattr(error, 'strerror', None) or error}", url=str(url)) from error
        if hidden:
            raise Forbidden(f"Opening file {path}: this file is hidden from URLs, because it may hold keys", url=str(url))
        return found

    def is_hidden(self, path: pathlib.Path) -> bool:
        """Whether no URL opens this file, also behind links."""
        if not self._hidden and not self._kept:
            return False
        real = path.resolve()
        if self._own is not None and real.is_relative_to(self._own):
            inside = real.relative_to(self._own).parts
            if inside and inside[0].startswith(self._kept):
                return True
            return any(real.is_relative_to(hidden) for hidden in self._hidden if not self._own.is_relative_to(hidden))
        return any(real.is_relative_to(hidden) for hidden in self._hidden)

    def check_opened(self, descriptor: int, path: pathlib.Path, url: Url) -> None:
        """Raises `Forbidden` if what was opened is hidden after all: something on the way became a link after `local_path` looked."""
        if self.is_hidden(real_path(descriptor, path)):
            raise Forbidden(f"Opening file {path}: this file is hidden from URLs, because it may hold keys", url=str(url))

    def holds_hidden(self, folder: pathlib.Path) -> bool:
        """Whether something in the folder is hidden, so that the folder must not be copied or served as a whole."""
        real = folder.resolve()
        kept = self._own is not None and bool(self._kept) and self._own.is_relative_to(real)
        return kept or any(hidden.is_relative_to(real) for hidden in self._hidden)

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
