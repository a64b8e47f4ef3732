"""Blocks of lines to columns by Arrow's CSV reader, where it is sure to agree with the tokenizer; None where it is not.

Arrow gives the fields' texts; their types are decided here by the rules of the chapter, on whole arrays. What makes a block unsure:

- a line end, blank or quote in a place where the two readers differ (`_is_plain`, on the raw bytes);
- a line whose number of fields is not exactly that of the columns, or bytes that are no UTF-8 (Arrow refuses the block).

Source: datasets-and-procedures.md, 4.10.
"""

from __future__ import annotations

import numpy
import numpy.typing
import pyarrow
import pyarrow.compute
import pyarrow.csv

from datapod_server.datasets.packing import EXACT_DOUBLE, Packed, pack
from datapod_server.procedures.text.block import Block
from datapod_server.procedures.text.fields import value_of
from datapod_server.procedures.text.layout import Layout
from datapod_server.storage.engine import ColumnKind
from datapod_server.values.atoms import Atom

_PIECE_BYTES = 1 << 20
# Texts that may be numbers by the rules of `fields.py`; all others certainly are not.
_NUMERIC = r"^[ \t\n\v\f\r]*[+-]?(?:[0-9.]|(?i:inf|nan))[0-9a-zA-Z_.+()-]*$"
_NOT_AT_THE_END = numpy.frombuffer(b" \t\r\n", numpy.uint8)  # of a line: it would be empty, or white space to be cut


def covers(layout: Layout) -> bool:
    """Whether the fast road can be tried at all for such a file."""
    return layout.skip is None and not layout.replacement and bool(layout.delimiter) and layout.delimiter not in '\r\n\0 \t"'


def read_block(body: bytes, first_number: int, count: int, layout: Layout) -> Block | None:
    """The block's rows, every line one row; None if only the exact road can say."""
    if layout.encoding == "ascii" and not body.isascii():
        return None
    if not _is_plain(body, layout):
        return None
    if layout.encoding == "latin-1" and not body.isascii():
        body = body.decode("latin-1").encode()
    names = [str(place) for place in range(count)]
    try:
        table = pyarrow.csv.read_csv(
            pyarrow.BufferReader(body),
            pyarrow.csv.ReadOptions(column_names=names, block_size=_PIECE_BYTES),
            pyarrow.csv.ParseOptions(delimiter=layout.delimiter, quote_char=layout.quote or False, ignore_empty_lines=False),
            pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pyarrow.string()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
    except pyarrow.ArrowInvalid:
        return None
    lines = body.count(b"\n") + 1
    if table.num_rows != lines:
        return None
    hexadecimal = (b"x" in body and b"0x" in body) or (b"X" in body and b"0X" in body)
    columns = [typed(column.combine_chunks(), hexadecimal=hexadecimal) for column in table.columns]
    return Block(range(first_number, first_number + lines), columns, [], lines)


def typed(texts: pyarrow.StringArray, *, hexadecimal: bool) -> Packed:
    """Values of the fields' texts, each by itself; an empty field is null already.

    `hexadecimal`: one of them may be such a number, for which Arrow's rules are others.
    """
    if texts.null_count == len(texts):
        return pack([None] * len(texts))
    if not hexadecimal:
        packed = _integers(texts) or _numbers(texts)
        if packed is not None:
            return packed
    distinct = texts.dictionary_encode()
    if len(distinct.dictionary) <= max(1000, len(texts) // 4):
        values = pack([value_of(text) for text in distinct.dictionary.to_pylist()])
        only_text = values.base is ColumnKind.TEXT and values.overflow is None
        return Packed(ColumnKind.TEXT, texts) if only_text else _taken(values, distinct.indices)
    candidates = pyarrow.compute.match_substring_regex(texts, _NUMERIC)
    if not pyarrow.compute.any(candidates).as_py():
        return Packed(ColumnKind.TEXT, texts)
    return pack([_value(text) for text in texts.to_pylist()])


def _value(text: str | None) -> Atom:
    return None if text is None else value_of(text)


def _integers(texts: pyarrow.StringArray) -> Packed | None:
    try:
        return Packed(ColumnKind.INTEGER, texts.cast(pyarrow.int64()))
    except pyarrow.ArrowInvalid:
        return None


def _numbers(texts: pyarrow.StringArray) -> Packed | None:
    """None if one text is no number, or if a whole one may have lost digits."""
    try:
        numbers = texts.cast(pyarrow.float64())
    except pyarrow.ArrowInvalid:
        return None
    finite = pyarrow.compute.if_else(pyarrow.compute.is_finite(numbers), numbers, None)
    largest = pyarrow.compute.max(pyarrow.compute.abs(finite)).as_py()
    return Packed(ColumnKind.NUMBER, numbers) if largest is None or largest < EXACT_DOUBLE else None


def _taken(distinct: Packed, places: pyarrow.Array) -> Packed:
    overflow = None if distinct.overflow is None else distinct.overflow.take(places)
    return Packed(distinct.base, distinct.values.take(places), overflow)


def _is_plain(body: bytes, layout: Layout) -> bool:
    """Whether line ends, white space and quotes stand only where both readers understand them alike."""
    if body.startswith((b"\n", b"\r", b"\xef\xbb\xbf")) or body.endswith((b" ", b"\t")) or b"\0" in body:
        return False
    octets = numpy.frombuffer(body, numpy.uint8)
    line_ends = numpy.flatnonzero(octets == 10)
    last = octets[line_ends - 1]
    if b"\r" in body:
        returned = last == 13
        if body.count(b"\r") != numpy.count_nonzero(returned):
            return False
        last = numpy.where(returned, octets[line_ends - 2], last)
    if numpy.isin(last, _NOT_AT_THE_END).any():
        return False
    quote = layout.quote.encode()
    if not quote or quote not in body:
        return True
    return not (layout.excel and b"=" + quote in body) and _quotes_are_plain(octets, line_ends, layout)


def _quotes_are_plain(octets: numpy.typing.NDArray[numpy.uint8], line_ends: numpy.typing.NDArray[numpy.intp], layout: Layout) -> bool:
    """Every quote opens a field, closes one or is doubled inside one, and no line ends inside one.

    Counted from 0, quotes at even places open (or are the second of a doubled pair), those at odd places close (or are the first).
    """
    quote, separators = ord(layout.quote), numpy.array([ord(layout.delimiter), 10], numpy.uint8)
    places = numpy.flatnonzero(octets == quote)
    if len(places) % 2:
        return False
    opening, closing = places[::2], places[1::2]
    before = octets[opening[opening > 0] - 1]
    after = octets[closing[closing < len(octets) - 1] + 1]
    second_of_pair = numpy.isin(opening - 1, closing)[opening > 0]
    if not numpy.all(numpy.isin(before, separators) | second_of_pair):
        return False
    ends = numpy.isin(after, separators) | (after == 13) | (after == quote)
    if not numpy.all(ends):
        return False
    return not numpy.any(numpy.searchsorted(places, line_ends) % 2)
