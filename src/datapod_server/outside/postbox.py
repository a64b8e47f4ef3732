"""Mail through the operator's relay: one message, implicit TLS, no retry. Source: pod-protocol.md, 12; RFC 8314 for implicit TLS."""

from __future__ import annotations

import logging
import smtplib
import ssl
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from msgspec import Struct

from datapod_server.errors import Invalid

log = logging.getLogger("datapod.outside")

_TIMEOUT_SECONDS = 5.0
_NAME = "Datapod"
_NOTICE = "This message was sent automatically by a plugin of your Datapod. Please do not answer it.\n\n"


class PostboxSettings(Struct, frozen=True):
    """What the operator configured; nothing is sent unless relay, user and password are there."""

    relay: str | None = None
    port: int = 465
    user: str | None = None
    password: str | None = None
    subject_prefix: str = "Datapod plugin message: "

    def __repr__(self) -> str:
        return f"PostboxSettings({self.relay}:{self.port})"


class Postbox:
    def __init__(self, settings: PostboxSettings) -> None:
        self._settings = settings

    def send(self, to: str, subject: str, body: str) -> None:
        """Send one message; without a relay only its recipient, subject and body are logged.

        Raises:
            Invalid: `Email address error`, `Email error` for a message that cannot be built, `Email sending error` for what the relay says.
        """
        settings = self._settings
        if not (settings.relay and settings.user and settings.password):
            # Quoted: a line break that a plugin sends must not become a log line of its own (19.2).
            log.info("no mail relay is configured; message to %r: %r: %r", to, subject, body)
            return
        message = _message(settings.user, to, settings.subject_prefix + subject, body)
        context = ssl.create_default_context()  # trusts what the system does, or SSL_CERT_FILE
        try:
            with smtplib.SMTP_SSL(settings.relay, settings.port, timeout=_TIMEOUT_SECONDS, context=context) as connection:
                connection.login(settings.user, settings.password)
                connection.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            raise Invalid(f"Email sending error: the relay refuses the recipient {to}") from error
        except smtplib.SMTPAuthenticationError as error:  # its text may quote what was sent
            raise Invalid(f"Email sending error: the relay refuses the login ({error.smtp_code})") from error
        except (smtplib.SMTPException, OSError) as error:
            raise Invalid(f"Email sending error: {error}") from error


def _message(sender: str, to: str, subject: str, body: str) -> EmailMessage:
    message = EmailMessage()
    try:
        message["From"] = Address(_NAME, addr_spec=sender)
        message["To"] = Address(addr_spec=to)
    except (ValueError, IndexError, MessageError) as error:
        raise Invalid(f"Email address error: {error}") from error
    try:
        message["Subject"] = subject
        message["Date"] = formatdate()
        message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2] or "localhost")
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(_NOTICE + body)
    except (ValueError, MessageError) as error:
        raise Invalid(f"Email error: {error}") from error
    return message
