"""From the bytes of a message to what a person reads: headers, addresses, body, attachments.

Real mail breaks every rule, so nothing here trusts a header: an unknown character set, half an encoded word, a date of the year 0 or a
part without an end cost that one value and never the message. Only bytes without any header are refused (`BrokenMessage`).

parse_message       the whole message
message_key         its identity alone, from its headers where they have one
mail_text.py        encoded words, character sets, HTML to text
"""

from __future__ import annotations

import email
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.policy import compat32
from email.utils import getaddresses, parsedate_to_datetime
from typing import NamedTuple

from datapod.plugins.mail_text import clean, decode_bytes, decode_header, html_of_text, text_of_html

MAX_BODY_CHARACTERS = 500_000
"""Of one body kept as a property; what is longer is kept whole as a file."""
ADDRESS_HEADERS = {"sender": "from", "receiver": "to", "cc": "cc", "bcc": "bcc", "replyTo": "reply-to"}
"""Edge of an EmailMessage to header of a message."""

_ID = re.compile(r"<\s*([^<>\s]+)\s*>")
_ADDRESS = re.compile(r"[^\s<>,;:\"()\[\]]+@[^\s<>,;:\"()\[\]]+")
_MAX_ID_CHARACTERS = 1_000
_MAX_NAME_CHARACTERS = 200


class BrokenMessage(ValueError):
    """Bytes that are no message; the text says why."""


class Address(NamedTuple):
    """An address in lower case and the name that stood beside it."""

    address: str
    name: str | None


class Attachment(NamedTuple):
    """A part that is no body text: an attached file, an inline picture, a signature, a forwarded message."""

    filename: str
    content: bytes
    content_id: str | None
    """What the HTML body calls it: `cid:...`."""


@dataclass(frozen=True)
class ParsedMessage:
    """A message, decoded."""

    key: str
    parent_key: str | None
    """The key of the message that this one answers."""
    subject: str
    sent: datetime | None
    received: datetime | None
    text: str
    """The body as plain text; made from the HTML where the sender gave none."""
    html: str | None
    addresses: dict[str, list[Address]]
    """By edge, see ADDRESS_HEADERS."""
    attachments: list[Attachment]


def parse_message(raw: bytes) -> ParsedMessage:
    """Decode a message.

    Raises:
        BrokenMessage: There is no header, or parts are nested beyond any sense.
    """
    try:
        # The newer policy parses headers on access and fails on some that real mail has; the old one hands out what is there.
        message = email.message_from_bytes(raw, policy=compat32)
        if not message.keys():
            raise BrokenMessage("no header at its beginning")
        headers = Headers(message)
        bodies, attachments = _contents(message)
    except RecursionError as error:
        raise BrokenMessage("its parts are nested too deeply") from error
    text, html = _joined(bodies)
    if max(len(text), len(html or "")) > MAX_BODY_CHARACTERS:
        whole, name = (text, "message.txt") if html is None else (html, "message.html")
        attachments.append(Attachment(name, whole.encode(), None))
        text, html = text[:MAX_BODY_CHARACTERS], None if html is None else html[:MAX_BODY_CHARACTERS]
    key = message_key(raw)
    parent = headers.parent_key()
    return ParsedMessage(
        key=key,
        parent_key=parent if parent != key else None,
        subject=headers.text("subject"),
        sent=headers.date("date"),
        received=headers.received(),
        text=text,
        html=html,
        addresses={edge: found for edge, name in ADDRESS_HEADERS.items() if (found := headers.addresses(name))},
        attachments=attachments,
    )


def message_key(raw: bytes) -> str:
    """What identifies a message wherever a copy of it lies: its Message-ID, else a hash of what no transport changes."""
    header, _, body = raw.replace(b"\r\n", b"\n").lstrip(b"\n").partition(b"\n\n")
    headers = headers_of(header + b"\n\n")
    found = headers.own_key()
    if found:
        return found
    stable = [headers.text(name).encode() for name in ("from", "to", "date", "subject")]
    return "sha256-" + hashlib.sha256(b"\0".join([*stable, body.rstrip()])).hexdigest()


