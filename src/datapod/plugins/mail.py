"""Mail: messages from an mbox file, a Maildir or an IMAP server, with their attachments, their correspondents and their threads.

    datapod plugin run datapod.plugins.mail:MailPlugin     (configuration: docs/mail.md)

mail.py             the plugin; a message as an item with edges; what the pod has already
mail_files.py       mbox files and Maildir folders
mail_imap.py        IMAP folders
mail_login.py       passwords and access tokens
mail_message.py     from bytes to what a person reads
mail_text.py        character sets and HTML

A message is one item however many folders hold a copy: its id follows from its Message-ID. Each folder has a cursor.
"""

# ruff: noqa: N815 - names on the wire

from __future__ import annotations

import abc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from datapod import schema
from datapod.client import PodClient
from datapod.connectors import CURSOR_RIGHTS, BasicLogin, BrokenRecord, Connector, Entry, FatalError, OAuthLogin, Record, Stream, record_id
from datapod.connectors.record import Link
from datapod.driver import parse_config
from datapod.item import Item
from datapod.plugins.mail_message import BrokenMessage, ParsedMessage, parse_message
from datapod.schema import Account, File, MessageChannel
from datapod.values import milliseconds

if TYPE_CHECKING:
    from datapod.plugins.mail_imap import Mailbox
    from datapod.plugins.mail_login import Login

SCOPE = "email"
"""A Message-ID is unique in the world, so all folders of all mailboxes share the items."""
SERVICE = "email"
NEVER_READ = ("\\Junk", "\\Trash")
"""Folders that are left out unless they are asked for by name: what they are used for, as servers mark it (RFC 6154)."""

Json = dict[str, Any]


class EmailMessage(schema.EmailMessage):
    """The built-in type, and what it answers: a message that arrives after its answers finds them by this."""

    inReplyTo: str | None = None
    """Message-ID of the message answered."""


class MailPlugin(Connector):
    """Imports mail from files (`path`) or from a server (`host`).

    Args:
        path: An mbox file, a Maildir, or a folder that holds such.
        host: Name of an IMAP server.
        port: 993 for `tls` and 143 otherwise, if left out.
        user: Name at the server. Without one, name and password are those of the run's account; the owner is asked for missing ones.
        password: Of that user.
        security: `tls`, `starttls`, or `none` (only to this machine: a password would be readable on the way).
        certificates: A file with certificates to trust, besides those that the system trusts.
        oauth: Log in by access tokens (XOAUTH2) of a provider: an object, or its JSON text, with `authorize_url`, `token_url`, `client_id`,
            `scope`, `redirect_uri` and perhaps `client_secret`. Needs `user`, and takes no password.
        folders: Names of the folders to import, as a list or separated by commas; all if left out.
        leave_out: Folders to leave out, by name or by use (`\\Junk`).

    Raises:
        ValueError: Options that make no sense together.
    """

    service: ClassVar[str] = "mail"
    schema_classes: ClassVar[list[type[Item]]] = [EmailMessage, Account, File, MessageChannel]
    permissions: ClassVar[Mapping[str, Any] | None] = {
        "read": {**CURSOR_RIGHTS, "EmailMessage": "*", "Account": "*", "File": "*", "MessageChannel": "*"},
        "write": {**CURSOR_RIGHTS, "EmailMessage": "*", "Account": "*", "File": "*", "MessageChannel": "*"},
        "edges": dict.fromkeys(("sender", "receiver", "cc", "bcc", "replyTo", "message", "messageChannel", "file"), "write"),
        "files": "write",
        "network": "outbound",
    }

    def __init__(
        self,
        path: str = "",
        host: str = "",
        port: int = 0,
        user: str = "",
        password: str = "",
        security: str = "tls",
        certificates: str = "",
        oauth: Any = None,
        folders: Any = (),
        leave_out: Any = NEVER_READ,
        **keywords: Any,
    ) -> None:
        super().__init__(**keywords)
        if bool(path) == bool(host):
            raise ValueError("MailPlugin needs either 'path' (an mbox file, a Maildir or a folder of such) or 'host' (an IMAP server)")
        self.path = path
        self.folders = _names(folders, "folders")
        self.leave_out = _names(leave_out, "leave_out")
        self.shelf = Shelf(self.client)
        self.mailbox: Mailbox | None = None
        if host:
            from datapod.plugins.mail_imap import Mailbox, Place

            self.mailbox = Mailbox(
                Place(host, port, security, certificates), self._login(user, password, parse_config(oauth)), type(self).retry
            )

    def _login(self, user: str, password: str, oauth: Mapping[str, str]) -> Login:
        from datapod.plugins.mail_login import AccountLogin, GivenLogin, TokenLogin, TokenProvider

        if not (user and password) and self.pluginRun is None:
            raise ValueError("MailPlugin needs 'user' and 'password', or a run whose account has them")
        if oauth:
            if not user or password:
                raise ValueError("MailPlugin needs 'user' and no 'password' besides 'oauth'")
            return TokenLogin(user, OAuthLogin(TokenProvider(self.client, self.pluginRun, oauth)))
        if bool(user) != bool(password):
            raise ValueError("MailPlugin needs 'user' and 'password' together, or neither: then those of the run's account are used")
        return GivenLogin(user, password) if user else AccountLogin(BasicLogin(self.client, self.pluginRun))

    def streams(self) -> Iterable[Stream]:
        """One stream per folder."""
        uses: dict[str, set[str]] = {}
        found: Sequence[MailFolder]
        if self.mailbox is None:
            from datapod.plugins.mail_files import file_streams

            found = file_streams(Path(self.path), self.shelf)
        else:
            from datapod.plugins.mail_imap import ImapFolder

            uses = self.mailbox.folders()
            found = [ImapFolder(self.mailbox, name, self.shelf) for name in uses]
        missing = set(self.folders) - {folder.folder for folder in found}
        if missing:
            there = ", ".join(sorted(folder.folder for folder in found))
            raise FatalError(f"There is no folder {', '.join(sorted(missing))}; there are: {there}")
        if self.folders:
            return [folder for folder in found if folder.folder in self.folders]
        return [folder for folder in found if not {folder.folder, *uses.get(folder.folder, ())} & set(self.leave_out)]

    def teardown(self) -> None:
        """Leave the server."""
        if self.mailbox is not None:
            self.mailbox.close()
        super().teardown()


