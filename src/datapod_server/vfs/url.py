"""A URL taken apart. Texts are used as given: no percent-decoding, blanks and any letters are fine. Source: rest-api.md, 11.1."""

from __future__ import annotations

import pathlib

from msgspec import Struct

from datapod_server.errors import Invalid

DATA_DIRECTORY = "/mldb_data"


class Url(Struct, frozen=True):
    """`scheme` in lower case, and everything behind `://`."""

    scheme: str
    rest: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.rest}"


def parse_url(text: str) -> Url:
    """Raises `Invalid` for a text without scheme."""
    scheme, separator, rest = text.partition("://")
    if not separator or not scheme:
        raise Invalid(f"Cannot accept URI without scheme (if you want a file, add file://): {text}")
    if "\0" in text:
        raise Invalid("a URI cannot hold the character U+0000")
    return Url(scheme.lower(), rest)


def local_path(url: Url, data_directory: pathlib.Path | None) -> pathlib.Path:
    """The file that a `file` URL names: `file://rel/x` in the working directory, `file:///abs/x` absolute.

    `file:///mldb_data/...` is the data directory, unless there is a directory of that name at the root.
    """
    path = pathlib.Path(url.rest)
    root = pathlib.Path(DATA_DIRECTORY)
    if data_directory is not None and path.is_relative_to(root) and not root.is_dir():
        return data_directory / path.relative_to(root)
    return path
