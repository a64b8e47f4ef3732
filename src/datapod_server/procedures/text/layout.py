"""What the parameters of `import.text` say about the file itself, checked."""

from __future__ import annotations

from msgspec import Struct

from datapod_server.errors import Invalid
from datapod_server.sql.regular import Regular

_ENCODINGS = {"us-ascii": "ascii", "ascii": "ascii", "utf-8": "utf-8", "utf8": "utf-8", "latin1": "latin-1", "iso8859-1": "latin-1"}


class Layout(Struct, frozen=True):
    """How lines become fields.

    Attributes:
        delimiter: One ASCII character, or empty in text mode.
        quote: One ASCII character, or empty.
        encoding: `ascii`, `utf-8` or `latin-1`.
        multi_line: Quoted fields may contain line ends.
        ignore_extra: Fields beyond the header are dropped.
        excel: `="text"` is read as `text`.
        replacement: One character for undecodable bytes, or empty.
        skip: Lines that match it entirely are skipped.
    """

    delimiter: str = ","
    quote: str = '"'
    encoding: str = "utf-8"
    multi_line: bool = False
    ignore_extra: bool = False
    excel: bool = True
    replacement: str = ""
    skip: Regular | None = None

    @property
    def text_mode(self) -> bool:
        """Each line is one field, and there is no header line."""
        return not self.delimiter

    @property
    def trimmed(self) -> str:
        """The white space that is cut from the end of a line: never the delimiter."""
        return " \t\r".replace(self.delimiter, "") if self.delimiter else " \t\r"

    def decode(self, raw: bytes, number: int) -> str:
        """One line's text. Raises `Invalid` for bytes that are none in the encoding; that ends the run even where bad lines are ignored."""
        try:
            if self.replacement and self.encoding == "utf-8":
                return _decode_replacing(raw, self.replacement)
            return raw.decode(self.encoding)
        except UnicodeDecodeError as error:
            reason = "non-ASCII character in ASCII text file" if self.encoding == "ascii" else f"invalid UTF-8 sequence: {error.reason}"
            raise Invalid(f"{reason} (line {number}, byte {error.start + 1})", lineNumber=number, columnNumber=error.start + 1) from error


def check_layout(
    *, delimiter: str, quote: str, encoding: str, replacement: str, skip: str | None, multi_line: bool, ignore_extra: bool, excel: bool
) -> Layout:
    """Raises `Invalid` with the texts of datasets-and-procedures.md, 4.1."""
    if len(delimiter.encode()) > 1:
        raise Invalid("Separator string must have one character")
    if not delimiter and quote:
        raise Invalid("Separator string must not be empty if we have a quoter string")
    if len(quote.encode()) > 1:
        raise Invalid("Quoter string must have one character")
    if len(replacement) > 1:
        raise Invalid("replaceInvalidCharactersWith string must have one character")
    name = _ENCODINGS.get(encoding.lower())
    if name is None:
        accepted = "'us-ascii', 'ascii', 'utf-8', 'utf8', 'latin1', 'iso8859-1'"
        raise Invalid(f"Unknown encoding '{encoding}'for import.text parser: accepted are {accepted}")
    try:
        pattern = Regular(skip) if skip else None
    except ValueError as error:
        raise Invalid(f"skipLineRegex is no regular expression: {error}") from error
    return Layout(delimiter, quote, name, multi_line, ignore_extra, excel, replacement, pattern)


def _decode_replacing(raw: bytes, replacement: str) -> str:
    """Each bad sequence becomes one character, as the standard's "maximal subparts" cut them."""
    return (
        raw.decode("utf-8", "replace").replace("\ufffd", replacement) if b"\xef\xbf\xbd" not in raw else _decode_stepwise(raw, replacement)
    )


def _decode_stepwise(raw: bytes, replacement: str) -> str:
    """The same for text that holds a true U+FFFD, which must stay."""
    text, start = [], 0
    while start < len(raw):
        try:
            text.append(raw[start:].decode("utf-8"))
            break
        except UnicodeDecodeError as error:
            text.append(raw[start : start + error.start].decode("utf-8") + replacement)
            start += error.end
    return "".join(text)
