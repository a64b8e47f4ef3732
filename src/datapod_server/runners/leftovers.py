"""What a killed server left running outside of it, so that the next start can end it.

Processes die with the server (guard.py); containers and Jobs do not. While one lives, a small file says so: its name is the SHA-256 of
the container's name and its content the program that started it, so that nothing about owners, images and runs lies on the disk in the
clear. It is written before the start and taken away after the end. Whoever ends leftovers compares with the names that exist.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from msgspec import Struct


class Leftovers(Struct, frozen=True):
    """The files of one kind of run. Without a folder (a server that keeps everything in memory) nothing is noted."""

    folder: str | None

    def note(self, name: str, program: str) -> None:
        """This one is about to be started."""
        path = self._path(name)
        if path is not None:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.write_text(program)

    def forget(self, name: str) -> None:
        """It is gone."""
        path = self._path(name)
        if path is not None:
            path.unlink(missing_ok=True)

    def programs(self) -> set[str]:
        """What started those that may still be there."""
        folder = None if self.folder is None else Path(self.folder)
        if folder is None or not folder.is_dir():
            return set()
        return {path.read_text() for path in folder.iterdir()}

    def noted(self, name: str) -> bool:
        """Whether an earlier server started it and never saw its end."""
        path = self._path(name)
        return path is not None and path.exists()

    def clear(self, program: str) -> None:
        """Nothing that this program started is there any more."""
        if self.folder is not None:
            for path in Path(self.folder).iterdir():
                if path.read_text() == program:
                    path.unlink(missing_ok=True)

    def surroundings(self) -> str:
        """A folder for what programs drop where they are started."""
        return tempfile.gettempdir() if self.folder is None else str(Path(self.folder).parent)

    def _path(self, name: str) -> Path | None:
        return None if self.folder is None else Path(self.folder) / hashlib.sha256(name.encode()).hexdigest()
