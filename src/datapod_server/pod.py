"""One owner's world: the rooms of one pod, opened together and closed together. Attributes only; no logic of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from datapod_server.messages import Request, Response
from datapod_server.storage.keys import DatabaseKey, Purpose
from datapod_server.storage.sqlite import Database


class PodParts(Struct, frozen=True):
    """What the pods of one process share, handed in by the door that opens them.

    Attributes:
        answer: The desk of `/v1`, for requests that a pod's own workers make.
        echo_output: What in-server code prints appears on standard error too.
    """

    answer: Callable[[Pod, Request], Response]
    echo_output: bool = False


class Pod:
    """The rooms of one pod; see `open`."""

    def __init__(self, directory: Path | None, key: DatabaseKey, owner_key: str, parts: PodParts) -> None:
        self.directory = directory
        self.owner_key = owner_key
        self.database = Database.open(None if directory is None else directory / "items.sqlite", key.derive(Purpose.ITEMS))

    @staticmethod
    def open(directory: Path | None, key: DatabaseKey, owner_key: str, parts: PodParts) -> Pod:
        """Open a pod, or make a new one.

        Args:
            directory: The pod's own folder, made if it is missing; None keeps everything in memory.

        Raises:
            Unauthorized: The key does not open the items file; nothing was created or changed.
        """
        if directory is not None:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Pod(directory, key, owner_key, parts)

    def busy(self) -> bool:
        """Whether a worker or a run is alive: such a pod is not locked for idleness."""
        return False

    def close(self) -> None:
        """Stop runs and workers, write everything, wipe the keys. May be called twice."""
        self.database.close()
