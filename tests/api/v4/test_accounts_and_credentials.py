"""Accounts, credentials, addresses: pod-protocol.md, 1, 3, 13 and 21."""

from __future__ import annotations

import pytest

from datapod_server.storage.keys import DatabaseKey

OWNER_KEY, DATABASE_KEY = "5e" * 32, "b7" * 32


def test_version_is_text_that_parses_as_json(make_desk):
    for path in ("/version", "/version/"):
        answer = make_desk().raw(path, b"", "GET")
        assert (answer.status, answer.kind) == (200, "text/plain; charset=utf-8")
        assert (answer.json["cargo"], answer.json["git_describe"]) == ("0.4.4", None)
        assert answer.json["datapod"]


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", f"/v4/{OWNER_KEY}/search"),
        ("PUT", f"/v4/{OWNER_KEY}/search"),
        ("POST", f"/v4/{OWNER_KEY}/sparql"),
        ("POST", f"/v4/{OWNER_KEY}/plugin/statuses"),
        ("POST", f"/v4/{OWNER_KEY}"),
        ("POST", "/v4//search"),
        ("POST", f"/v4/{OWNER_KEY}/search//"),
        ("POST", f"/v4/{OWNER_KEY}/search/x"),
        ("POST", f"/v3/{OWNER_KEY}/search"),
        ("POST", f"/v5/{OWNER_KEY}/search"),
        ("POST", "/version"),
    ],
)
def test_what_is_no_endpoint_says_so_in_plain_text(make_desk, verb, path):
    answer = make_desk().raw(path, b"{}", verb)
    assert (answer.status, answer.text, answer.kind) == (404, "Endpoint not found", "text/plain; charset=utf-8")


def test_one_trailing_slash_is_tolerated(desk):
    assert desk.ok("search/", {"_limit": 0}) == []


def test_an_owner_key_that_could_be_a_path_is_403(make_desk):
    for owner in ("a%2Fb", "..", "a.b", "x" * 129):
        assert make_desk()("search", {}, owner_key=owner).text == "Failure: Unexpected owner"


def test_keys_are_equal_in_either_case_and_a_wrong_one_is_401(desk):
    assert desk("search", {}, auth={"type": "ClientAuth", "databaseKey": DATABASE_KEY.upper()}).status == 200
    answer = desk("search", {}, auth={"type": "ClientAuth", "databaseKey": "c8" * 32})
    assert (answer.status, answer.text) == (401, "Failure: Failed to open the database file")
    assert desk("search", {}, auth={"type": "ClientAuth", "databaseKey": "b7-"}).text == "Failure: Invalid database key character"


def test_a_wrong_key_is_refused_also_when_the_pod_is_locked(make_desk):
    first = make_desk()
    first.ok("create_item", {"type": "Boat", "id": "boat01"})
    first.vault.close()
    second = make_desk()
    assert second("search", {}, auth={"type": "ClientAuth", "databaseKey": "c8" * 32}).status == 401
    assert len(second.ok("get_item", "boat01")) == 1


@pytest.mark.parametrize(
    "auth",
    [
        {},
        {"type": "Other", "databaseKey": "aa"},
        {"type": "ClientAuth"},
        {"type": "ClientAuth", "databaseKey": 5},
        {"type": "PluginAuth"},
        {"type": "PluginAuth", "data": {"nonce": "ab" * 24}},
        {"type": "PluginAuth", "data": {"data": {"nonce": "ab" * 24, "encryptedPermissions": "ab"}}},
        {"type": "PluginAuth", "data": {"nonce": "ab" * 23, "encryptedPermissions": "ab"}},
        {"type": "PluginAuth", "data": {"nonce": "xy" * 24, "encryptedPermissions": "ab"}},
        {"type": "PluginAuth", "data": {"nonce": "ab" * 24, "encryptedPermissions": "xy"}},
    ],
)
def test_malformed_credentials_are_400(desk, auth):
    assert desk("search", {}, auth=auth or {"databaseKey": "aa"}).status == 400


def test_the_nonce_must_have_48_characters(desk):
    answer = desk("search", {}, auth={"type": "PluginAuth", "data": {"nonce": "ab" * 23, "encryptedPermissions": "ab"}})
    assert answer.text == "Failure: PluginAuth nonce should be 48 hex characters"


def test_tokens_open_their_own_pod_while_their_run_lives(desk):
    token = desk.tokens.mint(OWNER_KEY, DatabaseKey.parse(DATABASE_KEY), "runrun01")
    auth = {"type": "PluginAuth", "data": token.wire()}
    assert desk("create_item", {"type": "Boat", "id": "boat01"}, auth=auth).status == 200
    stale = "Failure: Plugin credentials are no longer valid"
    other = desk("search", {}, auth=auth, owner_key="6f" * 32)
    assert (other.status, other.text) == (421, stale)
    altered = {"type": "PluginAuth", "data": token.wire() | {"encryptedPermissions": "ab" * 100}}
    assert desk("search", {}, auth=altered).status == 421
    desk.tokens.end_run(OWNER_KEY, "runrun01")
    ended = desk("search", {}, auth=auth)
    assert (ended.status, ended.text) == (421, stale)


def test_a_plugin_cannot_widen_itself(desk):
    desk.define(pluginPermissions="Text")
    desk.ok("create_item", {"type": "PluginRun", "id": "runrun01", "targetItemId": "runrun01", "containerImage": "none"})
    token = desk.tokens.mint(OWNER_KEY, DatabaseKey.parse(DATABASE_KEY), "runrun01")
    auth = {"type": "PluginAuth", "data": token.wire()}
    answer = desk("update_item", {"id": "runrun01", "pluginPermissions": "{}"}, auth=auth)
    assert (answer.status, answer.text) == (403, "Failure: Permission denied: write PluginRun.pluginPermissions")
    assert desk("update_item", {"id": "runrun01", "pluginPermissions": "{}"}).status == 200


def test_the_account_call_makes_marks_and_repeats(make_desk):
    desk = make_desk()
    desk.ok("create_item", {"type": "Boat", "id": "boat01"})
    desk.ok("delete_item", "boat01")
    assert len(desk.ok("get_item", "boat01")) == 1
    for _ in range(2):
        answer = desk.account()
        assert (answer.status, answer.json) == (200, {})
    assert desk.ok("get_item", "boat01") == []
    assert len(desk.ok("search", {})) == 17
    desk.vault.close()
    assert make_desk().ok("get_item", "boat01") == []


def test_the_account_call_with_a_foreign_key_changes_nothing(desk):
    desk.ok("create_item", {"type": "Boat", "id": "boat01", "deleted": True})
    for _ in range(200):
        answer = desk.account("c8" * 32)
        assert (answer.status, answer.text) == (409, "Failure: Account already exists")
    assert len(desk.ok("get_item", "boat01")) == 1


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"ownerKey":"aa"}', b'{"ownerKey":"aa","databaseKey":5}', b"x"])
def test_a_wrong_account_body_is_400(make_desk, body):
    assert make_desk().raw("/v4/account", body).status == 400


def test_accounts_are_not_made_by_use_where_the_operator_forbids_it(make_desk):
    desk = make_desk(implicit_accounts=False)
    answer = desk("search", {})
    assert (answer.status, answer.text) == (404, "Failure: Account does not exist")
    assert desk.account().status == 200
    assert desk("search", {}).status == 200
