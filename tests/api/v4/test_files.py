"""Files over `/v4`: pod-protocol.md, 11 and 21."""

from __future__ import annotations

import hashlib
from pathlib import Path

CONTENT = b"a photo of a boat" * 10_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def files_on_disk(tmp_path: Path) -> list[Path]:
    return [path for path in tmp_path.rglob("*") if path.is_file() and path.parent.name == "files"]


def test_a_file_goes_in_and_comes_out(desk, tmp_path):
    before = desk.ok("create_item", {"type": "File", "id": "file01", "sha256": SHA256})
    (before,) = desk.ok("get_item", "file01")
    answer = desk.upload(SHA256, CONTENT)
    assert (answer.status, answer.json) == (200, {})
    answer = desk("get_file", {"sha256": SHA256})
    assert (answer.status, answer.kind, answer.body) == (200, "application/octet-stream", CONTENT)
    (after,) = desk.ok("get_item", "file01")
    assert (len(after["key"]), len(after["nonce"])) == (64, 48)
    assert after["dateModified"] == before["dateModified"]
    (stored,) = files_on_disk(tmp_path)
    assert CONTENT[:17] not in stored.read_bytes()


def test_checks_come_in_the_order_of_the_protocol(desk, tmp_path):
    assert desk.raw(f"/v4/{'5e' * 32}/upload_file/{'c8' * 32}/nohash", CONTENT).status == 401
    assert desk.upload("nohash", CONTENT).status == 400
    wrong = desk.upload("ab" * 32, CONTENT)
    assert wrong.status == 400
    assert f"Expected file sha256 hash differs from calculated {SHA256}" in wrong.text
    absent = desk.upload(SHA256, CONTENT)
    assert (absent.status, absent.text) == (404, f"Failure: Item with sha256 {SHA256} not found in database")
    assert files_on_disk(tmp_path) == []
    desk.ok("create_item", {"type": "File", "sha256": SHA256})
    assert desk.upload(SHA256, CONTENT).status == 200
    again = desk.upload(SHA256, b"something else")
    assert (again.status, again.text) == (409, "Failure: File already exists")


def test_hashes_are_compared_with_items_as_text(desk):
    desk.ok("create_item", {"type": "File", "sha256": SHA256.upper()})
    assert desk.upload(SHA256, CONTENT).status == 404


def test_credentials_in_the_path_are_decoded_once(desk):
    desk.ok("create_item", {"type": "File", "sha256": SHA256})
    assert desk.upload_b(SHA256, CONTENT).status == 200
    owner = "5e" * 32
    assert "JSON formatting error" in desk.raw(f"/v4/{owner}/upload_file_b/%7B/{SHA256}", b"").text
    assert "Failed to decode UTF-8 authorization JSON, " in desk.raw(f"/v4/{owner}/upload_file_b/%FF/{SHA256}", b"").text


def test_an_empty_file_is_a_file(desk):
    sha256 = hashlib.sha256(b"").hexdigest()
    desk.ok("create_item", {"type": "File", "sha256": sha256})
    assert desk.upload(sha256, b"").status == 200
    assert desk("get_file", {"sha256": sha256}).body == b""


def test_what_is_not_stored_is_404(desk):
    assert desk("get_file", {"sha256": SHA256}).status == 404
    desk.ok("create_item", {"type": "File", "sha256": SHA256})
    assert desk("get_file", {"sha256": SHA256}).status == 404
    assert desk("get_file", {"sha256": 5}).status == 400


def test_a_deleted_file_can_be_uploaded_again(registered, tmp_path):
    registered.ok("create_item", {"type": "File", "id": "file01", "sha256": SHA256})
    registered.upload(SHA256, CONTENT)
    assert registered.ok("delete_file", {"id": "file01"}) == {}
    assert registered.ok("get_item", "file01") == []
    assert registered("get_file", {"sha256": SHA256}).status == 404
    assert files_on_disk(tmp_path) == []
    registered.ok("create_item", {"type": "File", "id": "file02", "sha256": SHA256})
    assert registered.upload(SHA256, CONTENT).status == 200
    assert registered("delete_file", {"id": "nosuch"}).status == 404


def test_a_file_stays_while_another_item_names_it(registered):
    for number in (1, 2):
        registered.ok("create_item", {"type": "File", "id": f"file0{number}", "sha256": SHA256})
    registered.upload(SHA256, CONTENT)
    registered.ok("delete_file", {"id": "file01"})
    assert registered("get_file", {"sha256": SHA256}).body == CONTENT


def test_an_item_made_after_the_upload_keeps_the_content_of_the_one_before_it(registered, tmp_path):
    registered.ok("create_item", {"type": "File", "id": "file01", "sha256": SHA256})
    registered.upload(SHA256, CONTENT)
    registered.ok("create_item", {"type": "File", "id": "file02", "sha256": SHA256})
    assert registered.upload(SHA256, CONTENT).status == 409
    (before,) = registered.ok("get_item", "file02")
    registered.ok("delete_file", {"id": "file01"})
    assert registered("get_file", {"sha256": SHA256}).body == CONTENT
    (after,) = registered.ok("get_item", "file02")
    assert after["dateServerModified"] >= before["dateServerModified"]
    assert after["dateModified"] == before["dateModified"]
    registered.ok("delete_file", {"id": "file02"})
    assert files_on_disk(tmp_path) == []


def test_a_file_that_lost_its_key_can_be_uploaded_again(registered, tmp_path):
    """As after a kill in the middle of a deletion, or when a client erased the key."""
    registered.ok("create_item", {"type": "File", "id": "file01", "sha256": SHA256})
    registered.upload(SHA256, CONTENT)
    registered.ok("update_item", {"id": "file01", "key": None, "nonce": None})
    assert registered("get_file", {"sha256": SHA256}).status == 404
    assert registered.upload(SHA256, CONTENT).status == 200
    assert registered("get_file", {"sha256": SHA256}).body == CONTENT
    assert len(files_on_disk(tmp_path)) == 1
