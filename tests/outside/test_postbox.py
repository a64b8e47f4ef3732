"""Mail goes out through a real relay with TLS and a login. Source: pod-protocol.md, 12."""

from __future__ import annotations

import email
import email.policy
import socket
import ssl
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from tests.conftest import launch

from datapod_server.errors import Invalid
from datapod_server.outside import Postbox, PostboxSettings
from datapod_server.server.certificate import ensure_self_signed

# The relay's TLS is implicit, which its library does not count.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
USER, PASSWORD = "pod@example.org", "relay password"


class Relay:
    """Takes messages, but for one recipient."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if address.startswith("nobody"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        return "250 OK"


class ImplicitTls(Controller):
    def factory(self) -> SMTP:
        def check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
            return AuthResult(success=(data.login, data.password) == (USER.encode(), PASSWORD.encode()))

        return SMTP(self.handler, hostname="localhost", authenticator=check, auth_required=True, auth_require_tls=False)


@pytest.fixture
def relay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Relay, int]]:
    certificate, key = tmp_path / "relay.crt", tmp_path / "relay.key"
    ensure_self_signed(certificate, key, ["localhost"])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    handler = Relay()
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    controller = ImplicitTls(handler, hostname="localhost", port=port, ssl_context=context)
    controller.start()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    yield handler, port
    controller.stop()


def postbox(port: int, **more: Any) -> Postbox:
    return Postbox(PostboxSettings(relay="localhost", port=port, user=USER, **{"password": PASSWORD, **more}))


def test_a_message_arrives_as_the_chapter_describes_it(relay: tuple[Relay, int]) -> None:
    handler, port = relay
    postbox(port, subject_prefix="Pod: ").send("ada@example.com", "Grüße", "Hello, Ada.\n")
    (message,) = handler.messages
    assert (message["From"], message["To"], message["Subject"]) == (f"Datapod <{USER}>", "ada@example.com", "Pod: Grüße")
    content = message.get_content().replace("\r\n", "\n")
    assert "automatically" in content.split("Hello")[0]
    assert content.endswith("Hello, Ada.\n")


@pytest.mark.parametrize("address", ["", "no address", "a@b@c", "ada@example.com\r\nBcc: eve@example.com", "x" * 400])
def test_wrong_addresses_are_refused(relay: tuple[Relay, int], address: str) -> None:
    handler, port = relay
    with pytest.raises(Invalid, match=r"Email (address )?error"):
        postbox(port).send(address, "s", "b")
    assert handler.messages == []


def test_a_subject_cannot_bring_headers(relay: tuple[Relay, int]) -> None:
    handler, port = relay
    with pytest.raises(Invalid, match="Email error"):
        postbox(port).send("ada@example.com", "s\r\nBcc: eve@example.com", "b")
    assert handler.messages == []


def test_what_the_relay_says_is_an_error_without_the_password(relay: tuple[Relay, int]) -> None:
    _, port = relay
    with pytest.raises(Invalid, match="Email sending error: the relay refuses the recipient"):
        postbox(port).send("nobody@example.com", "s", "b")
    with pytest.raises(Invalid, match="Email sending error") as refused:
        postbox(port, password="wrong one").send("ada@example.com", "s", "b")
    assert "wrong one" not in str(refused.value)
    with pytest.raises(Invalid, match="Email sending error"):
        postbox(1).send("ada@example.com", "s", "b")


def test_over_http_with_a_relay_and_without(relay: tuple[Relay, int], tmp_path: Path) -> None:
    handler, port = relay
    options = ["--email-smtp-relay", "localhost", "--email-smtp-port", str(port), "--email-smtp-user", USER]
    server = launch(tmp_path / "with", *options, "--email-smtp-password", PASSWORD)
    try:
        message = {"to": "ada@example.com", "subject": "s", "body": "b"}
        assert server.v4("send_email", message).json() == {}
        assert len(handler.messages) == 1
        assert server.v4("send_email", {"to": "ada@example.com", "subject": "s"}).status_code == 400
        assert server.v4("send_email", {**message, "to": "nobody@example.com"}).status_code == 400
        assert server.v4("send_email", message, database_key="0" * 64).status_code == 401
    finally:
        server.stop()
    assert PASSWORD not in server.log_file.read_text()
    without = launch(tmp_path / "without")
    try:
        assert without.v4("send_email", message).json() == {}
        forged = "2026-01-01 00:00:00 [INFO] - all is well"
        assert without.v4("send_email", {**message, "body": f"b\r\n{forged}"}).json() == {}
    finally:
        without.stop()
    assert forged in without.log_file.read_text()
    assert forged not in without.log_file.read_text().splitlines()
    assert "ada@example.com" in without.log_file.read_text()
    assert len(handler.messages) == 1