def _names(value: Any, name: str) -> tuple[str, ...]:
    """Folder names from a list, or from text as a form delivers it."""
    if isinstance(value, str):
        return tuple(entry.strip() for entry in value.split(",") if entry.strip())
    if isinstance(value, (list, tuple)) and all(isinstance(entry, str) for entry in value):
        return tuple(value)
    raise ValueError(f"MailPlugin.{name} is a list of folder names, or text with commas between them, not {value!r}")


class Letter(NamedTuple):
    """A message as a folder holds it."""

    place: str
    """Where it lies, for reports: `uid 17`."""
    raw: bytes
    received: datetime | None = None
    """When it came into the folder, for messages that do not say themselves."""
    is_starred: bool | None = None


class MailFolder(Stream, abc.ABC):
    """A folder with messages. Sub-classes read it; this class makes items of what they find."""

    def __init__(self, name: str, folder: str, shelf: Shelf) -> None:
        super().__init__(name, SCOPE)
        self.folder = folder
        """Its name as the owner knows it."""
        self.shelf = shelf

    def entries(self, letters: Sequence[Letter]) -> Iterator[Entry]:
        """What these letters become: a record for each, or a report that it is broken. One that the owner deleted stays deleted."""
        parsed: list[tuple[Letter, ParsedMessage]] = []
        for letter in letters:
            try:
                parsed.append((letter, parse_message(letter.raw)))
            except BrokenMessage as error:
                yield BrokenRecord(f"{self.name} {letter.place}", str(error))
        copies = self.shelf.identify([(message.key, message.sent) for _, message in parsed])
        answers = self.shelf.answers([message.key for (_, message), copy in zip(parsed, copies, strict=True) if copy.is_new])
        for (letter, message), copy in zip(parsed, copies, strict=True):
            if self.shelf.has(copy):
                yield from self.known(copy, letter.is_starred)
            else:
                self.shelf.put(copy, message.parent_key)
                yield self._record(letter, message, copy, [*answers.get(message.key, ()), *self.shelf.waiting(message.key)])

    def known(self, copy: Copy, is_starred: bool | None) -> Iterator[Record]:
        """A message that the pod has: it lies in this folder too, and perhaps its star is new. Nothing if the owner deleted it."""
        if not copy.is_deleted:
            record = Record(copy.external_id, EmailMessage(externalId=copy.key, starred=is_starred))
            self._file_under(record)
            yield record

    def _file_under(self, record: Record) -> None:
        channel = MessageChannel(name=self.folder, service=SERVICE, externalId=self.name)
        record.share("messageChannel", channel, "email folder", self.name)

    def _record(self, letter: Letter, message: ParsedMessage, copy: Copy, answers: Iterable[str]) -> Record:
        received = message.received or letter.received
        item = EmailMessage(
            externalId=copy.key,
            service=SERVICE,
            subject=message.subject,
            title=message.subject,
            # A message without a date would be lost in every list that is sorted by it.
            dateSent=message.sent or received,
            dateReceived=received or message.sent,
            content=message.text if message.html is None else message.html,
            textContent=message.text,
            inReplyTo=message.parent_key,
            starred=letter.is_starred,
        )
        record = Record(copy.external_id, item)
        for edge, addresses in message.addresses.items():
            for address, name in addresses:
                account = Account(handle=address, displayName=name, service=SERVICE, externalId=address)
                record.share(edge, account, "email", address)
        for attachment in message.attachments:
            file = record.add_file("file", attachment.content, attachment.filename)
            file.itemDescription = f"cid:{attachment.content_id}" if attachment.content_id else None
        self._file_under(record)
        if message.parent_key:
            record.link("message", message.parent_key)
        for answer in answers:
            record.links.append(Link(EmailMessage(id=answer), "message", item))
        return record


