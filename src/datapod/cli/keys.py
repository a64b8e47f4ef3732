"""`store_keys`: make a pod's keys and keep them in the key file. Source: plugin-sdk.md, 11.4."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from datapod.cli.options import CommandOption, parse, run_command
from datapod.keyfile import Keys, generate_random_key, key_file_path, read_keys, write_keys

OPTIONS = (
    CommandOption("path", str, "Key file to write; pod_keys/keys.json in the home folder if left out."),
    CommandOption("database_key", str, "Database key of the pod; generated if left out."),
    CommandOption("owner_key", str, "Owner key of the pod; generated if left out."),
    CommandOption("replace", bool, "Whether to replace existing keys (they are kept under another name); yes if left out."),
)


def store_keys(path: str | Path | None = None, database_key: str | None = None, owner_key: str | None = None, replace: bool = True) -> None:
    """Write a key file; one that is already there is kept under a dated name, or left alone with `replace=False`."""
    place = key_file_path() if path is None else Path(path).expanduser()
    if not replace and _are_readable(place):
        print("Existing stored keys found, exiting without generating new keys.", flush=True)
        return
    write_keys(place, Keys(database_key or generate_random_key(), owner_key or generate_random_key()))


def _are_readable(place: Path) -> bool:
    try:
        return read_keys(place) is not None
    except ValueError:
        return False


def show_keys(path: str | Path | None = None) -> None:
    """Print the owner key, and of the database key no more than that it is there."""
    place = key_file_path() if path is None else Path(path).expanduser()
    keys = read_keys(place)
    if keys is None:
        raise SystemExit(f"Key file {place} does not exist. Create one: datapod keys store")
    print(f"key file      {place}")
    print(f"owner_key     {keys.owner_key}")
    print(f"database_key  {'*' * 8} ({len(keys.database_key)} characters, kept in the file)")


def command(argv: Sequence[str]) -> int:
    """The command line: `store_keys`, and `datapod keys store`."""
    options = parse("store_keys", "Make a pod's keys and keep them in a file.", OPTIONS, argv)
    return run_command(lambda: store_keys(**options))


def main() -> int:
    return command(sys.argv[1:])