def headers_of(raw: bytes) -> Headers:
    """The headers at the beginning of these bytes."""
    return Headers(email.message_from_bytes(raw, policy=compat32))


class Headers:
    """The headers of a message, each decoded when asked for."""

    def __init__(self, message: Message) -> None:
        self._raw: dict[str, list[str]] = {}
        for name, value in message.raw_items():
            self._raw.setdefault(name.lower(), []).append(_undecoded(value))

    def text(self, name: str) -> str:
        """The first header of that name, in one line; empty if there is none."""
        return decode_header(self._raw.get(name, [""])[0]).strip()

    def date(self, name: str) -> datetime | None:
        return _moment(self._raw.get(name, [""])[0])

    def received(self) -> datetime | None:
        """When the last server on the way took it: the topmost `Received`, which every copy of the message has."""
        return next((moment for line in self._raw.get("received", ()) if (moment := _moment(line.rpartition(";")[2]))), None)

    def own_key(self) -> str | None:
        value = self._raw.get("message-id", [""])[0].strip()
        found = _ID.search(value)
        key = found.group(1) if found else value.strip("<> ")
        return clean(key) if key and len(key) <= _MAX_ID_CHARACTERS and not re.search(r"\s", key) else None

    def parent_key(self) -> str | None:
        """The message answered: In-Reply-To (which may hold prose beside the id), else the last of References."""
        answered = (
            _ID.findall(" ".join(self._raw.get("in-reply-to", ())))[:1] or _ID.findall(" ".join(self._raw.get("references", ())))[-1:]
        )
        return clean(answered[0]) if answered and len(answered[0]) <= _MAX_ID_CHARACTERS else None

    def addresses(self, name: str) -> list[Address]:
        """Each address once, in order. A name without an address is one only where the whole header has none: `From: root`."""
        value = ", ".join(self._raw.get(name, ()))
        if "@" not in value:
            value = decode_header(value)  # some programs encode the brackets too
        found: dict[str, Address] = {}
        for display, address in _pairs(value):
            address = clean(address).strip().lower()
            if address and not re.search(r"\s", address) and ("@" in address or "@" not in value):
                shown = decode_header(display).strip(" '\"")[:_MAX_NAME_CHARACTERS]
                found.setdefault(address, Address(address, shown if shown and shown.lower() != address else None))
        return list(found.values())


def _undecoded(value: object) -> str:
    """A raw header in one line; bytes beyond ASCII, which no standard allows and many programs send, are decoded."""
    data = re.sub(r"\r?\n", "", str(value)).encode("utf-8", "surrogateescape")
    return clean(decode_bytes(data, None))


def _pairs(value: str) -> list[tuple[str, str]]:
    try:
        try:
            return getaddresses([value], strict=False)
        except TypeError:  # an older library, which is never strict
            return getaddresses([value])
    except (RecursionError, IndexError, ValueError):  # its parser gives up on some input; addresses are still to be seen
        return [("", address) for address in _ADDRESS.findall(value)]


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text.strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


# Body and attachments


class _Body:
    """One stretch of body text, in one form or in both: the parts of a `multipart/alternative` say the same thing."""

    def __init__(self) -> None:
        self.plain: list[str] = []
        self.html: list[str] = []

    def as_text(self) -> str:
        return "\n".join(self.plain) if self.plain else "\n".join(text_of_html(html) for html in self.html)

    def as_html(self) -> str:
        return "\n".join(self.html) if self.html else html_of_text("\n".join(self.plain))


def _joined(bodies: list[_Body]) -> tuple[str, str | None]:
    text = "\n".join(body.as_text() for body in bodies)
    html = "\n".join(body.as_html() for body in bodies) if any(body.html for body in bodies) else None
    return text, html


def _contents(message: Message) -> tuple[list[_Body], list[Attachment]]:
    bodies: dict[int, _Body] = {}
    attachments: list[Attachment] = []
    for number, (part, alternative) in enumerate(_leaves(message), 1):
        kind = part.get_content_type()
        name = _filename(part)
        if _is_multipart_kind(kind):
            kind = "text/plain"  # it says it has parts and has none: what stands there is text
        if kind in ("text/plain", "text/html") and name is None and _disposition(part) != "attachment":
            body = bodies.setdefault(alternative, _Body())
            (body.html if kind == "text/html" else body.plain).append(_part_text(part))
        else:
            content_id = clean(str(part.get("content-id", ""))).strip(" <>\r\n\t") or None
            attachments.append(Attachment(name or _name_for(part, kind, number), _part_bytes(part), content_id))
    return list(bodies.values()), attachments


