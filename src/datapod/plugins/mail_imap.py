"""Mail on an IMAP server (RFC 3501): which messages are new in a folder, without reading twice what the pod has.

A folder numbers its messages: UIDs only grow, as long as its UIDVALIDITY stays. So the state is that number, the last UID, and the newest
MODSEQ (RFC 7162) up to which stars are known. Where UIDVALIDITY changed, headers are read again, and bodies of unknown messages only.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import socket
import ssl
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, LoginError

from datapod.connectors import (
    BrokenRecord,
    Checkpoint,
    Entry,
    FatalError,
    LoginNeeded,
    RetriableError,
    Retry,
    State,
)
from datapod.plugins.mail import Copy, Letter, MailFolder, Shelf
from datapod.plugins.mail_login import Login
from datapod.plugins.mail_message import Headers, headers_of

logger = logging.getLogger("datapod.plugins.mail")

DROPPED = (IMAPClientAbortError, OSError)
"""The connection is gone, or never came about."""
PASSING_CODES = ("[UNAVAILABLE]", "[INUSE]", "[LIMIT]", "[OVERQUOTA]", "[THROTTLED]")
"""With which a server that is too busy says NO (RFC 5530)."""

_SECONDS = SocketTimeout(connect=30, read=120)
_LOGINS = 4
_BATCH_MESSAGES = 200
_SEARCHED_MESSAGES = 20_000
_BATCH_BYTES = 8_000_000
_HEADERS = "BODY.PEEK[HEADER.FIELDS (MESSAGE-ID DATE)]"

Fetched = Mapping[bytes, Any]
Result = TypeVar("Result")


class Place(NamedTuple):
    """Where a server is, and how the way there is protected."""

    host: str
    port: int
    security: str
    certificates: str

    def check(self) -> None:
        """Raises ValueError for a way on which others could read along."""
        if self.security not in ("tls", "starttls", "none"):
            raise ValueError(f"MailPlugin.security is 'tls', 'starttls' or 'none', not {self.security!r}")
        if not 0 <= self.port <= 65_535:
            raise ValueError(f"MailPlugin.port is a number from 1 to 65535, not {self.port}")
        if self.security == "none" and not _is_this_machine(self.host):
            raise ValueError(f"MailPlugin.security 'none' would send the password to {self.host} readable for everybody on the way")

    def connect(self) -> IMAPClient:
        """A connection without login. Certificates are verified."""
        context = ssl.create_default_context()
        if self.certificates:
            context.load_verify_locations(self.certificates)
        is_tls = self.security == "tls"
        port = self.port or (993 if is_tls else 143)
        connection = IMAPClient(self.host, port, ssl=is_tls, ssl_context=context if is_tls else None, timeout=_SECONDS)
        connection.normalise_times = False
        if self.security == "starttls":
            connection.starttls(context)
        return connection


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Mailbox:
    """An account at a server, with at most one connection, which is made when it is needed and made anew when it broke."""

    def __init__(self, place: Place, login: Login, retry: Retry) -> None:
        place.check()
        self.place = place
        self.login = login
        self.retry = retry
        self._connection: IMAPClient | None = None

    def connection(self) -> IMAPClient:
        """Logged in.

        Raises:
            RetriableError: The server could not be reached, after all attempts.
            FatalError: It cannot be trusted, or does not exist.
            LoginNeeded: It refuses the user.
        """
        if self._connection is None:
            self._connection = self.retry.call(self._open, f"connecting to {self.place.host}")
        return self._connection

    def _open(self) -> IMAPClient:
        for _ in range(_LOGINS):
            try:
                connection = self.place.connect()
            except ssl.SSLCertVerificationError as error:
                raise FatalError(
                    f"The certificate of {self.place.host} is not trusted: {error.verify_message}; 'certificates' names others to trust"
                ) from error
            except socket.gaierror as error:
                raise FatalError(f"The server {self.place.host} is not known: {error}") from error
            except DROPPED as error:
                raise RetriableError(f"{self.place.host} cannot be reached: {error}") from error
            except IMAPClientError as error:
                raise FatalError(f"{self.place.host} does not offer what is needed: {error}") from error
            try:
                self.login.enter(connection)
            except (LoginError, *DROPPED) as error:
                with contextlib.suppress(*DROPPED):
                    connection.shutdown()
                # The library takes a connection that breaks during the login for a refusal.
                if not isinstance(error, LoginError) or isinstance(error.__context__, IMAPClientAbortError) or is_passing(error):
                    raise RetriableError(f"{self.place.host} could not log in: {error}") from error
                self.login.renew()
            else:
                if connection.has_capability("ENABLE") and connection.has_capability("CONDSTORE"):
                    connection.enable("CONDSTORE")  # else a folder does not say how new its flags are
                return connection
        raise LoginNeeded(f"{self.place.host} refused the login {_LOGINS} times")

    def drop(self) -> None:
        """Forget a connection that broke."""
        if self._connection is not None:
            with contextlib.suppress(IMAPClientError, OSError):
                self._connection.shutdown()
            self._connection = None

    def close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(IMAPClientError, OSError):
                self._connection.logout()
            self._connection = None

    def folders(self) -> dict[str, set[str]]:
        """Names of the folders that can be read, with what each is used for (`\\Sent`); the one that holds everything comes last."""
        listed = self.steadily(lambda: self.connection().list_folders(), "listing the folders")
        found = {
            str(name): {flag.decode("ascii", "replace") for flag in flags}
            for flags, _, name in listed
            if not {b"\\noselect", b"\\nonexistent"} & {flag.lower() for flag in flags}
        }
        return dict(sorted(found.items(), key=lambda entry: ("\\All" in entry[1], entry[0])))

    def steadily(self, call: Callable[[], Result], what: str) -> Result:
        """The call's result; when the connection breaks meanwhile, it is made anew."""

        def attempt() -> Result:
            try:
                return call()
            except DROPPED as error:
                self.drop()
                raise RetriableError(str(error)) from error

        return self.retry.call(attempt, what)

    def address(self, folder: str) -> str:
        """What a folder is called in the world."""
        return f"imap://{quote(self.login.user(), safe='@')}@{self.place.host}/{quote(folder, safe='/')}"


