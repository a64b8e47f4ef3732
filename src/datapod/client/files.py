"""Contents of files, photos and data sets. Source: plugin-sdk.md, 4.3, 4.4 and 14."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from datapod.client.core import logger
from datapod.client.writing import WritingClient
from datapod.errors import PodError
from datapod.schema import Dataset, Photo


class FilesClient(WritingClient):
    """A client that moves the bytes of files."""

    def get_file(self, sha256: str) -> bytes:
        """A file's content. Raises PodError, 404 when the pod does not have it."""
        return self.api.get_file(sha256)

    def save_file(self, sha256: str, path: Path | str) -> Path:
        """Write a file's content to a local file, a piece at a time; it appears when it is whole. Raises PodError, OSError."""
        self.api.save_file(sha256, Path(path))
        return Path(path)

    def upload_file(self, data: Any, asyncFlag: bool = True, callback: Callable[[bool], Any] | None = None) -> bool:  # noqa: N803
        """Store a file's content; its `File` item must exist. In the background: True at once, `callback(done)` later.

        Args:
            data: Bytes, an array, a `Path`, or an open binary file; the latter two are never held in memory.
        """
        content = _content(data)
        if asyncFlag:
            threading.Thread(target=self._upload, args=(content, callback), daemon=True).start()
            return True
        return self._upload(content, callback)

    def upload_file_async(self, data: Any, callback: Callable[[bool], Any] | None = None) -> bool:
        return self.upload_file(data, True, callback)

    def _upload_image(self, img: Any, asyncFlag: bool = True, callback: Callable[[bool], Any] | None = None) -> bool:  # noqa: N803
        return self.upload_file(img, asyncFlag, callback)

    def _upload(self, content: bytes | Path | BinaryIO, callback: Callable[[bool], Any] | None) -> bool:
        def attempt() -> bool:
            try:
                if isinstance(content, Path):
                    with content.open("rb") as stream:
                        self.api.upload_file(stream)
                else:
                    self.api.upload_file(content)
            except PodError as error:
                if error.status != 409:  # it is there already
                    raise
            return True

        done = False
        try:
            done = bool(self._attempt("upload_file", "File", attempt))
        finally:
            if callback is not None:
                callback(done)
        return done

    def create_photo(self, photo: Photo, asyncFlag: bool = True) -> bool:  # noqa: N803
        """Write a photo, its file and the edge between them, then its bytes."""
        edges = photo.get_edges("file")[:1]
        if not self.bulk_action(create_items=[photo, *(edge.target for edge in edges)], create_edges=edges):
            raise ValueError("Could not create file or photo item")
        return self.upload_file(photo.data, asyncFlag)

    def get_photo(self, id: str, size: int = 640) -> Photo:  # noqa: A002
        """A photo with its bytes; `size` does nothing, as in all releases.

        Raises:
            ValueError: There is no such photo, or it has no file.
        """
        photo = self.get(id)
        if not isinstance(photo, Photo):
            raise ValueError(f"Item with id {id} is no Photo")
        if not photo.file:
            raise ValueError(f"Photo with id {id} has no file")
        photo.data = self.get_file(str(photo.file[0].sha256))
        return photo

    def delete_file(self, id: str) -> bool:  # noqa: A002
        return self._attempt("delete_file", id, lambda: self.api.delete_file(id)) is not None

    def get_dataset(self, name: str) -> Dataset:
        """The data set of that name; the last one if there are several.

        Raises:
            PodError: There is none.
        """
        found = self.search_typed(Dataset, {"name": name})
        if not found:
            raise PodError(None, f"No datasets found with name {name}")
        if len(found) > 1:
            logger.warning("%d datasets are named %s; taking the last one", len(found), name)
        return found[-1]


def _content(data: Any) -> bytes | Path | BinaryIO:
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    if isinstance(data, (Path, io.BufferedIOBase, io.RawIOBase)):
        return data  # type: ignore[return-value] # an open file that is no text
    if hasattr(data, "tobytes"):
        return bytes(data.tobytes())
    raise ValueError(f"A file's content is bytes, an array, a Path or an open binary file, not {type(data).__name__}")
