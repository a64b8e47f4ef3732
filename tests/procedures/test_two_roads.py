"""The fast road and the tokenizer give the same rows, numbers and bad lines, whatever the file: datasets-and-procedures.md, 4.10."""

from __future__ import annotations

import io
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from datapod_server.errors import Invalid
from datapod_server.procedures.text import fast
from datapod_server.procedures.text.layout import Layout
from datapod_server.procedures.text.lines import LineReader
from datapod_server.procedures.text.reader import Frame, TextReader
from datapod_server.values.atoms import Atom

PIECES = ["a", "1", "-", "+", ".", "e5", "0", "9007199254740993", "99999999999999999999", "inf", "nan", "NA", "0x1F", "0xFFFFFFFFFFFFFFFF"]
PIECES += ["3.5", "é", "2013-01-01", " ", "1e400", "true", "-0", "007", "N14228"]
NASTY = ['"', '""', ",", "\t", "\r", '="', "=", "\x7f", "\ufeff"]

words = st.lists(st.sampled_from(PIECES), max_size=2).map("".join)
quoted = st.lists(st.sampled_from([*PIECES, '""', ","]), max_size=2).map(lambda pieces: f'"{"".join(pieces)}"')
nasty = st.lists(st.sampled_from([*PIECES, *NASTY]), max_size=3).map("".join)
lines = st.sampled_from([words, st.one_of(words, quoted), nasty]).flatmap(
    lambda field: st.integers(1, 3).flatmap(
        lambda count: st.lists(st.lists(field, min_size=count, max_size=count).map(",".join), min_size=1, max_size=6)
    )
)
layouts = st.builds(
    Layout,
    quote=st.sampled_from(['"', ""]),
    encoding=st.sampled_from(["utf-8", "latin-1", "ascii"]),
    multi_line=st.booleans(),
    ignore_extra=st.booleans(),
    excel=st.booleans(),
)


def read(content: bytes, layout: Layout, frame: Frame, *, fast_road: bool) -> Any:
    """Line numbers with values, bad lines, and how many lines there were; or the text of the error."""
    rows: list[tuple[int, list[Any]]] = []
    bad, count = [], 0
    try:
        reader = TextReader(io.BytesIO(content), layout, frame, fast_road=fast_road)
        for block in reader.blocks():
            values = zip(*(column.atoms() for column in block.columns), strict=True)
            rows += [(number, [comparable(value) for value in row]) for number, row in zip(block.numbers, values, strict=True)]
            bad += [(line.number, line.column, line.reason, line.line) for line in block.bad]
            count += block.lines
    except Invalid as error:
        return str(error)
    return rows, bad, count


def comparable(value: Atom) -> tuple[str, str]:
    """Tells 1 from 1.0 and finds NaN equal to itself."""
    return type(value).__name__, repr(value)


@settings(max_examples=1500, deadline=None)
@given(lines=lines, end=st.sampled_from(["", "\n", "\r\n", "\n\n"]), layout=layouts, limit=st.sampled_from([-1, -1, 0, 2]))
def test_both_roads_agree(lines, end, layout, limit):
    content = ("\n".join(lines) + end).encode()
    frame = Frame(headers=["x", "y"][: lines[0].count(",") + 1], limit=limit)
    count = len(frame.headers)
    body = content.rstrip(b"\r\n")
    taken = bool(body) and fast.covers(layout) and fast.read_block(body, 1, count, layout) is not None
    event(f"road: {'fast' if taken else 'exact'}")
    assert read(content, layout, frame, fast_road=True) == read(content, layout, frame, fast_road=False)


@settings(max_examples=300, deadline=None)
@given(
    lines=st.lists(st.sampled_from(["", "a", "bc", "\r", "  "]), max_size=12),
    end=st.booleans(),
    size=st.integers(1, 9),
    first=st.integers(0, 4),
)
def test_lines_are_the_same_however_the_file_is_cut_into_blocks(lines, end, size, first):
    content = "\n".join(lines).encode() + (b"\n" if end else b"")
    expected = content.rstrip(b"\r\n").split(b"\n") if content.strip(b"\r\n") else []
    reader = LineReader(io.BytesIO(content), block_bytes=size)
    found = []
    for _ in range(first):
        line = reader.read_line()
        if line is not None:
            found.append(line)
    for block in reader.blocks():
        found += block.split(b"\n")
    assert [line.rstrip(b"\r") for line in found] == [line.rstrip(b"\r") for line in expected]


def test_a_large_file_takes_both_roads_block_by_block():
    regular = "\n".join(f'{number},"name {number}",{number / 4}' for number in range(20_000))
    content = f"a,b,c\n{regular}\n1,2\n{regular}\n1,2,3,4\n{regular}\n".encode()
    layout, frame = Layout(), Frame()
    fast_result = read(content, layout, frame, fast_road=True)
    assert fast_result == read(content, layout, frame, fast_road=False)
    assert fast_result[2] == 60_002
    assert [line[:3] for line in fast_result[1]] == [(40_003, 7, "too many columns in row")]
