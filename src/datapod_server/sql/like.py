"""Patterns of LIKE: `%` is any run of characters, `_` is one, everything else is itself. Source: sql-language.md, 5.10.5.

A pattern is not made one regular expression: that would take exponential time for some texts. Its pieces between the `%` are looked for
one after the other, each as early as possible, which decides the same and never looks back.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from datapod_server.sql.regular import Regular

Find = Callable[[str, int, int], int]
"""Where a piece begins at or behind a place and ends not behind another; -1 if nowhere."""


@lru_cache(maxsize=1024)
def like(pattern: str) -> Callable[[str], bool]:
    """What tells whether a whole text matches."""
    first, *middle = pattern.split("%")
    if not middle:
        return _exactly(first)
    last = middle.pop()
    starts, ends = _exactly(first), _exactly(last)
    finds = [(_find(piece), len(piece)) for piece in middle if piece]
    head, tail = len(first), len(last)

    def matches(text: str) -> bool:
        end = len(text) - tail
        if end < head or not starts(text[:head]) or not ends(text[end:]):
            return False
        place = head
        for find, length in finds:
            place = find(text, place, end)
            if place < 0:
                return False
            place += length
        return True

    return matches


def _exactly(piece: str) -> Callable[[str], bool]:
    if "_" not in piece:
        return lambda text: text == piece
    known = [(place, char) for place, char in enumerate(piece) if char != "_"]
    return lambda text: len(text) == len(piece) and all(text[place] == char for place, char in known)


def _find(piece: str) -> Find:
    if "_" not in piece:
        return lambda text, start, end: text.find(piece, start, end)
    regular = Regular("".join("." if char == "_" else Regular.escape(char) for char in piece), Regular.DOTALL)

    def find(text: str, start: int, end: int) -> int:
        match = regular.search(text, start, end)
        return -1 if match is None else match.start()

    return find
