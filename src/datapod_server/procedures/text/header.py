"""The names of the columns: from the header line, from the parameters, or made up. Source: datasets-and-procedures.md, 4.2 and 4.3."""

from __future__ import annotations

from collections.abc import Sequence

from datapod_server.errors import Invalid
from datapod_server.procedures.text.layout import Layout
from datapod_server.procedures.text.lines import LineReader
from datapod_server.procedures.text.tokenizer import LineError, split_fields
from datapod_server.values.path import Path


def read_header(
    lines: LineReader, layout: Layout, *, skipped: int, headers: Sequence[str], generate: bool, structured: bool
) -> tuple[list[Path], int]:
    """Names of the columns, and the number of the last line that is not data. `skipped` lines before the header were read already.

    Raises `Invalid` for a header that is empty in the middle, has a name twice, or does not parse.
    """
    if headers:
        return _named(headers, structured), skipped
    if layout.text_mode:
        return [Path.of("0" if generate else "lineText")], skipped
    raw = _next_line(lines, layout, skipped)
    if raw is None:
        return [], skipped
    text = layout.decode(raw, skipped + 1)
    if generate:
        count = len(_texts(text, layout, lines, layout.quote, skipped))
        lines.push_back(raw)
        return [Path.of(str(place)) for place in range(count)], skipped
    return _named(_texts(text.lstrip(" \t\r\n\v\f"), layout, lines, '"', skipped), structured), skipped + 1


def _next_line(lines: LineReader, layout: Layout, skipped: int) -> bytes | None:
    """The first line that the expression does not take; those it takes are not counted, which old scripts rely on."""
    while True:
        raw = lines.read_line()
        if raw is None or layout.skip is None or not layout.skip.fullmatch(layout.decode(raw, skipped + 1)):
            return raw


def _texts(line: str, layout: Layout, lines: LineReader, quote: str, skipped: int) -> list[str]:
    """The fields of the header; an empty last one is a trailing delimiter."""
    plain = Layout(layout.delimiter, quote, excel=False)
    while True:
        try:
            texts, _ = split_fields(line.rstrip(layout.trimmed), plain, len(line) + 1)
        except LineError as error:
            following = lines.read_line() if layout.multi_line and error.may_continue else None
            if following is None:
                raise Invalid(f"file finished inside quote: {error.reason} in the header line", lineNumber=skipped + 1) from error
            line = f"{line} {layout.decode(following, skipped + 1)}"
        else:
            return texts[:-1] if len(texts) > 1 and not texts[-1] else texts


def _named(texts: Sequence[str], structured: bool) -> list[Path]:
    names = []
    for text in texts:
        if not text:
            raise Invalid("empty column names are not allowed", knownColumns=list(texts))
        name = Path.parse(text) if structured else Path.of(text)
        if name in names:
            raise Invalid("Duplicate column name in CSV file", columnName=str(name))
        names.append(name)
    return names