class Copy(NamedTuple):
    """Which message a letter is a copy of."""

    external_id: str
    key: str
    is_new: bool
    is_deleted: bool


class Shelf:
    """The messages that the pod has, and those that this run has put there; shared by all folders of a run."""

    def __init__(self, client: PodClient) -> None:
        self._client = client
        self._put: set[str] = set()
        self._sent_ms: dict[str, int] = {}
        """Date of the message that owns a key, for those of this run."""
        self._waiting: dict[str, list[str]] = {}
        """Key of a message to the ids of its answers of this run, which the pod may not have yet."""

    def identify(self, letters: Sequence[tuple[str, datetime | None]]) -> list[Copy]:
        """Which messages these are, by key and date.

        Some programs give all their messages one Message-ID: another date under a known id is another message, and gets a name of its own.
        """
        found = self._find([key for key, _ in letters])
        names: list[str] = []
        for key, sent in letters:
            owner_ms = self._sent_ms.get(key, found.get(key, {}).get("dateSent"))
            sent_ms = None if sent is None else milliseconds(sent)
            is_same = sent is None or owner_ms in (None, sent_ms)
            names.append(key if is_same or sent is None else f"{key} {sent.isoformat()}")
            if sent_ms is not None and owner_ms is None:
                self._sent_ms[key] = sent_ms
        found |= self._find([name for name in names if name not in found])
        return [
            Copy(name, key, name not in found, bool(found.get(name, {}).get("deleted")))
            for name, (key, _) in zip(names, letters, strict=True)
        ]

    def has(self, copy: Copy) -> bool:
        return not copy.is_new or copy.external_id in self._put

    def put(self, copy: Copy, parent_key: str | None) -> None:
        """This run has handed out the record of that message."""
        self._put.add(copy.external_id)
        if parent_key is not None:
            self._waiting.setdefault(parent_key, []).append(record_id(SCOPE, copy.external_id))

    def answers(self, keys: Sequence[str]) -> dict[str, list[str]]:
        """Ids of the messages of the pod that answer these."""
        searches = [{"type": "EmailMessage", "inReplyTo": key, "deleted": False} for key in keys]
        found = self._client.api.bulk(search=searches)["search"] if keys else []
        return {key: [str(json["id"]) for json in result] for key, result in zip(keys, found, strict=True)}

    def waiting(self, key: str) -> list[str]:
        """Ids of those of this run, which the pod may not have yet."""
        return self._waiting.get(key, [])

    def _find(self, names: Sequence[str]) -> dict[str, Json]:
        ids = {record_id(SCOPE, name): name for name in names}
        searches = [{"id": item_id, "deleted": deleted} for item_id in ids for deleted in (False, True)]
        results = self._client.api.bulk(search=searches)["search"] if searches else []
        return {ids[json["id"]]: json for result in results for json in result}
