"""Plugin packages that are loaded at the start: folders with a file `mldb_plugin.json`.

Source: python-runtime.md, 2.10; rest-api.md, 13.3.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from datapod_server.entities.config import read_config
from datapod_server.errors import DatapodError, Invalid
from datapod_server.pod import Pod

log = logging.getLogger("datapod.packages")

_MANIFEST = "mldb_plugin.json"


def load_packages(pod: Pod, uris: Iterable[str]) -> None:
    """Load the packages below some folders. One that fails is logged and stops no other; an id that exists is kept as it is.

    Raises `Invalid` for a URI without `file://`.
    """
    for uri in uris:
        if not uri.startswith("file://"):
            raise Invalid(f"--plugin-directory needs a URI with file://, not '{uri}'")
        root = Path(uri.removeprefix("file://"))
        if not root.is_dir():
            log.error("loading plugins from %s: there is no such folder", root)
        for folder in _folders(root):
            try:
                _load(pod, folder)
            except DatapodError as error:
                log.error("loading plugin %s: %s; it will be ignored", folder, error)


def _folders(root: Path) -> Iterator[Path]:
    """The folder itself if it is a package, else all packages below it, by name."""
    if (root / _MANIFEST).is_file():
        yield root
        return
    for folder, names, files in os.walk(root):
        names.sort()
        if _MANIFEST in files:
            yield Path(folder)


def _load(pod: Pod, folder: Path) -> None:
    config = read_config(_manifest(folder), "plugin")
    if pod.plugins.find(config.id) is not None:
        return
    if config.type == "python":
        params: dict[str, Any] = {**(config.params or {}), "address": folder.absolute().as_uri()}
        config = msgspec.structs.replace(config, params=params)
    pod.plugins.create(config)


def _manifest(folder: Path) -> Any:
    try:
        manifest = msgspec.json.decode((folder / _MANIFEST).read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise Invalid(f"{_MANIFEST} cannot be read: {error}") from error
    if not isinstance(manifest, dict) or set(manifest) != {"config"}:
        raise Invalid(f'{_MANIFEST} must be an object with the single member "config"')
    return manifest["config"]
