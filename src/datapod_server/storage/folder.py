"""The data folder of a server: made at the first start, for the user alone, and used by one server at a time.

<data-dir>/lock            held by the running server
<data-dir>/pods/<owner>/   one pod
<data-dir>/certs/          certificate and key, if the server was told to make them
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from datapod_server.errors import Failed


class DataFolder:
    """A data folder that this process has locked."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @staticmethod
    def claim(path: Path) -> DataFolder:
        """Make the folder if it is missing, and lock it. Raises `Failed` with a text for people if either cannot be done."""
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            (path / "pods").mkdir(mode=0o700, exist_ok=True)
            lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileExistsError as error:
            raise Failed(f"The data folder {path} is a file; choose another with --data-dir") from error
        except OSError as error:
            raise Failed(
                f"The data folder {path} cannot be written: {error.strerror}; mend that, or choose another with --data-dir"
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(lock, 32, 0).decode(errors="replace").strip()
            os.close(lock)
            raise Failed(f"Another server (process {holder or 'unknown'}) already uses the data folder {path}") from error
        os.ftruncate(lock, 0)
        with contextlib.suppress(OSError):  # the number only helps people; what is stored can be read on a full disk too
            os.pwrite(lock, str(os.getpid()).encode(), 0)
        return DataFolder(path, lock)

    @property
    def pods(self) -> Path:
        """Where the pods are: one folder per owner."""
        return self.path / "pods"

    def release(self) -> None:
        """Let another server have the folder."""
        os.close(self._lock)
