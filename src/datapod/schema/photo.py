"""Photos: metadata as properties, the image itself as a file of the pod. Source: plugin-sdk.md, 14.4.

Pillow and numpy are imported when an image is made or read, and not before.
"""

# ruff: noqa: N815, RUF012 - names on the wire; a list declares an edge

from __future__ import annotations

import hashlib
import importlib
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datapod.item import Item
from datapod.schema.files import File

if TYPE_CHECKING:
    from datapod.schema.labelling import Label
    from datapod.schema.plugins import AuditItem


class Photo(Item):
    """A picture. `data` holds its encoded bytes here; in the pod they are the content of its file."""

    name: str | None = None
    caption: str | None = None
    exifData: str | None = None
    encoding: str | None = None
    mode: str | None = None
    ocrText: str | None = None
    height: int | None = None
    width: int | None = None
    channels: int | None = None
    changelog: list[AuditItem] = []
    thumbnail: list[File] = []
    file: list[File] = []
    label: list[Label] = []
    data: bytes | None = None

    @classmethod
    def from_path(cls, path: str | Path, size: int | None = None) -> Photo:
        return cls.from_bytes(Path(path).read_bytes(), size)

    @classmethod
    def from_np(cls, array: Any, size: int | None = None) -> Photo:
        """A photo of an array of shape (height, width) or (height, width, 3 or 4), values 0 to 255; stored as PNG."""
        return cls._from_image(_pillow().fromarray(array), size)

    @classmethod
    def from_bytes(cls, data: bytes, size: int | None = None) -> Photo:
        """A photo of encoded image bytes; with `size` scaled so that its longer side has that many pixels."""
        image = _pillow().open(io.BytesIO(data))
        return cls._from_image(image, size, None if size else data)

    @classmethod
    def _from_image(cls, image: Any, size: int | None, data: bytes | None = None) -> Photo:
        encoding = image.format or "PNG"
        if size:
            image.thumbnail((size, size))
        if data is None:
            buffer = io.BytesIO()
            image.save(buffer, encoding)
            data = buffer.getvalue()
        photo = cls(width=image.width, height=image.height, channels=len(image.getbands()), encoding=encoding, mode=image.mode)
        photo.data = data
        photo.add_edge("file", File(sha256=hashlib.sha256(data).hexdigest()))
        return photo

    @property
    def size(self) -> tuple[int | None, int | None]:
        """Width and height in pixels."""
        return self.width, self.height

    def to_PIL(self) -> Any:  # noqa: N802 - a name of old releases
        return _pillow().open(io.BytesIO(self.data or b""))

    def to_np(self) -> Any:
        return importlib.import_module("numpy").asarray(self.to_PIL())


def _pillow() -> Any:
    try:
        return importlib.import_module("PIL.Image")
    except ImportError as error:
        raise ImportError("Photos need pillow: pip install pillow") from error