def _leaves(message: Message) -> Iterator[tuple[Message, int]]:
    """Parts without parts, in order, each with a number that tells which of them say the same thing."""
    waiting: list[tuple[Message, int | None]] = [(message, None)]
    while waiting:
        part, alternative = waiting.pop()
        kind = part.get_content_type()
        if part.is_multipart() and _is_multipart_kind(kind):
            if alternative is None and kind == "multipart/alternative":
                alternative = id(part)
            children = [(child, alternative) for child in part.get_payload() if isinstance(child, Message)]
            waiting += reversed(children)
        else:
            yield part, id(part) if alternative is None else alternative


def _is_multipart_kind(kind: str) -> bool:
    return kind.startswith("multipart/")


def _disposition(part: Message) -> str:
    return str(part.get("content-disposition", "")).partition(";")[0].strip().lower()


def _part_bytes(part: Message) -> bytes:
    """The content of a part as sent; that of a forwarded message or a delivery report is its text."""
    if part.is_multipart():
        return b"\n".join(_written(child) for child in part.get_payload() if isinstance(child, Message))
    decoded = part.get_payload(decode=True)
    return decoded if isinstance(decoded, bytes) else b""


def _written(message: Message) -> bytes:
    """A message inside of a message, as text again."""
    try:
        return message.as_bytes()
    except (ValueError, LookupError, TypeError):  # the library cannot write everything that it reads; then without its encodings
        lines = (f"{name}: {_undecoded(value)}" for name, value in message.raw_items())
        return "\n".join([*lines, "", ""]).encode("utf-8", "replace") + _part_bytes(message)


def _part_text(part: Message) -> str:
    text = decode_bytes(_part_bytes(part), _parameter(part, "charset", "content-type"))
    return clean(text.replace("\r\n", "\n"))


def _parameter(part: Message, name: str, header: str) -> str | None:
    try:
        value = part.get_param(name, header=header)
    except (ValueError, LookupError, TypeError):  # an odd continuation or encoding of the parameter
        return None
    if isinstance(value, tuple):  # RFC 2231: character set, language, percent-decoded text
        charset, _, encoded = value
        return decode_bytes(encoded.encode("latin-1", "replace"), charset or None)
    return None if value is None else str(value)


def _filename(part: Message) -> str | None:
    """The name of an attached file: its last path component, without control characters; None if it has none."""
    given = _parameter(part, "filename", "content-disposition") or _parameter(part, "name", "content-type")
    if not given:
        return None
    name = decode_header(_undecoded(given))
    name = re.sub(r"[\x00-\x1f\x7f]", "", name.replace("\\", "/").rstrip("/").rpartition("/")[2]).strip(" '\"")
    if name in ("", ".", ".."):
        return None
    stem, dot, ending = name.rpartition(".")
    return name if len(name) <= _MAX_NAME_CHARACTERS else f"{stem[: _MAX_NAME_CHARACTERS - 20]}{dot}{ending[:19]}"


_ENDINGS = {
    "text/plain": ".txt",
    "text/html": ".html",
    "text/calendar": ".ics",
    "text/rfc822-headers": ".txt",
    "message/rfc822": ".eml",
    "message/delivery-status": ".txt",
    "message/disposition-notification": ".txt",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/gif": ".gif",
    "application/pdf": ".pdf",
    "application/pkcs7-mime": ".p7m",
    "application/pkcs7-signature": ".p7s",
    "application/pgp-encrypted": ".asc",
    "application/pgp-signature": ".asc",
}


def _name_for(part: Message, kind: str, number: int) -> str:
    """A name for a file that came without one: what it is, and its place in the message."""
    main = kind.partition("/")[0]
    return f"{main if main.isalpha() and main.isascii() else 'part'}-{number}{_ENDINGS.get(kind, '.bin')}"