def is_passing(error: Exception) -> bool:
    return any(code in str(error).upper() for code in PASSING_CODES)


class ImapFolder(MailFolder):
    """A folder on a server. State: `validity`, `uid` and, where the server has it, `modseq`."""

    def __init__(self, mailbox: Mailbox, folder: str, shelf: Shelf) -> None:
        super().__init__(mailbox.address(folder), folder, shelf)
        self.mailbox = mailbox

    def read(self, state: State) -> Iterator[Entry]:
        """Reads on from the last checkpoint when the connection breaks; gives up after some attempts without a single one."""
        failures = 0
        while True:
            try:
                for entry in self._read(state):
                    if isinstance(entry, Checkpoint):
                        state, failures = dict(entry.state), 0
                    yield entry
                return
            except IMAPClientError as error:
                # An internal error in the middle of a folder may pass too; that of a single message is told apart in `_bodies`.
                if not isinstance(error, DROPPED) and not is_passing(error) and "[SERVERBUG]" not in str(error):
                    raise FatalError(f"Folder {self.folder}: the server answers {error}") from error
                failures = self._pause(failures, error)
            except OSError as error:
                failures = self._pause(failures, error)

    def _pause(self, failures: int, error: Exception) -> int:
        self.mailbox.drop()
        failures += 1
        pause = self.mailbox.retry.pause_seconds(failures, None)
        if failures >= self.mailbox.retry.attempts or pause is None:
            raise RetriableError(f"Folder {self.folder}: the connection broke {failures} times in a row: {error}") from error
        logger.info("%s: the connection broke (%s), trying again in %.1f s", self.name, error, pause)
        self.mailbox.retry.clock.sleep(pause)
        return failures

    def _read(self, state: State) -> Iterator[Entry]:
        connection = self.mailbox.connection()
        selected = connection.select_folder(self.folder, readonly=True)
        count = int(selected.get(b"EXISTS", 0))
        validity, newest = int(selected.get(b"UIDVALIDITY", 0)), int(selected.get(b"HIGHESTMODSEQ", 0))
        if state.get("validity") != validity:
            state = {"validity": validity, "uid": 0, "modseq": newest}
        if state["uid"] and 0 < state["modseq"] < newest:
            yield from self._changed(connection, count, state)
        uids = self._search(connection, count, after=state["uid"])
        for start in range(0, len(uids), _BATCH_MESSAGES):
            batch = uids[start : start + _BATCH_MESSAGES]
            yield from self._messages(connection, batch)
            state = {**state, "uid": batch[-1]}
            yield Checkpoint(state, (start + len(batch)) / len(uids))
        yield Checkpoint({**state, "modseq": newest}, 1.0)

    def _search(self, connection: IMAPClient, count: int, *criteria: str, after: int = 0) -> list[int]:
        """UIDs above `after` in a folder of `count` messages, in pieces: an answer is one line, and a line may have a million bytes.

        From the end, so that a message removed meanwhile, which moves those behind it, makes nobody miss another.
        """
        found: set[int] = set()
        for last in range(count, 0, -_SEARCHED_MESSAGES):
            uids = connection.search([f"{max(1, last - _SEARCHED_MESSAGES + 1)}:{last}", *criteria])
            found.update(uid for uid in uids if uid > after)
            if not criteria and uids and min(uids) <= after:
                break
        return sorted(found)

    def _changed(self, connection: IMAPClient, count: int, state: State) -> Iterator[Entry]:
        """Stars of messages that were imported earlier; those without a Message-ID would have to be read whole, and are not looked at."""
        uids = self._search(connection, count, "MODSEQ", str(state["modseq"] + 1))
        changed = [uid for uid in uids if uid <= state["uid"]]
        for start in range(0, len(changed), _BATCH_MESSAGES):
            found = connection.fetch(changed[start : start + _BATCH_MESSAGES], ["FLAGS", _HEADERS])
            for fetched, copy in self._copies(found.values()):
                if self.shelf.has(copy):
                    yield from self.known(copy, _is_starred(fetched))

    def _messages(self, connection: IMAPClient, uids: Sequence[int]) -> Iterator[Entry]:
        """Of messages that the pod has, also from another folder, nothing but headers are read."""
        found = connection.fetch(uids, ["RFC822.SIZE", "INTERNALDATE", "FLAGS", _HEADERS])
        known: set[int] = set()
        for fetched, copy in self._copies(found[uid] for uid in uids if uid in found):
            if self.shelf.has(copy):
                known.add(id(fetched))
                yield from self.known(copy, _is_starred(fetched) or None)
        unknown = {uid: found[uid] for uid in uids if uid in found and id(found[uid]) not in known}
        for group in _groups(unknown):
            bodies = yield from self._bodies(connection, group)
            yield from self.entries([_letter(uid, unknown[uid], raw) for uid, raw in bodies.items()])

    def _copies(self, fetched: Iterable[Fetched]) -> list[tuple[Fetched, Copy]]:
        """Which messages these are, for those that say so in their headers."""
        named = [(one, headers, key) for one in fetched if (key := (headers := _headers(one)).own_key())]
        return [
            (one, copy)
            for (one, _, _), copy in zip(
                named, self.shelf.identify([(key, headers.date("date")) for _, headers, key in named]), strict=True
            )
        ]

    def _bodies(self, connection: IMAPClient, uids: Sequence[int]) -> Generator[Entry, None, dict[int, bytes]]:
        """Whole messages by UID; one that the server cannot give is reported, one that was removed meanwhile is not there."""
        try:
            found = connection.fetch(uids, ["BODY.PEEK[]"])
        except DROPPED:
            raise
        except IMAPClientError as error:
            if is_passing(error):
                raise
            if len(uids) == 1:
                yield BrokenRecord(f"{self.name} uid {uids[0]}", f"the server answers {error}")
                return {}
            bodies: dict[int, bytes] = {}
            for uid in uids:
                bodies |= yield from self._bodies(connection, [uid])
            return bodies
        return {uid: found[uid][b"BODY[]"] for uid in uids if isinstance(found.get(uid, {}).get(b"BODY[]"), bytes)}


def _headers(fetched: Fetched) -> Headers:
    """Servers repeat the list of names in a way of their own."""
    return headers_of(next((value for name, value in fetched.items() if name.startswith(b"BODY[HEADER") and isinstance(value, bytes)), b""))


def _is_starred(fetched: Fetched) -> bool:
    return b"\\flagged" in {flag.lower() for flag in fetched.get(b"FLAGS", ())}


def _letter(uid: int, fetched: Fetched, raw: bytes) -> Letter:
    received = fetched.get(b"INTERNALDATE")
    return Letter(f"uid {uid}", raw, received if isinstance(received, datetime) else None, _is_starred(fetched))


def _groups(found: Mapping[int, Fetched]) -> Iterator[list[int]]:
    """UIDs of messages that together are few megabytes."""
    group, size = list[int](), 0
    for uid, fetched in found.items():
        if group and size + int(fetched.get(b"RFC822.SIZE", 0)) > _BATCH_BYTES:
            yield group
            group, size = [], 0
        group.append(uid)
        size += int(fetched.get(b"RFC822.SIZE", 0))
    if group:
        yield group
