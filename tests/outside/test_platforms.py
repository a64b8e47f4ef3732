"""Logins at real providers: PKCE, refresh tokens that are good once, signatures. Source: pod-protocol.md, 16."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from tests.conftest import RunningServer, launch
from tests.outside.provider import CLIENT_ID, CLIENT_SECRET

_BACK = "http://localhost/back"


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    command = [sys.executable, str(Path(__file__).with_name("provider.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.communicate("end\n", timeout=10)


@pytest.fixture(scope="module")
def server(provider: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("platforms")
    own = {"clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET}
    file = folder / "platforms.json"
    platforms = {
        "gitlab": {"version": 2, **own, "authUrl": f"{provider}/authorize", "tokenUrl": f"{provider}/token"},
        "twitter": {"version": 1, **own, "requestTokenUrl": f"{provider}/request", "tokenUrl": f"{provider}/access"},
        "away": {"version": 2, **own, "authUrl": "http://127.0.0.1:9/a", "tokenUrl": "http://127.0.0.1:9/t"},
        "stranger": {"version": 2, **own, "clientSecret": "x", "authUrl": f"{provider}/authorize", "tokenUrl": f"{provider}/token"},
    }
    file.write_text(json.dumps(platforms))
    running = launch(folder, "--oauth-platforms", str(file))
    keys = {"ownerKey": running.owner_key, "databaseKey": running.database_key}
    assert running.http.post(f"{running.address}/v4/account", json=keys).status_code == 200
    yield running
    running.stop()
    assert CLIENT_SECRET not in running.log_file.read_text()


def _code(server: RunningServer, platform: str = "gitlab") -> tuple[str, dict[str, Any]]:
    """A code as the provider sends it back, and what the pod said before."""
    asked = server.v4("oauth2/auth_url", {"platform": platform, "scopes": "read write", "redirectUri": _BACK}).json()
    back = httpx.get(asked["authUrl"], follow_redirects=False).headers["Location"]
    query = parse_qs(urlsplit(back).query)
    assert query["state"] == [asked["state"]]
    assert parse_qs(urlsplit(asked["authUrl"]).query)["scope"] == ["read write"]
    return query["code"][0], asked


def _authorize(server: RunningServer, code: str, verifier: str | None, platform: str = "gitlab") -> httpx.Response:
    payload = {"platform": platform, "authCode": code, "redirectUri": _BACK, "pkceVerifier": verifier}
    return server.v4("oauth2/authorize", payload)


def test_a_login_with_pkce_is_kept_and_renewed_once(server: RunningServer, provider: str) -> None:
    assert server.v4("oauth2/access_token", {"platform": "gitlab"}).status_code == 404
    code, asked = _code(server)
    first = _authorize(server, code, asked["pkceVerifier"])
    assert first.status_code == 200
    token = first.json()["accessToken"]
    assert server.v4("oauth2/access_token", {"platform": "gitlab"}).json() == {"accessToken": token}
    (flow,) = server.v4("search", {"type": "OauthFlow", "service": "gitlab"}).json()
    assert flow["accessToken"] == token

    # It is made to look expired; of ten who ask at once one renews it, with a refresh token that is good once.
    _expire(server)
    before = httpx.get(f"{provider}/refreshed").json()
    with ThreadPoolExecutor(10) as callers:
        answers = list(callers.map(lambda _: server.v4("oauth2/access_token", {"platform": "gitlab"}), range(10)))
    assert [answer.status_code for answer in answers] == [200] * 10
    assert len({answer.json()["accessToken"] for answer in answers}) == 1
    assert httpx.get(f"{provider}/refreshed").json() == before + 1
    (flow,) = server.v4("search", {"type": "OauthFlow", "service": "gitlab"}).json()
    assert flow["accessToken"] == answers[0].json()["accessToken"] != token


def _expire(server: RunningServer) -> None:
    """Restart with a clock of the database that says so: the expiry is data, so it is changed as data."""
    from datapod_server.storage.keys import DatabaseKey, Purpose
    from datapod_server.storage.sqlite import Database

    key = DatabaseKey.parse(server.database_key).derive(Purpose.ITEMS)
    database = Database.open(server.data_dir / "pods" / server.owner_key / "items.sqlite", key)
    with database.write() as connection:
        connection.execute("UPDATE oauth_expiries SET expires = 0")
    database.close()


def test_wrong_codes_and_verifiers_are_502_and_store_nothing(server: RunningServer) -> None:
    before = server.v4("search", {"type": "OauthFlow"}).json()
    code, _ = _code(server)
    assert _authorize(server, code, "wrong" * 10).status_code == 502
    code, asked = _code(server)
    assert _authorize(server, "unknown", asked["pkceVerifier"]).status_code == 502
    code, asked = _code(server, "stranger")
    refused = _authorize(server, code, asked["pkceVerifier"], "stranger")
    assert (refused.status_code, refused.text.startswith("Failure: stranger ")) == (502, True)
    assert _authorize(server, code, None, "away").status_code == 502
    assert server.v4("search", {"type": "OauthFlow"}).json() == before


def test_what_is_not_configured_is_404(server: RunningServer) -> None:
    for endpoint, payload in (
        ("oauth2/auth_url", {"platform": "nobody", "scopes": "", "redirectUri": _BACK}),
        ("oauth2/access_token", {"platform": "twitter"}),
        ("oauth1_request_token", {"service": "gitlab", "callbackUrl": _BACK}),
    ):
        answer = server.v4(endpoint, payload)
        assert answer.status_code == 404
        assert answer.text.startswith("Failure: Platform ")
    assert server.v4("oauth2/access_token", {"platform": 5}).status_code == 400
    assert server.v4("oauth2/authorize", {"platform": "gitlab"}).status_code == 400


def test_the_steps_of_oauth_1(server: RunningServer) -> None:
    asked = server.v4("oauth1_request_token", {"service": "twitter", "callbackUrl": _BACK}).json()
    assert asked.keys() == {"oauth_token", "oauth_token_secret"}
    given = {"oauthVerifier": "agreed", "oauthToken": asked["oauth_token"], "oauthTokenSecret": asked["oauth_token_secret"]}
    answer = server.v4("oauth1_access_token", given)
    assert answer.status_code == 200
    assert answer.json().keys() == {"oauth_token", "oauth_token_secret"}
    assert server.v4("oauth1_access_token", {**given, "oauthVerifier": "no"}).status_code == 502
    assert server.v4("oauth", {"service": "twitter", "callbackUrl": _BACK}).status_code == 200
    assert all(flow["service"] != "twitter" for flow in server.v4("search", {"type": "OauthFlow"}).json())


@pytest.mark.parametrize(
    "content", ["no json", '{"x": {"version": 3}}', '{"x": {"version": 2, "clientId": "a", "clientSecret": "b", "tokenUrl": "c"}}']
)
def test_a_wrong_file_ends_the_start_with_2(tmp_path: Path, datapod_command: Any, clean_environment: Any, content: str) -> None:
    file = tmp_path / "platforms.json"
    file.write_text(content)
    command = datapod_command("serve", "--port", "0", "--data-dir", str(tmp_path / "data"), "--oauth-platforms", str(file))
    done = subprocess.run(command, env=clean_environment(tmp_path), capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert "platforms.json" in done.stderr
