"""What an owner does with plugins at a terminal: log in, narrow, look at the record, make a new one."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.conftest import RunningServer, wait_until
from tests.sdk.oauth_provider import oauth_provider

from datapod import Account, OAuthAuthenticator, PasswordAuthenticator, PluginRun, PodClient
from datapod.examples.plugins import ExampleOAuthAuthenticator
from datapod.testing import fast_login


def client_of(server: RunningServer) -> PodClient:
    return PodClient(server.address, database_key=server.database_key, owner_key=server.owner_key)


def datapod(server: RunningServer, *arguments: str, typed: str = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = server.environment | {"POD_ADDRESS": server.address}
    command = [sys.executable, "-m", "datapod", *arguments]
    return subprocess.run(command, env=environment, input=typed, capture_output=True, text=True, timeout=60, check=False, cwd=cwd)


def started_run(client: PodClient, module: str = "a.b", name: str = "MyPlugin") -> PluginRun:
    run, account = PluginRun("none", module, name), Account(service="boats")
    assert client.bulk_action(create_items=[run, account], create_edges=[run.add_edge("account", account)])
    return run


def in_background(work: Any) -> tuple[threading.Thread, list[Any]]:
    results: list[Any] = []

    def carry_out() -> None:
        try:
            results.append(work())
        except Exception as error:
            results.append(error)

    thread = threading.Thread(target=carry_out, daemon=True)
    thread.start()
    return thread, results


def waits(client: PodClient, run_id: str) -> bool:
    return client.api.get_item(run_id)[0].get("status") == "userActionNeeded"


class Login(PasswordAuthenticator):
    tried: list[tuple[str, str]] = []

    def get_token(self, username: str, password: str) -> Any:
        self.tried.append((username, password))
        return "token" if password == "right one" else None


def test_login_asks_for_name_and_password_until_they_are_right(server: RunningServer) -> None:
    plugin, looker = client_of(server), client_of(server)
    run = started_run(plugin)
    with fast_login(PasswordAuthenticator):
        thread, results = in_background(lambda: Login(plugin, run).authenticate())
        wait_until(lambda: waits(looker, run.id), what="the question")
        done = datapod(server, "plugin", "login", run.id, typed="ada\nwrong one\nada\nright one\n")
        thread.join(20)
    assert results == ["token"]
    assert done.returncode == 0, done.stderr
    assert "User name at boats" in done.stdout
    assert Login.tried[-2:] == [("ada", "wrong one"), ("ada", "right one")]
    assert done.stdout.strip().endswith("started")


def test_login_shows_the_address_and_takes_the_code(server: RunningServer) -> None:
    plugin, looker = client_of(server), client_of(server)
    with oauth_provider() as provider, fast_login(OAuthAuthenticator):
        run = started_run(plugin, name="MyOAuthPlugin")
        thread, results = in_background(lambda: _authenticator(provider, plugin, run).authenticate())
        wait_until(lambda: waits(looker, run.id), what="the question")
        answer = httpx.get(looker.api.get_item(run.id)[0]["authUrl"], follow_redirects=True)
        done = datapod(server, "plugin", "login", run.id, "--paste", typed=f"not a code\n{answer.url}\n")
        thread.join(20)
        assert results == [None], results
        assert done.returncode == 0, done.stderr
        assert run.account[0].accessToken in provider.access_tokens
    assert "authorize" in done.stdout
    assert "neither a code" in done.stderr


def test_login_catches_the_way_back_to_this_machine(server: RunningServer) -> None:
    plugin, looker = client_of(server), client_of(server)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    class Authenticator(OAuthAuthenticator):
        def get_oauth_url(self) -> str:
            return f"https://service.example/authorize?redirect_uri=http%3A%2F%2F127.0.0.1%3A{port}%2Fback"

        def get_tokens_from_code(self, code: str) -> dict[str, str]:
            return {"access_token": f"token for {code}"}

        def refresh_tokens(self, refreshToken: str) -> dict[str, str]:
            return {}

    with fast_login(OAuthAuthenticator):
        run = started_run(plugin)
        thread, results = in_background(lambda: Authenticator(plugin, run).authenticate())
        wait_until(lambda: waits(looker, run.id), what="the question")
        command, outcome = in_background(lambda: datapod(server, "plugin", "login", run.id))

        def sent_back() -> bool:
            try:
                return httpx.get(f"http://127.0.0.1:{port}/back?code=abc123").status_code == 200
            except httpx.TransportError:
                return False

        wait_until(sent_back, seconds=30, what="the way back")
        thread.join(20)
        command.join(30)
    assert results == [None], results
    assert run.account[0].accessToken == "token for abc123"
    assert outcome[0].returncode == 0
    assert "abc123" not in outcome[0].stdout + outcome[0].stderr


def _authenticator(provider: Any, client: PodClient, run: PluginRun) -> OAuthAuthenticator:
    class Authenticator(ExampleOAuthAuthenticator):
        SERVICE_URL = provider.address

        def get_oauth_url(self) -> str:
            return f"{super().get_oauth_url()}&redirect_uri={provider.address}/front-end"

    return Authenticator(client, run)


def test_nothing_to_log_in_for_and_unknown_runs(server: RunningServer) -> None:
    client = client_of(server)
    run = started_run(client)
    done = datapod(server, "plugin", "login", run.id)
    assert (done.returncode, "does not wait" in done.stdout) == (0, True)
    assert datapod(server, "plugin", "login", "unknown1").returncode == 1


def test_grants_and_the_record(server: RunningServer, tmp_path: Path) -> None:
    client = client_of(server)
    rights = tmp_path / "rights.json"
    rights.write_text('{"read": {"Note": "*"}}')
    assert datapod(server, "plugin", "grant", "boats.old:Old", str(rights)).returncode == 0
    run = started_run(client, "boats.old", "Old")
    done = datapod(server, "plugin", "audit", run.id)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["granted", "touched", "refused"]
    assert json.loads(datapod(server, "plugin", "audit", run.id, "--json").stdout)["id"] == run.id
    assert datapod(server, "plugin", "audit", "unknown1").returncode == 1
    assert datapod(server, "plugin", "grant", "boats.old:Old", "--remove").returncode == 0
    assert datapod(server, "plugin", "grant", "boats.old:Old").returncode == 2
    rights.write_text('{"reads": 1}')
    wrong = datapod(server, "plugin", "grant", "boats", str(rights))
    assert (wrong.returncode, "Invalid permissions" in wrong.stderr) == (1, True)


def test_a_new_plugin_works_and_passes_its_tests(server: RunningServer, tmp_path: Path) -> None:
    done = datapod(server, "plugin", "new", "my-boats", "--target", str(tmp_path))
    assert done.returncode == 0, done.stderr
    project = tmp_path / "my-boats"
    tests = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert tests.returncode == 0, tests.stdout
    assert re.search(r"1 passed", tests.stdout)
    environment = {"PYTHONPATH": os.pathsep.join([str(project), *filter(None, [os.environ.get("PYTHONPATH")])])}
    command = [sys.executable, "-m", "datapod", "plugin", "run", "my_boats.plugin:MyBoats"]
    environment = server.environment | environment | {"POD_ADDRESS": server.address}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    found = server.v4("search", {"type": "Greeting"}).json()
    assert [greeting["text"] for greeting in found] == ["Hello, world!"]
    assert datapod(server, "plugin", "new", "my-boats", "--target", str(tmp_path)).returncode == 1
    assert datapod(server, "plugin", "new", "my-boats", "--target", str(tmp_path), "--force").returncode == 0


@pytest.mark.parametrize("name", ["", "1boat", "class", "a/b", "../x", "boat!"])
def test_names_that_cannot_be_packages_are_refused(server: RunningServer, tmp_path: Path, name: str) -> None:
    done = datapod(server, "plugin", "new", name, "--target", str(tmp_path))
    assert done.returncode in (1, 2)
    assert not list(tmp_path.iterdir())


def test_runs_are_started_waited_for_scheduled_and_listed(start_server: Any, tmp_path: Path) -> None:
    script = tmp_path / "boats.sh"
    script.write_text('#!/bin/sh\n[ -z "$POD_OWNER" ] || exit 0\n')
    script.chmod(0o755)
    server = start_server("--insecure-plugin-script", f"boats={script}")
    keys = {"ownerKey": server.owner_key, "databaseKey": server.database_key}
    assert server.http.post(server.address + "/v4/account", json=keys).status_code < 500
    start = ("plugin", "start", "--pod-full-address", server.address, "--plugin_path", "boats.Sails", "--unrestricted", "--yes")
    done = datapod(server, *start, "--wait")
    assert done.returncode == 0, done.stderr
    assert datapod(server, *start, "--every", "6h", "--restart", "on-failure").returncode == 0
    both = datapod(server, *start, "--every", "6h", "--cron", "* * * * *")
    assert (both.returncode, both.stderr.splitlines()[-1]) == (2, "A run has one schedule: choose one of --every, --cron")
    refused = datapod(server, *start, "--every", "1s")
    assert refused.returncode == 1
    assert "Invalid pluginSchedule: every must be from 10s to 3650d" in refused.stderr
    runs = json.loads(datapod(server, "plugin", "status", "--json").stdout)
    assert [run.get("schedule") for run in runs] == [{"every": "6h"}, None]
    table = datapod(server, "plugin", "status").stdout.splitlines()
    assert table[0].split() == ["RUN", "PLUGIN", "STATUS", "RIGHTS", "STARTED", "NEXT", "LAST", "MISSED", "FAILED"]
    assert table[2].split()[:4] == [runs[1]["id"], "boats.Sails", "done", "unrestricted"]
