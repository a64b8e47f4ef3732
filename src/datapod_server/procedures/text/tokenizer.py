"""One line to its fields: the definition of right. Source: datasets-and-procedures.md, 4.5."""

from __future__ import annotations

from datapod_server.procedures.text.layout import Layout


class LineError(Exception):
    """The line does not parse. `column` is the position, from 1, where parsing stopped; `may_continue`: the next line could complete it."""

    def __init__(self, reason: str, column: int, *, may_continue: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.column, self.may_continue = reason, column, may_continue


def split_line(line: str, count: int, layout: Layout) -> list[str]:
    """The texts of exactly `count` fields of a line that has been trimmed; a missing or empty one is "".

    Raises LineError.
    """
    if layout.text_mode:
        return [line]
    fields, places = split_fields(line, layout, count)
    found = len(fields)
    # A line that ends with the delimiter has said all it wants; text behind the last delimiter lets one field be missing.
    ends_open = places[-1] < len(line)
    if found == count + 1 and places[-1] == len(line) and not fields[-1]:
        return fields[:-1]
    if found > count:
        if layout.ignore_extra:
            return fields[:count]
        raise LineError("too many columns in row", places[count] + 1)
    if found == count - 1 and ends_open:
        return [*fields, ""]
    if found < count:
        raise LineError("not enough columns in row", len(line) + 1, may_continue=True)
    return fields


def split_fields(line: str, layout: Layout, count: int) -> tuple[list[str], list[int]]:
    """Up to `count` fields and what begins behind them as one more, unparsed; with the place, from 0, where each starts.

    Raises LineError for a quoted field that is not closed, or that something follows.
    """
    delimiter, quote = layout.delimiter, layout.quote
    if not quote or quote not in line:
        return _split_plain(line, delimiter)
    fields: list[str] = []
    places: list[int] = []
    start = 0
    while True:
        places.append(start)
        if len(fields) == count:
            fields.append(line[start:])
            return fields, places
        opening = _opening(line, start, layout)
        if opening is None:
            end = line.find(delimiter, start)
            end = len(line) if end < 0 else end
            fields.append(line[start:end])
        else:
            text, end = _quoted(line, opening, quote)
            if end < len(line) and line[end] != delimiter:
                raise LineError("Unclosed quoted CSV value", end + 1)
            fields.append(text)
        if end >= len(line):
            return fields, places
        start = end + 1


def _split_plain(line: str, delimiter: str) -> tuple[list[str], list[int]]:
    fields = line.split(delimiter)
    places, start = [], 0
    for field in fields:
        places.append(start)
        start += len(field) + 1
    return fields, places


def _opening(line: str, start: int, layout: Layout) -> int | None:
    """Where the content of a quoted field starts; None for an unquoted one."""
    if line.startswith(layout.quote, start):
        return start + 1
    if layout.excel and line.startswith("=" + layout.quote, start):
        return start + 2
    return None


def _quoted(line: str, start: int, quote: str) -> tuple[str, int]:
    """The content up to the closing quote, and the place behind that."""
    pieces = []
    while True:
        end = line.find(quote, start)
        if end < 0:
            raise LineError("Unclosed quoted CSV value", len(line) + 1, may_continue=True)
        pieces.append(line[start:end])
        if not line.startswith(quote, end + 1):
            return quote.join(pieces), end + 1
        start = end + 2
