"""Access tokens open a pod within their scopes and rights, outlive the server, and end at once when they are revoked."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import httpx
import pytest
from tests.conftest import RunningServer

import datapod
from datapod import PodClient
from datapod_server.storage.access_tokens import AccessTokens, TokenShelf
from datapod_server.storage.keys import DatabaseKey, SubKey
from datapod_server.storage.sqlite import Database


def mint(server: RunningServer, **body: Any) -> dict[str, Any]:
    answer = server.v1("POST", "/v1/tokens", {"name": "notebook", **body})
    assert answer.status_code == 201, answer.text
    return answer.json()


def with_token(server: RunningServer, token: str, verb: str, path: str, body: Any = None) -> httpx.Response:
    return server.http.request(verb, server.address + path, json=body, headers={"Authorization": f"Bearer {token}"})


def v4(server: RunningServer, token: str, endpoint: str, payload: Any, owner_key: str | None = None) -> httpx.Response:
    token_id, _, secret = token.partition(".")
    auth = {"type": "PluginAuth", "data": {"nonce": token_id, "encryptedPermissions": secret}}
    return server.http.post(f"{server.address}/v4/{owner_key or server.owner_key}/{endpoint}", json={"auth": auth, "payload": payload})


def test_scopes_decide_on_both_protocols(server: RunningServer) -> None:
    server.create_pod()
    reader, recorder = mint(server)["token"], mint(server, scopes=["record", "read"])["token"]
    assert with_token(server, reader, "GET", "/v1/query?q=SELECT%201").status_code == 200
    refused = with_token(server, reader, "PUT", "/v1/datasets/d", {"type": "sparse.mutable"})
    assert (refused.status_code, refused.json()["details"]["scope"]) == (403, "manage")
    assert with_token(server, reader, "GET", "/v1/tokens").status_code == 403
    assert v4(server, reader, "search", {"_limit": 1}).status_code == 200
    assert v4(server, reader, "bulk", {"search": [{}]}).status_code == 200
    answer = v4(server, reader, "create_item", {"type": "Person"})
    assert (answer.status_code, answer.text) == (403, "Failure: Permission denied: scope record")
    assert v4(server, reader, "bulk", {"deleteItems": []}).status_code == 200
    assert v4(server, recorder, "create_item", {"type": "Person"}).status_code == 200
    run = {"type": "PluginRun", "id": "runrun01", "targetItemId": "runrun01", "containerImage": "none"}
    assert "scope code" in v4(server, recorder, "create_item", run).text
    assert "scope admin" in v4(server, recorder, "plugin/audit", {"id": "runrun01"}).text
    assert "scope manage" in v4(server, recorder, "trigger/status", {"trigger_id": "t", "status": "OK"}).text


def test_a_declaration_narrows_a_token(server: RunningServer) -> None:
    keys = {"ownerKey": server.owner_key, "databaseKey": server.database_key}
    server.http.post(f"{server.address}/v4/account", json=keys)
    server.v4("create_item", {"type": "Person"})
    server.v4("create_item", {"type": "Account", "handle": "me", "secret": "s3cret"})
    token = mint(server, permissions={"read": {"Person": "*"}})["token"]
    assert {item["type"] for item in v4(server, token, "search", {}).json()} <= {"Person", "ItemPropertySchema"}
    whole = mint(server)["token"]
    (account,) = v4(server, whole, "search", {"type": "Account"}).json()
    assert "secret" not in v4(server, whole, "get_item", account["id"]).json()[0]


def test_the_sdk_takes_them(server: RunningServer) -> None:
    server.create_pod()
    token = mint(server, scopes=["read", "record"])["token"]
    with datapod.connect(server.address, token=token) as pod:
        assert pod.query("SELECT 1 AS x")[1][-1] == 1
    token_id, _, secret = token.partition(".")
    auth = {"data": {"nonce": token_id, "encryptedPermissions": secret}}
    client = PodClient(url=server.address, owner_key=server.owner_key, auth_json=auth)
    assert client.search({"type": "ItemPropertySchema"}) is not None


def test_they_outlive_the_server_and_end_when_revoked(start_server: Any) -> None:
    server = start_server()
    server.create_pod()
    made = mint(server, days=None)
    token = made["token"]
    server.stop()
    again = start_server()
    listed = again.v1("GET", "/v1/tokens").json()
    assert [entry["id"] for entry in listed] == [made["id"]]
    assert token not in json.dumps(listed)
    assert with_token(again, token, "GET", "/v1/query?q=SELECT%201").status_code == 200
    assert "used" in again.v1("GET", "/v1/tokens").json()[0]
    assert again.v1("DELETE", f"/v1/tokens/{made['id']}").status_code == 204
    assert with_token(again, token, "GET", "/v1/query?q=SELECT%201").status_code == 401
    assert v4(again, token, "search", {}).status_code == 421
    assert again.v1("DELETE", f"/v1/tokens/{made['id']}").status_code == 404
    assert not any(secret in path.read_bytes() for path in again.data_dir.rglob("*") if path.is_file() for secret in [token[49:].encode()])


def test_wrong_tokens_open_nothing(server: RunningServer) -> None:
    server.create_pod()
    token = mint(server)["token"]
    wrong = token[:-1] + ("0" if token[-1] != "0" else "1")
    assert with_token(server, wrong, "GET", "/v1/query?q=SELECT%201").status_code == 401
    assert v4(server, wrong, "search", {}).status_code == 421
    assert v4(server, "0" * 48 + "." + "0" * 64, "search", {}).status_code == 421
    assert v4(server, token, "search", {}, owner_key="5e" * 32).status_code in (403, 421)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "x", "scopes": ["root"]},
        {"name": "x", "days": 0},
        {"name": "x", "permissions": {"reads": 1}},
        {"name": "x", "y": 1},
    ],
)
def test_wrong_requests_are_400(server: RunningServer, body: dict[str, Any]) -> None:
    server.create_pod()
    assert server.v1("POST", "/v1/tokens", body).status_code == 400


def test_the_command_line_makes_lists_and_revokes(server: RunningServer) -> None:
    server.create_pod()

    def token(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "datapod", "token", *arguments, "--address", server.address]
        return subprocess.run(command, env=server.environment, capture_output=True, text=True, timeout=60, check=False)

    made = token("new", "telephone", "--scope", "read", "--days", "3")
    assert made.returncode == 0, made.stderr
    text = made.stdout.strip()
    assert with_token(server, text, "GET", "/v1/query?q=SELECT%201").status_code == 200
    assert "telephone" in token("list").stdout
    assert token("revoke", text).returncode == 0
    assert with_token(server, text, "GET", "/v1/query?q=SELECT%201").status_code == 401
    assert token("revoke", "nothing").returncode == 1
    assert token("new", "x", "--scope", "root").returncode == 1


def test_an_expired_token_and_a_new_process(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database.open(tmp_path / "items.sqlite", SubKey(bytes(32)))
    key = DatabaseKey.parse("b7" * 32)
    tokens = AccessTokens(database, TokenShelf(tmp_path / "tokens"), "owner", key)
    token, text = tokens.mint("x", ["read"], None, 1)
    content = TokenShelf(tmp_path / "tokens").open(*text.split("."))
    assert content is not None
    assert (content.owner_key, content.database_key.upper()) == ("owner", "B7" * 32)
    assert tokens.use(token.id) is not None
    monkeypatch.setattr("datapod_server.storage.access_tokens._now_ms", lambda: token.created + 86_400_001)
    assert tokens.use(token.id) is None
    database.close()
