"""Mail from a real IMAP server: only what is new, through broken connections and changed numbers; and from outside against a real pod."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

import pytest
from tests.plugins import letters
from tests.plugins.dovecot_server import PASSWORD, USER, DovecotServer, is_installed
from tests.plugins.letters import letter

from datapod import PodClient
from datapod.authenticators.password import PasswordAuthenticator
from datapod.connectors import FatalError, ImportFailed, LoginNeeded, RetriableError, Retry
from datapod.connectors.suite import ConnectorSuite, live, snapshot
from datapod.plugins.mail import MailPlugin
from datapod.plugins.mail_login import TokenProvider
from datapod.schema import Account
from datapod.testing import FrontEnd, InMemoryPod, fast_login, run_for_test

PLUGIN = "datapod.plugins.mail:MailPlugin"
TYPES = ("EmailMessage", "File", "MessageChannel")

pytestmark = pytest.mark.skipif(not is_installed(), reason="needs Dovecot (Debian package dovecot-imapd) and root to start it")


@pytest.fixture
def dovecot():
    running = DovecotServer()
    yield running
    running.close()


@pytest.fixture
def pod():
    return InMemoryPod()


def run(pod, config, account=None):
    return run_for_test(MailPlugin, config, account=account, client=PodClient(api=pod))


class TestImap(ConnectorSuite):
    """The suite of the kit. What changes about a message is its star; what is removed from a mailbox stays in the pod."""

    connector = MailPlugin
    item_type = "EmailMessage"

    @pytest.fixture(autouse=True)
    def server(self, dovecot):
        self.dovecot = dovecot

    def config(self):
        return self.dovecot.config()

    def add(self, name):
        self.dovecot.put(letter(name))

    def change(self, name):
        with self.dovecot.session() as connection:
            connection.select("INBOX")
            _, found = connection.uid("SEARCH", "SUBJECT", f'"letter {name}"')
            connection.uid("STORE", found[0].decode(), "+FLAGS", "(\\Flagged)")


def test_all_folders_are_imported_and_a_copy_is_the_same_message(pod, dovecot):
    dovecot.put(*letters.ALL)
    dovecot.put(letters.PLAIN, letter("sent"), folder="Archive/2023")
    dovecot.put(letter("spam"), folder="Junk")
    plugin = run(pod, dovecot.config())
    assert plugin.report == {"created": len(letters.ALL) + 1, "updated": 1}
    assert {item["name"] for item in live(pod, "MessageChannel")} == {"INBOX", "Archive/2023"}
    assert len([edge for edge in pod.edges if edge["_name"] == "messageChannel"]) == len(letters.ALL) + 2
    assert len(pod.files) == 7
    assert run(pod, dovecot.config()).report == {}
    assert run(pod, dovecot.config(folders=["Junk"])).report == {"created": 1}
    with pytest.raises(FatalError, match="no folder Sent; there are: Archive/2023, INBOX, Junk"):
        run(pod, dovecot.config(folders="Sent"))


def test_other_numbers_change_nothing_and_no_body_is_read_again(pod, dovecot, caplog):
    dovecot.put(*letters.ALL, *(letter(f"m{number}") for number in range(30)))
    run(pod, dovecot.config())
    before, state = snapshot(pod), live(pod, "ImportCursor")[0]["cursorState"]
    dovecot.renumber()
    with caplog.at_level(logging.DEBUG, "imapclient"):
        assert run(pod, dovecot.config()).report == {"unchanged": 37}
    assert snapshot(pod) == before
    assert live(pod, "ImportCursor")[0]["cursorState"] != state
    asked = [line for line in caplog.text.splitlines() if "BODY.PEEK[]" in line]
    assert len(asked) == 1  # for the message without Message-ID
    assert run(pod, dovecot.config()).report == {}


def test_stars_follow_the_server_both_ways(pod, dovecot):
    dovecot.put(letter("one"), flags="(\\Flagged)")
    run(pod, dovecot.config())
    assert live(pod, "EmailMessage")[0]["starred"] is True
    with dovecot.session() as connection:
        connection.select("INBOX")
        connection.store("1", "-FLAGS", "(\\Flagged)")
    assert run(pod, dovecot.config()).report == {"updated": 1}
    assert live(pod, "EmailMessage")[0]["starred"] is False


def test_starttls_works_and_certificates_are_checked(pod, dovecot, monkeypatch):
    monkeypatch.setattr(MailPlugin, "retry", Retry(attempts=2, first_pause_seconds=0.01))
    dovecot.put(letter("one"))
    assert run(pod, dovecot.config(security="starttls", port=dovecot.plain_port)).report == {"created": 1}
    for more in ({"certificates": ""}, {"certificates": "", "security": "starttls", "port": dovecot.plain_port}):
        with pytest.raises(FatalError, match="certificate of localhost is not trusted"):
            run(pod, dovecot.config(**more))
    with pytest.raises(FatalError, match=r"not trusted.*127\.0\.0\.1"):  # it says that it is localhost
        run(pod, dovecot.config(host="127.0.0.1"))
    with pytest.raises(LoginNeeded, match="refuses user"):
        run(pod, dovecot.config(password="wrong"))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
    with pytest.raises(RetriableError, match="cannot be reached"):
        run(pod, dovecot.config(port=port))
    with pytest.raises(ValueError, match="readable for everybody"):
        run(pod, {"host": "imap.example.org", "user": "ann", "password": "x", "security": "none"})
    with pytest.raises(ValueError, match="'tls', 'starttls' or 'none'"):
        run(pod, {"host": "imap.example.org", "user": "ann", "password": "x", "security": "ssl"})
    with pytest.raises(ValueError, match="together"):
        run(pod, {"host": "imap.example.org", "user": "ann"})


def test_name_and_password_of_the_account_are_used_and_wrong_ones_asked_for(pod, dovecot):
    dovecot.put(letter("one"))
    config = {name: value for name, value in dovecot.config().items() if name not in ("user", "password")}
    assert run(pod, config, Account(identifier=USER, secret=PASSWORD)).report == {"created": 1}
    client = PodClient(api=pod)

    class Asked(MailPlugin):
        def streams(self):
            FrontEnd(client, self.pluginRun.id).enter_password(USER, PASSWORD)
            return super().streams()

    with fast_login(PasswordAuthenticator):
        plugin = run_for_test(Asked, config, Account(identifier=USER, secret="wrong"), client)
    assert plugin.report == {}


@contextlib.contextmanager
def token_service():
    """A provider that exchanges codes and refresh tokens, and tells the mail server whose a token is."""
    good: list[str] = []
    asked: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({"email": USER} if self.path.rpartition("=")[2] in good else None)

        def do_POST(self) -> None:
            form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            asked.append(form)
            good[:] = [f"token-{len(asked)}"]
            self._answer({"access_token": good[0], "refresh_token": f"refresh-{len(asked)}", "expires_in": 3600})

        def _answer(self, answer) -> None:
            body = json.dumps(answer or {}).encode()
            self.send_response(200 if answer else 401)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", good, asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_access_tokens_are_asked_for_once_and_renewed_when_they_are_refused(pod):
    with token_service() as (address, good, asked), contextlib.closing(DovecotServer(f"{address}/info?access_token=")) as dovecot:
        dovecot.put(letter("one"))
        provider = {"authorize_url": f"{address}/authorize", "token_url": f"{address}/token", "client_id": "datapod", "scope": "mail"}
        config = dovecot.config(oauth=provider | {"redirect_uri": "http://localhost/back"})
        del config["password"]
        client = PodClient(api=pod)

        class Asked(MailPlugin):
            def streams(self):
                FrontEnd(client, self.pluginRun.id).enter_code("code from the provider")
                return super().streams()

        account = Account()
        with fast_login(TokenProvider):
            assert run_for_test(Asked, config, account, client).report == {"created": 1}
        assert asked[0]["code"] == "code from the provider" and len(asked[0]["code_verifier"]) > 43
        good.clear()  # it expired, without anybody saying so
        dovecot.put(letter("two"))
        stored = Account(accessToken="token-1", refreshToken="refresh-1")
        assert run_for_test(MailPlugin, config, stored, client).report == {"created": 1}
        assert asked[1]["refresh_token"] == "refresh-1"
        assert (pod.items[stored.id]["accessToken"], pod.items[stored.id]["refreshToken"]) == ("token-2", "refresh-2")
        with pytest.raises(ValueError, match="oauth lacks token_url"):
            run(pod, dovecot.config(password="", oauth={**provider, "token_url": "", "redirect_uri": "x"}))
        with pytest.raises(ValueError, match="no 'password'"):
            run(pod, dovecot.config(oauth=provider))


class Cutter:
    """A line to the server that is cut after so many bytes of answers, once for each number given; afterwards it holds."""

    def __init__(self, port: int, cuts: list[int]) -> None:
        self._port, self._cuts = port, cuts
        self.cut = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._port))
            limit = self._cuts.pop(0) if self._cuts else None
            threading.Thread(target=self._pump, args=(near, far, None), daemon=True).start()
            threading.Thread(target=self._pump, args=(far, near, limit), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, limit: int | None) -> None:
        passed = 0
        try:
            while data := source.recv(4_096):
                passed += len(data)
                if limit is not None and passed > limit:
                    self.cut += 1
                    break
                target.sendall(data)
        except OSError:
            pass  # the other direction ended first
        for end in (source, target):
            with contextlib.suppress(OSError):  # it is closed already
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self) -> None:
        self._listener.close()


def test_a_connection_that_breaks_again_and_again_costs_nothing_but_time(pod, dovecot, monkeypatch):
    from datapod.plugins import mail_imap

    monkeypatch.setattr(mail_imap, "_BATCH_MESSAGES", 10)
    monkeypatch.setattr(MailPlugin, "retry", Retry(first_pause_seconds=0.01))
    dovecot.put(*letters.ALL, *(letter(f"m{number}", "x" * 2_000) for number in range(60)))
    run(pod, dovecot.config())
    other = InMemoryPod()
    cutter = Cutter(dovecot.tls_port, [500, 3_000, 20_000, 30_000, 40_000, 50_000])
    try:
        plugin = run(other, dovecot.config(port=cutter.port))
    finally:
        cutter.close()
    assert cutter.cut == 6, "the connection was not cut as often as it should have been"
    assert plugin.report["created"] == 67 and not plugin.failures
    assert snapshot(other) == snapshot(pod)


def test_a_server_that_stays_away_ends_the_stream_with_what_came_before(pod, dovecot, monkeypatch):
    from datapod.plugins import mail_imap

    monkeypatch.setattr(mail_imap, "_BATCH_MESSAGES", 10)
    monkeypatch.setattr(MailPlugin, "retry", Retry(attempts=3, first_pause_seconds=0.01))
    dovecot.put(*(letter(f"m{number}", "x" * 2_000) for number in range(60)))
    cutter = Cutter(dovecot.tls_port, [50_000, *[9_000] * 20])
    try:
        with pytest.raises(ImportFailed, match="broke 3 times in a row"):
            run(pod, dovecot.config(port=cutter.port))
    finally:
        cutter.close()
    there = len(live(pod, "EmailMessage"))
    assert 0 < there < 60
    assert run(pod, dovecot.config()).report == {"created": 60 - there}


def test_from_outside_a_killed_run_goes_on_and_nothing_is_doubled(outside, dovecot):
    dovecot.put(*letters.ALL)
    for number in range(1_500):  # straight into its storage: 1,500 requests would take long
        (dovecot.maildir / "cur" / f"{1_700_000_000 + number}.M{number}.box:2,S").write_bytes(letter(f"m{number}"))
    total = len(letters.ALL) + 1_500
    config = {name: value for name, value in dovecot.config().items() if name not in ("user", "password")}
    account = {"identifier": USER, "secret": PASSWORD}
    first = outside.start(PLUGIN, config, account)
    outside.kill_when(first, lambda: outside.server.v4("search", {"type": "EmailMessage", "_limit": 1}).json())
    there = len(outside.items("EmailMessage"))
    assert 0 < there < total
    assert f"{total - there} created" in outside.run(PLUGIN, config, account)
    before = outside.snapshot(*TYPES)
    assert len([item for item in before[0].values() if item["type"] == "EmailMessage"]) == total
    assert set(before[1].values()) == {1}
    assert "mail: nothing to import" in outside.run(PLUGIN, config, account)
    assert outside.snapshot(*TYPES) == before
    dovecot.put(letter("new"))
    assert "mail: 1 created" in outside.run(PLUGIN, config, account)


def test_from_outside_the_declared_permissions_suffice(outside, dovecot):
    dovecot.put(*letters.ALL)
    config = {name: value for name, value in dovecot.config().items() if name not in ("user", "password")}
    account = {"identifier": USER, "secret": PASSWORD}
    finished = outside.run_by_pod(PLUGIN, config, MailPlugin.permissions, account)
    assert finished["status"] == "done" and f"{len(letters.ALL)} created" in finished["log"], finished
    dovecot.put(letters.PLAIN, folder="Archive")
    finished = outside.run_by_pod(PLUGIN, config, MailPlugin.permissions, account)
    assert finished["status"] == "done" and "1 updated" in finished["log"], finished
    assert finished["progress"] == 1.0
