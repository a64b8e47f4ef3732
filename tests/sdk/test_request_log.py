"""What the log shows of requests: never a key."""

from __future__ import annotations

import logging

import httpx
import pytest

from datapod import PodClient, PodConnectionError

OWNER, KEY = "0123" * 16, "abcd" * 16


def test_the_log_of_requests_shows_end_points_and_no_keys(wire, caplog):
    caplog.set_level(logging.DEBUG)
    client = PodClient(wire.address, database_key=KEY, owner_key=OWNER)
    client.search({"type": "Note"})
    client.upload_file(b"content", asyncFlag=False)
    assert f"{wire.address}/v4/.../search" in caplog.text and f"{wire.address}/v4/.../upload_file/..." in caplog.text
    assert OWNER not in caplog.text and KEY not in caplog.text


def test_credentials_of_a_plugin_stay_out_of_the_log_too(wire, caplog):
    caplog.set_level(logging.DEBUG)
    sealed = {"data": {"nonce": "a1" * 24, "encryptedPermissions": "b2" * 40}}
    client = PodClient(wire.address, owner_key=OWNER, auth_json=sealed)
    client.upload_file(b"content", asyncFlag=False)
    assert "upload_file_b/..." in caplog.text
    assert "b2b2b2" not in caplog.text and OWNER not in caplog.text


def test_requests_of_a_plugin_to_other_services_are_logged_as_they_are(wire, caplog):
    PodClient(wire.address, database_key=KEY, owner_key=OWNER)
    caplog.set_level(logging.INFO)
    logging.getLogger("httpx").info("HTTP Request: %s %s", "GET", httpx.URL("https://service.example/v4/boats/list/all"))
    assert "https://service.example/v4/boats/list/all" in caplog.text


def test_an_address_that_is_none_is_a_connection_error():
    with pytest.raises(PodConnectionError, match="http://localhost:port"):
        PodClient("http://localhost:port")
