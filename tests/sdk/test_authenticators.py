"""Login dialogues: the plugin asks over the run, the front end answers over the account."""

from __future__ import annotations

import threading
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from tests.sdk.oauth_provider import oauth_provider

from datapod import Account, OAuthAuthenticator, PasswordAuthenticator, PluginRun, PodClient
from datapod.examples.plugins import ExampleOAuthAuthenticator, MyOAuthPlugin, MyPasswordPlugin
from datapod.testing import FrontEnd, fast_login, run_for_test


@pytest.fixture(autouse=True)
def quick():
    with fast_login(OAuthAuthenticator, PasswordAuthenticator):
        yield


@pytest.fixture
def provider():
    with oauth_provider() as running:
        yield running


def new_run(client, with_account=True):
    run, account = PluginRun("none", "a.b", "MyPlugin"), Account(service="s")
    edges = [run.add_edge("account", account)] if with_account else []
    client.bulk_action(create_items=[run, account], create_edges=edges)
    return run


def browser_login(api, run_id):
    """The user's front end: opens the address that the run shows, follows the redirects, brings the code back."""

    def log_in():
        pause = threading.Event()
        while (run := api.get_item(run_id)[0]).get("status") != "userActionNeeded":
            pause.wait(0.01)
        answer = httpx.get(run["authUrl"], follow_redirects=True)
        assert len(answer.history) == 2
        code = parse_qs(urlsplit(str(answer.url)).query)["code"][0]
        (account,) = [edge["item"] for edge in api.get_edges(run_id)]
        api.update_item({"id": account["id"], "code": code})
        api.update_item({"id": run_id, "status": "ready"})

    thread = threading.Thread(target=log_in, daemon=True)
    thread.start()
    return thread


def plugin_for(provider):
    class Authenticator(ExampleOAuthAuthenticator):
        SERVICE_URL = provider.address

        def get_oauth_url(self):
            return f"{super().get_oauth_url()}&redirect_uri={provider.address}/front-end"

    return type("Plugin", (MyOAuthPlugin,), {"authenticator": Authenticator, "__module__": MyOAuthPlugin.__module__})


def test_an_oauth_plugin_runs_against_a_provider_with_redirects(client, pod, provider, monkeypatch):
    seen = []
    monkeypatch.setattr(pod, "requests", seen)
    plugin_class = plugin_for(provider)
    waiting = threading.Thread(target=lambda: browser_login(pod, _new_id(pod)).join(), daemon=True)
    waiting.start()
    plugin = run_for_test(plugin_class, client=client)
    account = plugin.pluginRun.account[0]
    assert account.accessToken in provider.access_tokens and account.secret == account.accessToken
    stored = pod.items[account.id]
    assert (stored["accessToken"], stored["refreshToken"], "code" in stored) == (account.accessToken, "good refresh token", False)
    assert (plugin.pluginRun.status, pod.items[plugin.pluginRun.id].get("authUrl")) == ("done", None)
    assert [item["age"] for item in pod.items.values() if item["type"] == "MyItem"] == [10, 20]


def _new_id(pod):
    pause = threading.Event()
    while not (found := [item["id"] for item in list(pod.items.values()) if item["type"] == "PluginRun"]):
        pause.wait(0.01)
    return found[0]


class Fixed(OAuthAuthenticator):
    def get_oauth_url(self):
        return "http://service.example"

    def get_tokens_from_code(self, code):
        return {"access_token": f"token for {code}"}

    def refresh_tokens(self, refreshToken):
        raise ValueError("expired")


def test_a_token_that_still_works_is_kept(client):
    run = new_run(client)
    run.account[0].accessToken = "old"
    auth = type("Verified", (Fixed,), {"verify_access_token": lambda self, token: token == "old"})(client, run)
    auth.authenticate()
    assert run.account[0].secret == "old" and run.status is None


def test_a_refresh_token_spares_the_user(client):
    run = new_run(client)
    run.account[0].refreshToken = "r"
    auth = type("Refreshing", (Fixed,), {"refresh_tokens": lambda self, token: {"access_token": f"from {token}"}})(client, run)
    auth.authenticate()
    assert (run.account[0].accessToken, run.account[0].refreshToken) == ("from r", "r")


def test_in_test_mode_nobody_is_asked(client, pod):
    run = new_run(client)
    run.account[0].refreshToken = "expired"
    auth = Fixed(client, run)
    auth.isTest = True
    auth.authenticate()
    assert run.account[0].secret == "token for dummy_code"


