"""The code flow with PKCE against a provider over HTTP that checks the verifier, rotates refresh tokens and lets tokens expire."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import secrets
import threading
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from tests.sdk.listening import QuietHandler, listening

from datapod import Account, CodeFlowAuthenticator, PluginRun, PodClient, PodError
from datapod.authenticators.code_flow import TokenRefused
from datapod.testing import FrontEnd, fast_login


class Provider:
    def __init__(self):
        self.challenges, self.refresh_tokens, self.exchanges = {}, set(), []

    def authorize(self, query):
        assert query["code_challenge_method"] == ["S256"]
        code = secrets.token_hex(8)
        self.challenges[code] = query["code_challenge"][0]
        return code

    def tokens(self, form):
        self.exchanges.append(form["grant_type"][0])
        if form["client_id"] != ["boats"]:
            return 401, {"error": "invalid_client"}
        if form["grant_type"] == ["authorization_code"]:
            digest = hashlib.sha256(form.get("code_verifier", [""])[0].encode()).digest()
            good = self.challenges.pop(form["code"][0], None) == base64.urlsafe_b64encode(digest).decode().rstrip("=")
        else:
            good = form["refresh_token"][0] in self.refresh_tokens
            self.refresh_tokens.discard(form["refresh_token"][0])
        if not good:
            return 400, {"error": "invalid_grant"}
        refresh = secrets.token_hex(8)
        self.refresh_tokens.add(refresh)
        return 200, {"access_token": secrets.token_hex(8), "refresh_token": refresh, "expires_in": 3600}


@pytest.fixture
def provider():
    provider = Provider()

    class Handler(QuietHandler):
        def do_GET(self):
            query = parse_qs(urlsplit(self.path).query)
            back = urlencode({"code": provider.authorize(query), "state": query["state"][0]})
            self.answer(302, Location=f"{query['redirect_uri'][0]}?{back}")

        def do_POST(self):
            status, answer = provider.tokens(parse_qs(self.body().decode()))
            self.answer(status, "application/json", json.dumps(answer).encode())

    with listening(Handler) as provider.address, fast_login(CodeFlowAuthenticator):
        yield provider


@pytest.fixture
def login(client, provider):
    class Login(CodeFlowAuthenticator):
        AUTHORIZE_URL = f"{provider.address}/authorize"
        TOKEN_URL = f"{provider.address}/token"
        CLIENT_ID = "boats"
        SCOPE = "read"

    run, account = PluginRun("none", "a", "B"), Account(service="boats")
    client.bulk_action(create_items=[account, run], create_edges=[run.add_edge("account", account)])
    return Login(client, run)


def owner_logs_in(login):
    """Opens the address that the run shows, and brings back the code that the service sends to the way back."""

    def work():
        api, pause = login.client.api, threading.Event()
        while (run := api.get_item(login.pluginRun.id)[0]).get("status") != "userActionNeeded":
            pause.wait(0.01)
        way_back = urlsplit(httpx.get(run["authUrl"]).headers["Location"])
        FrontEnd(login.client, login.pluginRun.id).enter_code(parse_qs(way_back.query)["code"][0]).join()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_a_code_is_exchanged_with_the_verifier_that_only_the_plugin_knows(login, pod, provider):
    owner_logs_in(login)
    login.authenticate()
    account = pod.items[login.get_account().id]
    assert account["accessToken"] == account["secret"] and account["refreshToken"] in provider.refresh_tokens
    assert "code" not in account and login.expires_at is not None
    stored = json.dumps(list(pod.items.values()))
    assert login._verifier and login._verifier not in stored


def test_a_code_of_another_flow_is_refused_and_not_kept(login, pod, provider):
    stolen = provider.authorize({"code_challenge_method": ["S256"], "code_challenge": ["somebody else's"]})
    FrontEnd(login.client, login.pluginRun.id).enter_code(stolen)
    with pytest.raises(TokenRefused, match="400 invalid_grant"):
        login.authenticate()
    assert "code" not in pod.items[login.get_account().id]


def test_a_token_is_renewed_before_it_expires_and_the_owner_asked_when_the_refresh_token_died(login, pod, provider, caplog):
    owner_logs_in(login)
    first = login.access_token()
    assert login.access_token() == first and provider.exchanges == ["authorization_code"]
    login.EARLY_SECONDS = 4000.0  # the token of an hour is about to expire
    second = login.access_token()
    assert second != first and provider.exchanges[1:] == ["refresh_token"]
    assert pod.items[login.get_account().id]["refreshToken"] in provider.refresh_tokens
    provider.refresh_tokens.clear()
    dead = login.get_account().refreshToken
    owner_logs_in(login)
    with caplog.at_level(logging.DEBUG):
        assert login.access_token() not in (first, second)
    assert provider.exchanges[2:] == ["refresh_token", "authorization_code"]
    assert "invalid_grant" in caplog.text and dead not in caplog.text


def test_tokens_that_the_pod_does_not_take_are_not_used(login, pod, provider, monkeypatch):
    owner_logs_in(login)
    login.authenticate()
    kept = PodClient.update_item

    def refused(self, item, *arguments, **keywords):
        return False if isinstance(item, Account) else kept(self, item, *arguments, **keywords)

    monkeypatch.setattr(PodClient, "update_item", refused)
    with pytest.raises(PodError, match="could not be stored"):
        login.authenticate()


def test_what_an_author_forgot_is_said(client):
    with pytest.raises(ValueError, match="Login lacks TOKEN_URL, CLIENT_ID"):
        type("Login", (CodeFlowAuthenticator,), {"AUTHORIZE_URL": "x"})(client, PluginRun("none", "a", "B"))
