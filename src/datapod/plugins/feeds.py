"""Web feeds: entries of RSS and Atom feeds, given by address or by a list in OPML. Needs `datapod[plugins]`.

    datapod plugin run datapod.plugins.feeds:FeedsPlugin --config_file feeds.json      # {"feeds": "https://example.org/feed.xml"}

A feed becomes an `RSSFeed`, an entry an `RSSEntry`, with an edge `entry` from the one to the other. A feed that did not change since the
last run is asked one question (`If-None-Match`, `If-Modified-Since`) and answers with nothing. Entries that a feed has forgotten stay.
"""

from __future__ import annotations

import calendar
import hashlib
import io
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import httpx

from datapod.connectors import (
    CURSOR_RIGHTS,
    BrokenRecord,
    Checkpoint,
    Connector,
    Entry,
    FatalError,
    HttpSource,
    RateBudget,
    Record,
    Retry,
    State,
    Stream,
    record_id,
)
from datapod.schema import RSSEntry, RSSFeed

_ACCEPT = "application/atom+xml, application/rss+xml, application/xml;q=0.9, */*;q=0.5"
_MAX_BYTES = 32 * 1024 * 1024
_GONE = 410
_FEED = "feed"
"""External id of the feed itself, among those of its entries: entries have a hash sign before theirs."""
_RIGHTS = {**CURSOR_RIGHTS, "RSSFeed": "*", "RSSEntry": "*"}


class FeedsPlugin(Connector):
    """Imports feeds.

    Args:
        feeds: Addresses, with blanks or new lines between them.
        opml: Path or address of a list of feeds, as feed readers export it.
    """

    service = "feeds"
    schema_classes: ClassVar = [RSSFeed, RSSEntry]
    permissions: ClassVar = {"read": _RIGHTS, "write": _RIGHTS, "edges": {"entry": "write"}, "network": "outbound"}
    attempts = Retry(attempts=4)
    """Per feed and run."""

    def __init__(self, feeds: str = "", opml: str = "", **keywords: Any) -> None:
        super().__init__(**keywords)
        self.addresses = feeds.split()
        self.opml = opml

    def streams(self) -> Iterator[Stream]:
        source = HttpSource(
            "http://localhost", retry=self.attempts, budget=RateBudget(5), headers={"Accept": _ACCEPT}, max_bytes=_MAX_BYTES
        )
        self.resources.enter_context(source)
        listed = addresses_in_opml(_list_content(source, self.opml)) if self.opml else []
        addresses = list(dict.fromkeys([*self.addresses, *listed]))
        if not addresses:
            raise FatalError("There is nothing to import: give `feeds` (addresses) or `opml` (a path or address) in the configuration")
        for address in addresses:
            yield Feed(source, address)


class Feed(Stream):
    """One feed. Its state is what the server said about the version that was read last: `etag` and `modified`."""

    def __init__(self, source: HttpSource, address: str) -> None:
        super().__init__(address)
        self._source = source

    def read(self, state: State) -> Iterator[Entry]:
        asked = {"If-None-Match": state.get("etag"), "If-Modified-Since": state.get("modified")}
        try:
            response = self._source.get(self.name, headers={name: value for name, value in asked.items() if value})
        except FatalError as error:
            if error.status != _GONE:
                raise
            yield Record(_FEED, RSSFeed(importIsActive=False))
            return
        if response.status_code != httpx.codes.NOT_MODIFIED:
            yield from self._entries(response)
            state = {"etag": response.headers.get("ETag"), "modified": response.headers.get("Last-Modified")}
        yield Checkpoint({name: value for name, value in state.items() if value})

    def _entries(self, response: httpx.Response) -> Iterator[Entry]:
        """The feed first, then its entries, oldest first: so both ends of each edge are there."""
        parsed = _parse(response)
        yield Record(_FEED, _feed(dict(parsed.feed), str(response.url)), decides=("title", "description", "link", "thumbnail"))
        for entry in reversed(parsed.entries):
            # A plain dict: the library's own gives `published` for a missing `updated`, with a warning.
            yield self._entry(dict(entry))

    def _entry(self, entry: Mapping[str, Any]) -> Entry:
        external_id = entry.get("id") or entry.get("link") or _digest(f"{entry.get('title', '')}\n{entry.get('summary', '')}")
        if not (entry.get("title") or entry.get("link") or entry.get("summary")):
            return BrokenRecord(f"#{external_id}", "an entry without title, link and text")
        item = RSSEntry(
            title=entry.get("title"),
            link=entry.get("link"),
            summary=entry.get("summary"),
            fullText=next((part.get("value") for part in entry.get("content", ())), None),
            author=entry.get("author"),
            thumbnail=_picture(entry),
            published=_moment(entry.get("published_parsed")),
            updated=_moment(entry.get("updated_parsed")),
            rssFeedId=record_id(self.scope, _FEED),
            externalId=external_id,
        )
        record = Record(f"#{external_id}", item, decides=("title", "link", "summary", "fullText", "author", "thumbnail"))
        record.link_from(_FEED, "entry")
        return record


def addresses_in_opml(content: bytes) -> list[str]:
    """Addresses of the feeds in a list, in its order, however deep they are nested.

    Raises:
        FatalError: No XML, or XML that unpacks itself into more than it is.
    """
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root = fromstring(content)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise FatalError(f"The list of feeds is no OPML: {error}") from error
    return [address for outline in root.iter("outline") if (address := outline.get("xmlUrl", "").strip())]


def _list_content(source: HttpSource, place: str) -> bytes:
    if place.startswith(("http://", "https://")):
        return source.get(place).content
    try:
        return Path(place).expanduser().read_bytes()
    except OSError as error:
        raise FatalError(f"The list of feeds {place} cannot be read: {error.strerror}") from error


def _parse(response: httpx.Response) -> Any:
    """What the library makes of an answer. A feed with mistakes is read as far as it can be; what is no feed at all is an error."""
    import feedparser

    headers = {"content-type": response.headers.get("Content-Type", ""), "content-location": str(response.url)}
    # As a stream: the library takes bytes that look like a path or an address for one, and opens it.
    parsed = feedparser.parse(io.BytesIO(response.content), response_headers=headers)
    if not parsed.entries and not parsed.version:
        raise FatalError(f"{response.url.copy_with(query=None)} is no feed: {parsed.get('bozo_exception') or 'it has no entries'}")
    return parsed


def _feed(feed: Mapping[str, Any], address: str) -> RSSFeed:
    return RSSFeed(
        title=feed.get("title"),
        description=feed.get("subtitle"),
        link=feed.get("link"),
        href=address,
        thumbnail=(feed.get("image") or {}).get("href") or feed.get("logo"),
        updated=_moment(feed.get("updated_parsed")),
        importIsActive=True,
    )


def _picture(entry: Mapping[str, Any]) -> str | None:
    thumbnails = [found.get("url") for found in entry.get("media_thumbnail", ())]
    enclosures = [found for found in entry.get("links", ()) if found.get("rel") == "enclosure"]
    pictures = [found.get("href") for found in enclosures if found.get("type", "").startswith("image/")]
    return next((str(address) for address in [*thumbnails, *pictures] if address), None)


def _moment(parsed: Any) -> datetime | None:
    """The time of a parsed date, which the library gives in UTC; None for none, and for one that no calendar has."""
    try:
        return datetime.fromtimestamp(calendar.timegm(parsed), UTC) if parsed else None
    except (ValueError, OverflowError):
        return None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()
