"""One field's text to its value: types are decided per field, quoted or not. Source: datasets-and-procedures.md, 4.5."""

from __future__ import annotations

import functools
import re

from datapod_server.values.atoms import Atom, number

# The texts that C's strtoll (base 10) and strtod take whole; both skip white space in front and none behind.
_INTEGER = re.compile(r"[ \t\n\v\f\r]*[+-]?[0-9]+")
_DECIMAL = re.compile(r"[ \t\n\v\f\r]*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_HEXADECIMAL = re.compile(r"[ \t\n\v\f\r]*[+-]?0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)(?:[pP][+-]?[0-9]+)?")
_NAMED = re.compile(r"[ \t\n\v\f\r]*([+-]?)(inf(?:inity)?|nan(?:\([0-9a-z_]*\))?)", re.IGNORECASE)
_NUMERIC_START = frozenset(" \t\n\v\f\r+-.0123456789iInN")


@functools.lru_cache(maxsize=1 << 16)
def value_of(text: str) -> Atom:
    """
    >>> value_of(""), value_of("007"), value_of("1.50"), value_of("1e3"), value_of("5 "), value_of("-"), value_of("0x1F")
    (None, 7, 1.5, 1000, '5 ', '-', 31)
    >>> value_of("99999999999999999999"), value_of("-99999999999999999999")
    (9223372036854775807, -9223372036854775808)
    """
    if not text:
        return None
    if text[0] not in _NUMERIC_START or not text.isascii():
        return text
    if _INTEGER.fullmatch(text):
        return _saturated(text)
    if _DECIMAL.fullmatch(text):
        return number(float(text))
    if _HEXADECIMAL.fullmatch(text):
        return _from_hexadecimal(text)
    named = _NAMED.fullmatch(text)
    return text if named is None else float(named[1] + named[2][:3])


def _saturated(text: str) -> int:
    digits = text.strip()
    if len(digits) > 4000:  # int() refuses very long texts, and leading zeros do not count
        digits = ("-" if digits[0] == "-" else "") + digits.lstrip("+-").lstrip("0")[:40].rjust(1, "0")
    return max(-(2**63), min(2**63 - 1, int(digits)))


def _from_hexadecimal(text: str) -> Atom:
    try:
        return number(float.fromhex(text.strip()))
    except OverflowError:
        return float("-inf" if text.strip()[0] == "-" else "inf")
