"""Contacts: people from vCard files (3.0 and 4.0) and from CardDAV servers. Needs `datapod[plugins]`.

    datapod plugin run datapod.plugins.contacts:ContactsPlugin --config_file contacts.json     # {"path": "~/contacts.vcf"}
    datapod plugin run --metadata run.json      # with {"url": "https://cloud.example"} and an account: identifier and secret

A contact becomes a `Person` with phone numbers, addresses, web sites and a photo of its own, and with an `Account` per e-mail address,
which it shares with the mail plugin. What is changed or deleted at the source is changed or deleted here.

Incremental: a file by its hash; an address book by its sync token (RFC 6578), or, where the server has none, by its CTag and the ETags.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit
from xml.sax.saxutils import escape

from datapod.connectors import (
    CURSOR_RIGHTS,
    BasicLogin,
    BrokenRecord,
    Checkpoint,
    Connector,
    Entry,
    FatalError,
    HttpSource,
    Record,
    Removed,
    Retry,
    State,
    Stream,
    known_versions,
)
from datapod.schema import Account, Address, File, Person, PhoneNumber, Photo, Website

_TYPES = ("Person", "PhoneNumber", "Address", "Account", "Website", "Photo", "File")
_RIGHTS = {**CURSOR_RIGHTS, **dict.fromkeys(_TYPES, "*")}
_EDGES = ("hasPhoneNumber", "address", "account", "website", "profilePicture")
_DECIDES = ("displayName", "firstName", "lastName", "email", "gender", "role", "birthDate", "deathDate", "itemDescription")
_HREFS_PER_REQUEST = 100
_GENDERS = {"M": "male", "F": "female", "O": "other"}
_FOUND_NOT = (400, 403, 404, 405, 409, 415, 501)
"""How servers say that they do not know a report, or a sync token any more."""


class ContactsPlugin(Connector):
    """Imports contacts.

    Args:
        path: A vCard file, or a folder with `.vcf` files in it.
        url: A CardDAV server, a user's place there, or one address book; found by RFC 6764.
    """

    service = "contacts"
    schema_classes: ClassVar = [Person, PhoneNumber, Address, Account, Website, Photo, File]
    permissions: ClassVar = {
        "read": _RIGHTS,
        "write": _RIGHTS,
        "edges": {**dict.fromkeys(_EDGES, "write"), "file": "write"},
        "files": "write",
        "network": "outbound",
    }
    attempts = Retry(attempts=5)

    def __init__(self, path: str = "", url: str = "", **keywords: Any) -> None:
        super().__init__(**keywords)
        self.path = path
        self.url = url

    def streams(self) -> Iterator[Stream]:
        if not (self.path or self.url):
            raise FatalError("There is nothing to import: give `path` (a vCard file or folder) or `url` (CardDAV) in the configuration")
        for path in _files(self.path) if self.path else ():
            yield CardFile(self, path)
        if self.url:
            login = BasicLogin(self.client, self.pluginRun, optional=self.pluginRun is None)
            source = self.resources.enter_context(HttpSource(self.url, login, retry=self.attempts))
            for address in address_books(source):
                yield AddressBook(self, source, address)


# vCard files


class CardFile(Stream):
    """One file of vCards, read whole when its hash is another one."""

    def __init__(self, plugin: ContactsPlugin, path: Path) -> None:
        super().__init__(str(path))
        self._plugin = plugin
        self._path = path

    def read(self, state: State) -> Iterator[Entry]:
        try:
            content = self._path.read_bytes()
        except OSError as error:
            raise FatalError(f"{self._path} cannot be read: {error.strerror}") from error
        digest = hashlib.sha256(content).hexdigest()
        if state.get("sha256") != digest:
            yield from self._cards(content.decode("utf-8", "replace"))
        yield Checkpoint({"sha256": digest})

    def _cards(self, text: str) -> Iterator[Entry]:
        """Cards that are new or changed, and those that are gone."""
        known = known_versions(self._plugin, Person, addressBookId=self.name)
        seen: set[str] = set()
        for card in cards_in(text):
            external_id = _uid(card)
            if external_id in seen:
                external_id = f"{external_id}#{_digest(card)}"  # two cards under one name: both are kept
            seen.add(external_id)
            if known.get(external_id) != _digest(card):
                yield contact(card, external_id, _digest(card), self.name)
        yield from (Removed(external_id) for external_id in known if external_id not in seen)


def _files(place: str) -> list[Path]:
    path = Path(place).expanduser().absolute()
    if path.is_dir():
        return sorted(found for found in path.rglob("*") if found.suffix.lower() == ".vcf")
    return [path]


# CardDAV

_PROPERTIES = "<d:resourcetype/><d:displayname/><d:current-user-principal/><c:addressbook-home-set/>"
_NAMES = {"d": "DAV:", "c": "urn:ietf:params:xml:ns:carddav", "s": "http://calendarserver.org/ns/"}


class AddressBook(Stream):
    """One address book. Its state is the `token` of the last synchronisation, or else the `ctag`."""

    def __init__(self, plugin: ContactsPlugin, source: HttpSource, address: str) -> None:
        super().__init__(address)
        self._plugin = plugin
        self._source = source

    def read(self, state: State) -> Iterator[Entry]:
        changed, gone, state = self._changes(state)
        yield from (Removed(href) for href in gone)
        hrefs = list(changed)
        for start in range(0, len(hrefs), _HREFS_PER_REQUEST):
            part = hrefs[start : start + _HREFS_PER_REQUEST]
            yield from self._cards(part)
            if start + len(part) < len(hrefs):
                # The old state: a run that is killed asks again, and finds by their ETags what it has already.
                yield Checkpoint(self._before, (start + len(part)) / len(hrefs))
        yield Checkpoint(state)

    def _changes(self, state: State) -> tuple[dict[str, str], list[str], State]:
        """ETags by address of what is to be fetched, addresses of what is gone, and the state after both."""
        self._before = dict(state)
        if not state.get("ctag"):
            try:
                return self._synchronised(state.get("token", ""))
            except FatalError as error:
                if error.status not in _FOUND_NOT:
                    raise
                if state.get("token"):  # the server has forgotten it: from the start, by ETags
                    return self._synchronised("")
        return self._listed(state)

    def _synchronised(self, token: str) -> tuple[dict[str, str], list[str], State]:
        body = (
            f'<d:sync-collection xmlns:d="DAV:"><d:sync-token>{escape(token)}</d:sync-token><d:sync-level>1</d:sync-level>'
            "<d:prop><d:getetag/></d:prop></d:sync-collection>"
        )
        root = _ask(self._source, "REPORT", self.name, body, depth=None)
        listed: dict[str, str] = {}
        gone: list[str] = []
        for href, response in _responses(root):
            if "404" in (response.findtext("d:status", "", _NAMES)):
                gone.append(href)
            elif not _same_place(href, self.name):
                listed[href] = response.findtext(".//d:getetag", "", _NAMES)
        after = {"token": root.findtext("d:sync-token", "", _NAMES)}
        known = known_versions(self._plugin, Person, addressBookId=self.name)
        if not token:  # all there is was listed
            gone = [href for href in known if href not in listed]
        return {href: tag for href, tag in listed.items() if not tag or known.get(href) != tag}, gone, after

    def _listed(self, state: State) -> tuple[dict[str, str], list[str], State]:
        """For servers without synchronisation: compare all ETags, if the CTag says that there is something to compare."""
        body = '<d:propfind xmlns:d="DAV:" xmlns:s="http://calendarserver.org/ns/"><d:prop><s:getctag/><d:getetag/></d:prop></d:propfind>'
        tag = _ask(self._source, "PROPFIND", self.name, body, depth="0").findtext(".//s:getctag", "", _NAMES)
        if tag and tag == state.get("ctag"):
            return {}, [], state
        found = _responses(_ask(self._source, "PROPFIND", self.name, body, depth="1"))
        listed = {href: response.findtext(".//d:getetag", "", _NAMES) for href, response in found if not _same_place(href, self.name)}
        known = known_versions(self._plugin, Person, addressBookId=self.name)
        changed = {href: etag for href, etag in listed.items() if not etag or known.get(href) != etag}
        return changed, [href for href in known if href not in listed], {"ctag": tag} if tag else {}

    def _cards(self, hrefs: list[str]) -> Iterator[Entry]:
        names = "".join(f"<d:href>{escape(href)}</d:href>" for href in hrefs)
        body = (
            '<c:addressbook-multiget xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:carddav">'
            f"<d:prop><d:getetag/><c:address-data/></d:prop>{names}</c:addressbook-multiget>"
        )
        for href, response in _responses(_ask(self._source, "REPORT", self.name, body, depth="1")):
            text = response.findtext(".//c:address-data", "", _NAMES)
            if text:  # else it was deleted in this very moment, and the next synchronisation says so
                yield contact(text, href, response.findtext(".//d:getetag", "", _NAMES), self.name)


def address_books(source: HttpSource) -> list[str]:
    """Addresses of the address books behind an address: of a server, a principal, a home or a book itself. Source: RFC 6764, 6.

    Raises:
        FatalError: There is none.
    """
    place = str(source.base_url)
    for candidate in (place, str(source.base_url.join("/.well-known/carddav")), str(source.base_url.join("/"))):
        try:
            root = _ask(source, "PROPFIND", candidate, _propfind(), depth="0")
        except FatalError as error:
            if error.status is None:
                raise
            continue
        books = _books_at(source, candidate, root)
        if books:
            return books
    raise FatalError(f"There is no address book at {urlsplit(place).hostname}")


def _books_at(source: HttpSource, place: str, root: Any) -> list[str]:
    if root.find(".//d:resourcetype/c:addressbook", _NAMES) is not None:
        return [place]
    home = root.findtext(".//c:addressbook-home-set/d:href", "", _NAMES)
    principal = root.findtext(".//d:current-user-principal/d:href", "", _NAMES)
    if not home and principal:
        home = _ask(source, "PROPFIND", _at(source, principal), _propfind(), depth="0").findtext(
            ".//c:addressbook-home-set/d:href", "", _NAMES
        )
    listed = _ask(source, "PROPFIND", _at(source, home) if home else place, _propfind(), depth="1")
    found = [href for href, response in _responses(listed) if response.find(".//d:resourcetype/c:addressbook", _NAMES) is not None]
    return [_at(source, href) for href in found]


def _at(source: HttpSource, href: str) -> str:
    """The whole address; where the server names another host of its own over TLS, the login is meant for it too."""
    address = source.base_url.join(href)
    if address.scheme == "https" and address.host.split(".")[-2:] == source.base_url.host.split(".")[-2:]:
        source.trust(address)
    return str(address)


def _propfind() -> str:
    return f'<d:propfind xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:carddav"><d:prop>{_PROPERTIES}</d:prop></d:propfind>'


def _ask(source: HttpSource, method: str, url: str, body: str, depth: str | None) -> Any:
    """The XML of an answer.

    Raises:
        FatalError: The server refuses, or answers with something else.
    """
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    headers = {"Content-Type": "application/xml; charset=utf-8", **({"Depth": depth} if depth is not None else {})}
    response = source.request(method, url, headers=headers, content=body.encode())
    try:
        return fromstring(response.content)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise FatalError(f"{urlsplit(url).hostname} does not speak CardDAV at this address: {error}", response.status_code) from error


def _responses(root: Any) -> Iterator[tuple[str, Any]]:
    return ((response.findtext("d:href", "", _NAMES), response) for response in root.findall("d:response", _NAMES))


def _same_place(href: str, address: str) -> bool:
    return unquote(urlsplit(href).path).rstrip("/") == unquote(urlsplit(address).path).rstrip("/")


# From a card to items


def cards_in(text: str) -> Iterator[str]:
    """The texts of the cards of a file. What stands between them is left out; a card that does not end is one all the same."""
    for piece in re.split(r"(?im)^(?=BEGIN:VCARD)", text):
        if piece.upper().startswith("BEGIN:VCARD"):
            yield piece.strip()


def _uid(card: str) -> str:
    """What a card calls itself; one without UID is told by what it says."""
    found = re.search(r"(?im)^UID(?:;[^:\r\n]*)?:(.+)$", card)
    return found.group(1).strip() if found else _digest(card)


def _digest(card: str) -> str:
    return hashlib.sha256(card.encode()).hexdigest()


def contact(card: str, external_id: str, version: str, book: str) -> Entry:
    """One card as a record, or as a broken one."""
    import vobject

    try:
        parsed = vobject.readOne(card)
        if parsed is None or parsed.name != "VCARD":
            return BrokenRecord(external_id, "no vCard")
        record = _record(parsed.contents, external_id, version, book)
        _add_photo(record, _photo(parsed.contents, card))
        return record
    except (vobject.base.ParseError, ValueError, AttributeError, LookupError, binascii.Error, AssertionError) as error:
        return BrokenRecord(external_id, f"{type(error).__name__}: {error}"[:300])


def _record(fields: Mapping[str, list[Any]], external_id: str, version: str, book: str) -> Record:
    emails = [email for email in _texts(fields, "email") if email]
    name = fields["n"][0].value if fields.get("n") else None
    display = _first(fields, "fn") or " ".join(filter(None, [_text(getattr(name, "given", "")), _text(getattr(name, "family", ""))]))
    person = Person(
        displayName=display or (emails[0] if emails else None),
        firstName=_text(getattr(name, "given", "")) or None,
        lastName=_text(getattr(name, "family", "")) or None,
        email=emails[0] if emails else None,
        gender=_gender(_first(fields, "gender")),
        role=_first(fields, "title") or _first(fields, "role"),
        birthDate=_moment(_first(fields, "bday")),
        deathDate=_moment(_first(fields, "deathdate")),
        itemDescription=_first(fields, "note"),
        addressBookId=book,
    )
    if person.displayName is None:
        raise ValueError("a card without any name")
    record = Record(external_id, person, version=version, decides=_DECIDES, follow=_EDGES, name_spaces=["email"])
    for number in dict.fromkeys(text.removeprefix("tel:") for text in _texts(fields, "tel")):
        record.add("hasPhoneNumber", PhoneNumber(phoneNumber=number), key=number)
    for email in dict.fromkeys(email.lower() for email in emails):
        record.share("account", Account(service="email", handle=email, displayName=person.displayName), "email", email)
    for url in dict.fromkeys(_texts(fields, "url")):
        record.add("website", Website(url=url), key=url)
    for place, entry in enumerate(fields.get("adr", ())):
        record.add("address", _address(entry), key=str(place))
    return record


def _address(entry: Any) -> Address:
    value = entry.value
    kinds = entry.params.get("TYPE", [])
    street = [_text(value.street), _text(value.extended), _text(value.box)]
    return Address(
        street=", ".join(filter(None, street)) or None,
        city=_text(value.city) or None,
        postalCode=_text(value.code) or None,
        state=", ".join(filter(None, [_text(value.region), _text(value.country)])) or None,
        itemType=",".join(sorted(kind.lower() for kind in kinds)) or None,
    )


def _add_photo(record: Record, content: bytes | None) -> None:
    if content:
        kind = "PNG" if content.startswith(b"\x89PNG") else "GIF" if content.startswith(b"GIF8") else "JPEG"
        photo = record.add("profilePicture", Photo(encoding=kind), key=hashlib.sha256(content).hexdigest())
        record.add_file("file", content, f"photo.{kind.lower()}", of=photo)


def _photo(fields: Mapping[str, list[Any]], card: str) -> bytes | None:
    """The first photo that is in the card; one that is only linked stays where it is."""
    for entry in fields.get("photo", ()):
        if isinstance(entry.value, bytes):
            return entry.value
    # Version 4 has a `data:` address, which the library cuts off at its comma.
    found = re.search(r"(?im)^PHOTO[^:\n]*:data:[^,\n]*;base64,([A-Za-z0-9+/=]+)", re.sub(r"\r?\n[ \t]", "", card))
    return base64.b64decode(found.group(1), validate=True) if found else None


def _texts(fields: Mapping[str, list[Any]], name: str) -> list[str]:
    return [text for entry in fields.get(name, ()) if (text := _text(entry.value).strip())]


def _first(fields: Mapping[str, list[Any]], name: str) -> str | None:
    return next(iter(_texts(fields, name)), None)


def _text(value: Any) -> str:
    """A field's value; several are joined, as in a name with two given names."""
    return " ".join(str(part) for part in value if part) if isinstance(value, (list, tuple)) else str(value or "")


def _gender(value: str | None) -> str | None:
    """Version 4: a letter, and perhaps the person's own words behind a semicolon, which win."""
    letter, _, words = (value or "").partition(";")
    return words or _GENDERS.get(letter.upper())


def _moment(value: str | None) -> datetime | None:
    """A day as its midnight UTC; None for none, and for one without a year, which no point in time stands for."""
    digits = re.match(r"(\d{4})-?(\d{2})-?(\d{2})", value or "")
    if digits is None:
        return None
    try:
        day = date(*(int(part) for part in digits.groups()))
    except ValueError:
        return None
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
