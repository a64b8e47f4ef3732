"""What code may ask beside requests: recording, lines, listings, the optimisation level. `Services` is what a pod hands in for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from datapod_server.errors import Invalid
from datapod_server.values.timestamp import format_seconds
from datapod_server.vfs import Vfs
from datapod_server.workers.garbage import COLLECTION
from datapod_server.workers.recording import CrossedRows, Recordable


class Services(Struct, frozen=True):
    """What the workers of one pod may use.

    Attributes:
        dataset: A dataset by id; raises `EntryNotFound`, `Conflict`.
        vfs: The pod's files.
        set_optimization_level: `always`, `never` or `sometimes`; raises `Invalid`.
    """

    dataset: Callable[[str], Recordable]
    vfs: Vfs
    set_optimization_level: Callable[[str], None]

    def serve(self, name: str, arguments: Any) -> Any:
        """Carry out one service that any code may ask for. Raises `DatapodError`; `Invalid` for a name that is none."""
        match name:
            case "record_rows":
                dataset_id, *cells = arguments
                with COLLECTION.paused():
                    CrossedRows(*cells).record_in(self.dataset(dataset_id))
            case "record_columns":
                dataset_id, *cells = arguments
                with COLLECTION.paused():
                    self.dataset(dataset_id).record_columns(list(CrossedRows(*cells).rows()))
            case "read_lines":
                path, most = arguments
                return list(self.vfs.read_lines(path, most))
            case "ls":
                return self._ls(*arguments)
            case "optimization_level":
                self.set_optimization_level(*arguments)
            case _:
                raise Invalid(f"there is no service '{name}'")
        return None

    def _ls(self, path: str) -> dict[str, Any]:
        listing = self.vfs.ls(path)
        objects = {}
        for url, info in listing.objects.items():
            shown: dict[str, Any] = {"exists": info.exists, "size": info.size}
            for name, seconds in (("lastModified", info.last_modified), ("lastAccessed", info.last_accessed)):
                if seconds is not None:
                    shown[name] = format_seconds(seconds)
            for name, text in (("etag", info.etag), ("contentType", info.content_type)):
                if text:
                    shown[name] = text
            objects[url] = shown
        return {"dirs": list(listing.dirs), "objects": objects}
