"""The key file: both keys of a pod as the command line keeps them, in `<home>/pod_keys/keys.json` with mode 0600.

Light on purpose: `datapod serve` reads it before anything else is imported. Source: plugin-sdk.md, 10.1 and 10.2.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import time
from pathlib import Path
from typing import NamedTuple

KEY_FOLDER_NAME = "pod_keys"
KEY_FILE_NAME = "keys.json"


class Keys(NamedTuple):
    """Both keys of one owner, 64 hex digits each; the text form shows neither."""

    database_key: str
    owner_key: str

    def __repr__(self) -> str:
        return "Keys(...)"

    @classmethod
    def generate(cls) -> Keys:
        """Fresh keys from a cryptographic source."""
        return cls(generate_random_key(), generate_random_key())


def generate_random_key() -> str:
    """32 random bytes as 64 hex digits."""
    return secrets.token_hex(32)


def home_folder() -> Path:
    """Where keys and run information live: environment `DATAPOD_HOME`, else `~/.pymemri` (shared with a real pymemri)."""
    configured = os.environ.get("DATAPOD_HOME")
    return Path(configured).expanduser().absolute() if configured else Path.home() / ".pymemri"


def key_folder() -> Path:
    """Where the key file is, and the older ones that it replaced."""
    return home_folder() / KEY_FOLDER_NAME


def key_file_path() -> Path:
    """The key file of all commands."""
    return key_folder() / KEY_FILE_NAME


def plugin_folder() -> Path:
    """Where each plugin has a folder for its newest run and its development credentials."""
    return home_folder() / "plugins"


def make_private_folder(folder: Path) -> None:
    """Create a folder and its missing parents with mode 0700; folders that exist stay as they are."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    for place in reversed(missing):
        place.mkdir(mode=0o700, exist_ok=True)


def read_keys(path: Path) -> Keys | None:
    """The keys of a key file, or None if there is no such file.

    Raises:
        ValueError: The file cannot be read, or lacks a key.
    """
    try:
        content = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValueError(f"Key file {path} cannot be read: {error.strerror}") from error
    try:
        entries = json.loads(content)
        return Keys(str(entries["database_key"]), str(entries["owner_key"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"Key file {path} holds no JSON object with 'database_key' and 'owner_key'") from error


def read_pod_key(key_type: str, file: Path | str | None = None) -> str:
    """One key of the key file; prints the line that says from where it was read.

    Raises:
        ValueError: The file or the entry does not exist.
    """
    path = key_file_path() if file is None else Path(file).expanduser()
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"Trying to read key from {path}, but file or key does not exist") from error
    if not isinstance(entries, dict) or not isinstance(entries.get(key_type), str):
        raise ValueError(f"{key_type} not specified in {path}")
    print(f"reading {key_type} from {path.absolute()}", flush=True)
    return str(entries[key_type])


def write_keys(path: Path, keys: Keys) -> None:
    """Write a key file whole or not at all; a file that is already there is kept under a dated name, never overwritten."""
    make_private_folder(path.parent)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(json.dumps({"database_key": keys.database_key, "owner_key": keys.owner_key}, indent=4))
            stream.flush()
            os.fsync(stream.fileno())
        _rotate(path)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def store_new_keys(path: Path) -> Keys:
    """Generate both keys and write them to `path`; a file that is already there is kept under a dated name."""
    keys = Keys.generate()
    write_keys(path, keys)
    return keys


def _rotate(path: Path) -> None:
    """Give the old file a second, dated name in the same folder. Losing a database key means losing the data."""
    if not path.exists():
        return
    stamp = time.strftime("%Y%m%d-%H%M%S")
    number = 0
    while True:
        kept = path.with_name(f"keys-{stamp}{f'-{number}' if number else ''}.json")
        try:
            os.link(path, kept)  # unlike rename, never replaces a file of that name
        except FileExistsError:
            number += 1
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP) or kept.exists():
                raise
            path.rename(kept)  # a file system without hard links
            return
        else:
            return
