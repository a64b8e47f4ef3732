"""Keys: never overwritten, never readable by others, never printed by accident."""

from __future__ import annotations

import json
import stat

import pytest

from datapod import PodClient, store_keys
from datapod.cli.main import main
from datapod.keyfile import Keys, key_file_path, read_keys, read_pod_key, store_new_keys, write_keys


def test_new_keys_are_private_and_read_back(home):
    keys = store_new_keys(key_file_path())
    path = home / "pod_keys" / "keys.json"
    assert read_keys(path) == keys and len(keys.owner_key) == len(keys.database_key) == 64
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert path.read_text() == json.dumps({"database_key": keys.database_key, "owner_key": keys.owner_key}, indent=4)
    assert keys.database_key not in repr(keys)


def test_replaced_keys_are_kept_under_dated_names(tmp_path):
    path = tmp_path / "other" / "keys.json"
    written = [store_new_keys(path) for _ in range(4)]
    kept = [read_keys(entry) for entry in path.parent.glob("keys-*.json")]
    assert read_keys(path) == written[-1] and sorted(kept) == sorted(written[:-1])
    assert len(list(path.parent.iterdir())) == 4


def test_reading_a_key_says_from_where(home, capsys):
    write_keys(key_file_path(), Keys("d" * 64, "0" * 64))
    assert read_pod_key("owner_key") == "0" * 64
    assert capsys.readouterr().out == f"reading owner_key from {key_file_path()}\n"
    with pytest.raises(ValueError, match="other_key not specified in"):
        read_pod_key("other_key")
    with pytest.raises(ValueError, match="but file or key does not exist"):
        read_pod_key("owner_key", home / "nowhere.json")


def test_a_file_that_is_no_key_file_is_refused(tmp_path):
    path = tmp_path / "keys.json"
    assert read_keys(path) is None
    for content in ("", "[]", '{"owner_key": "x"}'):
        path.write_text(content)
        with pytest.raises(ValueError, match="holds no JSON object"):
            read_keys(path)


def test_store_keys_honours_path_and_replace(tmp_path, capsys):
    path = tmp_path / "mine.json"
    store_keys(path=str(path), owner_key="o")
    assert capsys.readouterr().out == ""
    store_keys(path=path, replace=False)
    assert capsys.readouterr().out == "Existing stored keys found, exiting without generating new keys.\n"
    assert read_keys(path).owner_key == "o"


def test_false_means_false_on_the_command_line(home):
    assert main(["keys", "store"]) == 0
    before = read_keys(key_file_path())
    assert main(["keys", "store", "--replace", "False"]) == 0 and read_keys(key_file_path()) == before
    assert main(["keys", "store", "--replace"]) == 0 and read_keys(key_file_path()) != before


def test_showing_keys_keeps_the_database_key_to_itself(home, capsys):
    keys = store_new_keys(key_file_path())
    assert main(["keys", "show"]) == 0
    out = capsys.readouterr().out
    assert keys.owner_key in out and keys.database_key not in out


def test_showing_keys_that_do_not_exist_says_what_to_do(home, capsys):
    assert main(["keys", "show"]) == 1
    assert capsys.readouterr().err == f"Key file {key_file_path()} does not exist. Create one: datapod keys store\n"


def test_a_client_takes_its_keys_from_the_file_it_is_given(tmp_path, wire, capsys):
    path = tmp_path / "mine.json"
    write_keys(path, Keys("d" * 64, "0" * 64))
    client = PodClient.from_local_keys(path, url=wire.address)
    assert (client.database_key, client.owner_key) == ("d" * 64, "0" * 64)
    assert capsys.readouterr().out == f"reading database_key from {path}\nreading owner_key from {path}\n"
