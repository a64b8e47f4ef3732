"""The text in a message: character sets, encoded words, and the words in a piece of HTML."""

from __future__ import annotations

import binascii
import html
import quopri
import re
from html.parser import HTMLParser

_UNTRUE_NAMES = {"us-ascii": "cp1252", "ascii": "cp1252", "iso-8859-1": "cp1252", "latin1": "cp1252", "gb2312": "gb18030", "gbk": "gb18030"}
"""Names that senders use for more than they mean; the larger set contains the smaller."""
_NO_CHARSETS = {"idna", "punycode", "undefined", "unicode_escape", "unicode-escape", "raw_unicode_escape", "raw-unicode-escape"}
"""Encodings of Python that no mail means; some take time that grows with the square of the length."""

_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]*)\?=")
_WORDS = re.compile(rf"{_WORD.pattern}(?:\s*{_WORD.pattern})*")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def clean(text: str) -> str:
    """Text that every database and every JSON reader takes: NUL and half characters become U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", text)


def decode_bytes(data: bytes, charset: str | None) -> str:
    """Text in the character set that it claims, else UTF-8, else the one that fits most unlabelled mail (cp1252). Never fails.

    >>> decode_bytes(b"caf\\xe9", "no-such-set"), decode_bytes("café".encode(), "us-ascii")
    ('café', 'café')
    """
    name = (charset or "us-ascii").strip().lower()
    claimed = _UNTRUE_NAMES.get(name, name)
    for attempt in ["utf-8", claimed] if claimed == "cp1252" else [claimed, "utf-8", "cp1252"]:
        if attempt in _NO_CHARSETS:
            continue
        try:
            return data.decode(attempt)
        except (LookupError, ValueError):  # no such character set, or bytes that it has not
            continue
    return data.decode("latin-1")


def decode_header(value: str) -> str:
    """A header with its encoded words (RFC 2047) decoded; a word that cannot be decoded stays as it is.

    Words that follow each other are joined before they are decoded: some programs cut inside a character.

    >>> decode_header("=?utf-8?Q?caf=C3?= =?utf-8?Q?=A9?= au lait")
    'café au lait'
    """
    return clean(_WORDS.sub(_decode_run, value))


def _decode_run(run: re.Match[str]) -> str:
    decoded: list[tuple[str, bytes]] = []
    for word in _WORD.finditer(run.group()):
        charset = word.group(1).partition("*")[0].lower()
        data = _decode_word(word.group(2), word.group(3))
        if data is None:
            return run.group()
        if decoded and decoded[-1][0] == charset:
            data = decoded.pop()[1] + data
        decoded.append((charset, data))
    return "".join(decode_bytes(data, charset) for charset, data in decoded)


def _decode_word(encoding: str, text: str) -> bytes | None:
    try:
        data = text.encode("ascii")
        if encoding in "qQ":
            return quopri.decodestring(data, header=True)
        return binascii.a2b_base64(data + b"=" * (-len(data) % 4))
    except ValueError:  # letters that stand for nothing
        return None


class _Words(HTMLParser):
    """Collects the words that a reader sees, with line breaks where blocks begin."""

    _BLOCKS = frozenset(
        [
            "address",
            "article",
            "blockquote",
            "br",
            "div",
            "dl",
            "dt",
            "dd",
            "footer",
            "form",
            "h1",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
            "header",
            "hr",
            "li",
            "ol",
            "p",
            "pre",
            "section",
            "table",
            "tr",
            "ul",
        ]
    )
    _HIDDEN = frozenset(["head", "script", "style", "title", "template"])

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "body":
            self._hidden = 0  # a head that is never closed ends here
        elif tag in self._HIDDEN:
            self._hidden += 1
        elif tag in self._BLOCKS:
            self.pieces.append("\n")
        elif tag == "td":
            self.pieces.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._HIDDEN and self._hidden:
            self._hidden -= 1
        elif tag in self._BLOCKS:
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.pieces.append(re.sub(r"\s+", " ", data))


def text_of_html(source: str) -> str:
    """What a reader sees of an HTML body, as plain text.

    >>> text_of_html("<style>p {}</style><p>Hello&nbsp;<b>you</b></p><p>Bye")
    'Hello you\\n\\nBye'
    """
    reader = _Words()
    try:
        reader.feed(source)
        reader.close()
        text = "".join(reader.pieces)
    except AssertionError:  # Python's reader gives up on some malformed declarations
        text = html.unescape(re.sub(r"<[^>]*>", " ", source))
    lines = (re.sub(r"[ \t\xa0]+", " ", line).strip() for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def html_of_text(text: str) -> str:
    return f"<pre>{html.escape(text)}</pre>"
