"""Paths: the names of rows and columns. Source: sql-language.md, 1.2."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from datapod_server.errors import Invalid

_NEEDS_QUOTES = re.compile(r'[".\x00-\x1f]')
_CONTROL = re.compile(r"[\x00-\x1f]")
_DIGITS = re.compile(rb"[0-9]+")
_INDEX = re.compile(r"0|[1-9][0-9]{0,11}")

ElementKey = tuple[tuple[int, bytes, int], ...]


class Path(tuple[str, ...]):
    """An ordered list of elements, each any text without U+0000.

    >>> str(Path.of("x.y", "z")), Path.parse('"x.y".z')
    ('"x.y".z', Path('x.y', 'z'))
    """

    __slots__ = ()

    @staticmethod
    def of(*elements: str) -> Path:
        return Path(elements)

    @staticmethod
    def parse(text: str) -> Path:
        """Read the printed form, as names in JSON and `parse_path()` are read. Raises `Invalid` for a stray quote or control character."""
        return _parse(text)

    @staticmethod
    def from_json(value: Any) -> Path:
        """A name as it stands in a JSON body: a text is parsed, a whole number is one element, an array is one element per entry.

        Raises:
            Invalid: `null`, other types, or U+0000. The empty array gives the empty path, which callers refuse in their own words.
        """
        if isinstance(value, str):
            return _parse(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return Path((str(value),))
        if isinstance(value, list):
            return Path(_element_from_json(element) for element in value)
        raise Invalid(f"Unparseable JSON Path value: {'null' if value is None else value!r} is no text, whole number or array of elements")

    def __str__(self) -> str:
        return ".".join([_print_element(element) for element in self])

    def __repr__(self) -> str:
        return f"Path({', '.join(map(repr, self))})"

    def __add__(self, other: tuple[str, ...]) -> Path:  # type: ignore[override]
        return Path((*self, *other))

    @property
    def key(self) -> tuple[ElementKey, ...]:
        """Sorts paths in natural order: digit runs as numbers, everything else by UTF-8 bytes."""
        return tuple([_element_key(element) for element in self])

    def starts_with(self, prefix: Path) -> bool:
        """The wildcard match of `prefix*`: the last element of the prefix may end inside an element."""
        count = len(prefix)
        if count == 0:
            return True
        return len(self) >= count and self[: count - 1] == prefix[:-1] and self[count - 1].startswith(prefix[-1])

    def replace_prefix(self, prefix: Path, new: Path) -> Path:
        """The wildcard replacement of `prefix* AS new*` for a path that starts with `prefix`."""
        count = len(prefix)
        if count == 0:
            return new + self
        if not new:
            return Path(self[count:])
        rest = self[count - 1][len(prefix[-1]) :]
        return Path((*new[:-1], new[-1] + rest, *self[count:]))

    @staticmethod
    def is_index(element: str) -> bool:
        """Whether an element addresses a member of an array."""
        return _INDEX.fullmatch(element) is not None


@lru_cache(maxsize=65_536)
def _print_element(element: str) -> str:
    if element == "" or _NEEDS_QUOTES.search(element):
        return '"' + element.replace('"', '""') + '"'
    return element


@lru_cache(maxsize=65_536)
def _element_key(element: str) -> ElementKey:
    """Each digit run and each stretch of other bytes becomes one part.

    A number sorts where its first digit would among other bytes. Of equal numbers the one with more leading zeros comes first.
    """
    content = element.encode()
    parts: list[tuple[int, bytes, int]] = []
    position = 0
    for match in _DIGITS.finditer(content):
        parts += [(byte, b"", 0) for byte in content[position : match.start()]]
        digits = match.group()
        value = digits.lstrip(b"0")
        # 0x30 is the byte of "0"; the length first, then the digits, compare values of any size.
        parts.append((0x30, len(value).to_bytes(4, "big") + value, -len(digits)))
        position = match.end()
    parts += [(byte, b"", 0) for byte in content[position:]]
    return tuple(parts)


def _element_from_json(element: Any) -> str:
    if isinstance(element, str):
        if "\x00" in element:
            raise Invalid("a path element must not contain U+0000")
        return element
    if isinstance(element, int) and not isinstance(element, bool):
        return str(element)
    raise Invalid(f"Unparseable JSON Path value: the element {element!r} is no text or whole number")


@lru_cache(maxsize=65_536)
def _parse(text: str) -> Path:
    if '"' not in text:
        if _CONTROL.search(text):
            raise Invalid(f"Error parsing path {text!r}: Special characters must be quoted and nulls are not accepted.")
        return Path(text.split("."))
    elements: list[str] = []
    position, length = 0, len(text)
    while True:
        element, position = _quoted(text, position) if text.startswith('"', position) else _bare(text, position)
        elements.append(element)
        if position == length:
            return Path(elements)
        position += 1  # the dot; `_quoted` and `_bare` stop nowhere else


def _quoted(text: str, start: int) -> tuple[str, int]:
    position = start + 1
    while True:
        end = text.find('"', position)
        if end < 0:
            raise Invalid(f"Error parsing path {text!r}: no closing quote for the element at position {start + 1}")
        if text.startswith('""', end):
            position = end + 2
            continue
        if end + 1 < len(text) and text[end + 1] != ".":
            raise Invalid(f"Error parsing path {text!r}: invalid char in PathElement after the closing quote. Quotes must be doubled")
        element = text[start + 1 : end].replace('""', '"')
        if "\x00" in element:
            raise Invalid("a path element must not contain U+0000")
        return element, end + 1


def _bare(text: str, start: int) -> tuple[str, int]:
    end = text.find(".", start)
    end = len(text) if end < 0 else end
    element = text[start:end]
    if '"' in element:
        raise Invalid(f"Error parsing path {text!r}: invalid char in PathElement {element!r}. Quotes must be doubled")
    if _CONTROL.search(element):
        raise Invalid(f"Error parsing path {text!r}: Special characters must be quoted and nulls are not accepted.")
    return element, end
