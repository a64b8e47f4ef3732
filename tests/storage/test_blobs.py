"""Encrypted files: what goes in comes out, nothing readable lies on disk, and no altered byte is ever handed out."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from datapod_server.errors import Failed
from datapod_server.storage.blobs import FRAME_BYTES, Blobs
from datapod_server.storage.keys import SubKey

KEY = bytes(range(32))
SIZES = (0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 3 * FRAME_BYTES, 3 * FRAME_BYTES + 5)


def _open(folder: Path | None) -> Blobs:
    return Blobs.open(folder, SubKey(KEY))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("chunk", [777, FRAME_BYTES, 1_000_000])
@pytest.mark.parametrize("in_memory", [True, False])
def test_a_file_comes_back_as_it_was_sent(tmp_path, size, chunk, in_memory):
    blobs = _open(None if in_memory else tmp_path)
    content = secrets.token_bytes(size)
    draft = blobs.receive(content[at : at + chunk] for at in range(0, size, chunk))
    assert (draft.sha256, draft.size_bytes) == (hashlib.sha256(content).hexdigest(), size)
    assert not blobs.exists("a")
    draft.keep("a")
    assert blobs.exists("a")
    assert b"".join(blobs.read("a", draft.key)) == content
    blobs.remove("a")
    assert blobs.read("a", draft.key) is None


def test_neither_content_nor_name_can_be_read_on_disk(tmp_path):
    blobs = _open(tmp_path)
    name = hashlib.sha256(b"planted words" * 20_000).hexdigest()
    draft = blobs.receive([b"planted words" * 20_000])
    draft.keep(name)
    (file,) = tmp_path.iterdir()
    assert b"planted words" not in file.read_bytes()
    assert name not in file.name


def test_equal_content_is_encrypted_anew_each_time(tmp_path):
    blobs = _open(tmp_path)
    blobs.receive([b"same"]).keep("a")
    blobs.receive([b"same"]).keep("b")
    first, second = (file.read_bytes() for file in tmp_path.iterdir())
    assert first != second


def test_altered_swapped_or_cut_frames_are_refused(tmp_path):
    blobs = _open(tmp_path)
    draft = blobs.receive([secrets.token_bytes(3 * FRAME_BYTES)])
    draft.keep("a")
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    frame = FRAME_BYTES + 16
    damaged = (
        whole[:frame] + whole[2 * frame :],
        whole[:-frame],
        whole[frame : 2 * frame] + whole[:frame] + whole[2 * frame :],
        whole[:100] + bytes([whole[100] ^ 1]) + whole[101:],
        whole + whole[:frame],
        b"",
    )
    for content in damaged:
        file.write_bytes(content)
        with pytest.raises(Failed, match="damaged"):
            list(blobs.read("a", draft.key))


def test_a_discarded_or_broken_upload_leaves_nothing(tmp_path):
    blobs = _open(tmp_path)
    blobs.receive([b"abc"]).discard()

    def breaks_off() -> Iterator[bytes]:
        yield b"abc"
        raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError):
        blobs.receive(breaks_off())
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_server_left_unfinished_is_cleared_at_the_next_start(tmp_path):
    blobs = _open(tmp_path)
    blobs.receive([b"kept"]).keep("a")
    blobs.receive([b"never kept"])
    assert len(list(tmp_path.iterdir())) == 2
    assert _open(tmp_path).exists("a")
    assert len(list(tmp_path.iterdir())) == 1