def test_ready_without_a_code_asks_again(client, pod):
    run = new_run(client)
    first = FrontEnd(client, run.id).enter_code("")
    thread = threading.Thread(target=lambda: (first.join(), FrontEnd(client, run.id).enter_code("c").join()), daemon=True)
    thread.start()
    Fixed(client, run).authenticate()
    assert run.account[0].accessToken == "token for c"


def test_an_override_that_waits_itself_gives_the_code(client):
    run = new_run(client)
    auth = type("Waiting", (Fixed,), {"present_url_to_user": lambda self, url: "typed"})(client, run)
    auth.authenticate()
    assert run.account[0].secret == "token for typed"


def test_cancelling_in_the_front_end_ends_the_login(client, pod):
    run = new_run(client)
    thread = threading.Thread(target=lambda: _when_asked(pod, run.id, {"status": "error", "error": "no thanks"}), daemon=True)
    thread.start()
    with pytest.raises(Exception, match=r"Error in plugin.authenticators.oauth no thanks"):
        Fixed(client, run).authenticate()


def test_a_login_that_takes_too_long_fails_the_run(client, pod):
    run = new_run(client)
    slow = type("Slow", (Fixed,), {"MAX_POLL_TIME": 0.05})
    with pytest.raises(RuntimeError, match="max time reached"):
        slow(client, run).authenticate()
    assert pod.items[run.id]["status"] == "error"


def test_a_run_without_account_gets_one(client, pod):
    run = new_run(client, with_account=False)
    auth = Fixed(client, run)
    auth.isTest = True
    auth.authenticate()
    assert run.account[0].service == "MyPlugin" and len(pod.edges) == 1


def test_the_password_plugin_logs_in_with_stored_credentials(client, capsys):
    plugin = run_for_test(MyPasswordPlugin, account=Account(identifier="me", secret="pw"), client=client)
    assert capsys.readouterr().out == "running\nlogging in with account me and password pw\n"
    assert plugin.pluginRun.status == "done"


class Checked(PasswordAuthenticator):
    def get_token(self, username, password):
        return f"token of {username}" if password == "right" else None


def test_wrong_credentials_are_asked_for_again_and_right_ones_are_stored(client, pod, capsys):
    run = new_run(client)
    run.account[0].identifier, run.account[0].secret = "ann", "old"
    first = FrontEnd(client, run.id).enter_password("ann", "wrong")
    threading.Thread(target=lambda: (first.join(), FrontEnd(client, run.id).enter_password("ann", "right").join()), daemon=True).start()
    assert Checked(client, run).authenticate() == "token of ann"
    assert pod.items[run.account[0].id]["secret"] == "right" and run.status == "started"
    assert len(run.view) == 1 and "setProperty" in run.view[0].definition
    assert "wrong" not in capsys.readouterr().out


def test_wrong_credentials_too_often_fail_the_run(client, pod):
    run = new_run(client)

    def answer():
        for number in range(3):
            FrontEnd(client, run.id).enter_password("ann", f"wrong {number}").join()

    threading.Thread(target=answer, daemon=True).start()
    with pytest.raises(RuntimeError, match=r"Reached max login attempts."):
        Checked(client, run).authenticate()
    assert (pod.items[run.id]["status"], run.account[0].errorMessage) == ("error", "Reached max login attempts.")


def test_a_callback_decides_about_credentials_too(client, capsys):
    run = new_run(client)
    first = FrontEnd(client, run.id).enter_password("ann", "wrong")
    threading.Thread(target=lambda: (first.join(), FrontEnd(client, run.id).enter_password("ann", "right").join()), daemon=True).start()

    def log_in(username, password):
        if password != "right":
            raise ValueError("refused")
        return username

    assert PasswordAuthenticator(client, run).authenticate(log_in) == "ann"
    assert capsys.readouterr().out == "Login failed, invalid credentials.\nERROR: refused\n"
    assert run.account[0].errorMessage == "Reached max login attempts. 2 attempts remaining"


def _when_asked(pod, run_id, change):
    pause = threading.Event()
    while pod.get_item(run_id)[0].get("status") != "userActionNeeded":
        pause.wait(0.01)
    pod.update_item({"id": run_id, **change})


def test_the_front_end_of_the_command_line_writes_the_account_first(pod):
    from datapod.authenticators.password import set_account_credentials

    client = PodClient(api=pod)
    run = new_run(client)
    set_account_credentials(client, run.id, "ann", "pw")
    assert [payload.get("status") for name, payload in pod.requests if name == "update_item"] == [None, "ready"]
