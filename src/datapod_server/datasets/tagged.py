"""Atoms as text with a tag in front: how a stored column holds the values that do not fit its type.

| tag | value | text behind it |
|---|---|---|
| `i` | integer | decimal digits |
| `d` | double | shortest digits that read back the same; `nan`, `inf`, `-inf` |
| `s` | string | itself |
| `t` | timestamp | seconds since 1970, written as a double |
| `v` | interval | months, days and seconds, separated by commas |
| `b` | blob | hexadecimal |
| `p` | path | its printed form |

Null has no tagged form: it is NULL in the engine.
"""

from __future__ import annotations

from datapod_server.values.atoms import Atom, number
from datapod_server.values.interval import Interval
from datapod_server.values.path import Path
from datapod_server.values.timestamp import Timestamp


def tag(atom: Atom) -> str:
    """
    >>> tag(7), tag("x"), tag(b"\\x01")
    ('i7', 'sx', 'b01')
    """
    match atom:
        case Path():
            return f"p{atom}"
        case str():
            return f"s{atom}"
        case int():
            return f"i{atom}"
        case float():
            return f"d{atom!r}"
        case Timestamp():
            return f"t{atom.seconds!r}"
        case Interval():
            return f"v{atom.months},{atom.days},{atom.seconds!r}"
        case bytes():
            return f"b{atom.hex()}"
        case _:
            raise TypeError(f"no tagged form of {type(atom).__name__}")


def untag(text: str) -> Atom:
    """The atom that `tag` was given."""
    content = text[1:]
    match text[0]:
        case "s":
            return content
        case "i":
            return int(content)
        case "d":
            return number(float(content))
        case "t":
            return Timestamp(float(content))
        case "v":
            months, days, seconds = content.split(",")
            return Interval(int(months), int(days), float(seconds))
        case "b":
            return bytes.fromhex(content)
        case "p":
            return Path.parse(content)
        case _:
            raise ValueError("a stored value has an unknown tag: the tables file was written by a newer release")
