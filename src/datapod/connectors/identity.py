"""Ids that follow from where a record comes from, so that a record that is read again meets the item of the first time.

An id is two words of 18 letters: the first says which record (or which shared name space), the second which part of it. So an id tells
by itself whose part it is. 90 bits a word: among 10 million records the chance of any collision is below one in 10^13.
"""

from __future__ import annotations

import base64
import hashlib

import msgspec

_WORD_LETTERS = 18
_WHOLE = "a" * _WORD_LETTERS


def _word(*names: str) -> str:
    # As JSON, so that ("a", "bc") and ("ab", "c") differ; half characters, as odd file names have them, count as their escapes.
    encoded = msgspec.json.encode([name.encode("utf-8", "backslashreplace").decode() for name in names])
    return base64.b32encode(hashlib.sha256(encoded).digest()).decode().lower()[:_WORD_LETTERS]


def record_id(scope: str, external_id: str) -> str:
    """The id of a record's main item.

    Args:
        scope: Within what `external_id` is unique: an account, an address book, a feed.

    >>> record_id("https://example.org/feed", "entry 1") == record_id("https://example.org/feed", "entry 1")
    True
    """
    return _word("record", scope, external_id) + _WHOLE


def part_id(whole_id: str, *names: str) -> str:
    """The id of an item that belongs to a record and goes with it."""
    return whole_id[:_WORD_LETTERS] + _word("part", *names)


def shared_id(name_space: str, value: str) -> str:
    """The id of an item that several records, also of several connectors, point to: `shared_id("email", "ann@example.org")`."""
    return _word("shared", name_space) + _word("value", value)


def belongs_to(item_id: str, whole_id: str) -> bool:
    """Whether an item is a part of a record, or is its main item."""
    return len(item_id) == 2 * _WORD_LETTERS and item_id[:_WORD_LETTERS] == whole_id[:_WORD_LETTERS]


def is_shared(item_id: str, name_space: str) -> bool:
    return len(item_id) == 2 * _WORD_LETTERS and item_id[:_WORD_LETTERS] == _word("shared", name_space)
