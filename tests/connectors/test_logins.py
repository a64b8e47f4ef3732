"""Credentials come from the run's account; tokens that a service rotates are stored before they are used."""

from __future__ import annotations

import httpx
import pytest

from datapod import Account, OAuthAuthenticator, PasswordAuthenticator, PluginRun, PodError
from datapod.connectors import BasicLogin, HttpSource, LoginNeeded, NoLogin, OAuthLogin, Retry
from datapod.connectors.fake_provider import Fault
from datapod.testing import FrontEnd, fast_login


@pytest.fixture
def run(client):
    run = PluginRun("none", "tests", "Plugin")
    account = Account(service="shop")
    assert client.bulk_action(create_items=[run, account], create_edges=[run.add_edge("account", account)])
    return run


def authenticator(client, run, provider):
    class Shop(OAuthAuthenticator):
        def get_oauth_url(self):
            return f"{provider.address}/authorize"

        def get_tokens_from_code(self, code):
            access, refresh = provider.grant_tokens()
            return {"access_token": access, "refresh_token": refresh}

        def refresh_tokens(self, refreshToken):
            answer = httpx.post(f"{provider.address}/token", data={"refresh_token": refreshToken})
            return answer.json() if answer.status_code == 200 else {}

    return Shop(client, run)


def with_tokens(client, run, provider):
    account = run.account[0]
    account.accessToken, account.refreshToken = provider.grant_tokens()
    assert client.update_item(account)
    return account


def test_a_source_that_is_open_needs_nothing_and_a_closed_one_says_so(provider):
    with HttpSource(provider.address, NoLogin()) as source:
        source.get("/records")
        provider.password = ("ann", "right")
        with pytest.raises(LoginNeeded, match="none to offer"):
            source.get("/records")


def test_name_and_password_come_from_the_account(client, run, provider):
    provider.password = ("ann", "ri:ght é")
    run.account[0].identifier, run.account[0].secret = provider.password
    with HttpSource(provider.address, BasicLogin(client, run)) as source:
        assert source.get("/records").status_code == 200
    assert provider.count("/records", 401) == 0


def test_a_wrong_password_is_asked_for_once_more(client, run, provider):
    provider.password = ("ann", "right")
    run.account[0].identifier, run.account[0].secret = "ann", "wrong"
    with fast_login(PasswordAuthenticator), HttpSource(provider.address, BasicLogin(client, run)) as source:
        FrontEnd(client, run.id).enter_password("ann", "right")
        assert source.get("/records").status_code == 200
    assert client.api.get_item(run.id)[0]["status"] == "started"


def test_an_expired_token_is_renewed_and_both_new_ones_are_stored_before_use(client, run, provider):
    with_tokens(client, run, provider)
    provider.expire_token()
    stored_at_use = []
    answer = provider.answer

    def watch(method, path, query, headers, body):
        if path == "/records":
            stored_at_use.append(client.api.get_item(run.account[0].id)[0]["accessToken"] == headers["authorization"].split()[1])
        return answer(method, path, query, headers, body)

    provider.answer = watch
    with HttpSource(provider.address, OAuthLogin(authenticator(client, run, provider))) as source:
        source.get("/records")
    stored = client.api.get_item(run.account[0].id)[0]
    assert (stored["accessToken"], stored["refreshToken"]) == (provider.access_token, provider.refresh_token)
    assert stored_at_use == [True, True] and provider.count("/token") == 1
    updates = [payload for endpoint, payload in client.api.requests if endpoint == "update_item" and "refreshToken" in payload]
    assert "accessToken" in updates[-1]  # both in one update


def test_a_token_that_another_run_renewed_is_taken_and_no_refresh_token_is_spent(client, run, provider):
    account = with_tokens(client, run, provider)
    provider.access_token = "renewed elsewhere"
    client.api.items[account.id]["accessToken"] = "renewed elsewhere"
    with HttpSource(provider.address, OAuthLogin(authenticator(client, run, provider))) as source:
        source.get("/records")
    assert provider.count("/token") == 0


def test_tokens_that_cannot_be_stored_are_not_used(client, run, provider, monkeypatch):
    with_tokens(client, run, provider)
    provider.expire_token()

    def refuse(json):
        raise PodError(503, "locked")

    monkeypatch.setattr(client.api, "_do_update_item", refuse)
    with (
        HttpSource(provider.address, OAuthLogin(authenticator(client, run, provider))) as source,
        pytest.raises(LoginNeeded, match="stored"),
    ):
        source.get("/records")
    assert provider.count("/records", 200) == 0


def test_the_owner_is_asked_when_the_refresh_token_is_dead(client, run, provider):
    with_tokens(client, run, provider)
    provider.expire_token()
    provider.refresh_token = "another"
    with fast_login(OAuthAuthenticator), HttpSource(provider.address, OAuthLogin(authenticator(client, run, provider))) as source:
        FrontEnd(client, run.id).enter_code("code")
        assert source.get("/records").status_code == 200
    assert client.api.get_item(run.account[0].id)[0]["accessToken"] == provider.access_token


def test_a_token_is_renewed_before_it_expires(client, run, provider):
    with_tokens(client, run, provider)
    login = OAuthLogin(authenticator(client, run, provider))
    login.store({"access_token": provider.access_token, "expires_in": 30})
    login.headers()
    assert provider.count("/token") == 1


def test_a_refresh_that_fails_in_passing_costs_no_refresh_token(client, run, provider):
    account = with_tokens(client, run, provider)
    provider.expire_token()
    provider.fail_next(Fault(), Fault(reset=True))
    with HttpSource(provider.address, OAuthLogin(authenticator(client, run, provider)), retry=Retry(first_pause_seconds=0.01)) as source:
        assert source.get("/records").status_code == 200
    assert provider.count("/token") == 2 and client.api.get_item(account.id)[0]["refreshToken"] == provider.refresh_token
