"""The hash of a path: CityHash64 of the 1.0 generation, folded over the elements. Source: sql-functions.md, 10.3.

It decides the order of ties and the splits of data that scripts rely on, so every bit counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

_MASK = 0xFFFF_FFFF_FFFF_FFFF
_K0 = 0xC3A5C85C97CB3127
_K1 = 0xB492B66FBE98F273
_K2 = 0x9AE16A3B2F90404F
_K3 = 0xC949D7C7509E6557
_MIX = 0x9DDFEA08EB382D69


def row_hash(path: Sequence[str]) -> int:
    """Unsigned 64 bits; 0 for the empty path.

    >>> row_hash(("x",)), row_hash(("x", "y"))
    (5748889492429595544, 6120314358657868166)
    """
    if not path:
        return 0
    result = _element_hash(path[0])
    for element in path[1:]:
        result = _mix(result, _element_hash(element))
    return result


def hash_hex(path: Sequence[str]) -> str:
    """The hash as 16 lower-case hex digits, as `_rowHash` shows it."""
    return f"{row_hash(path):016x}"


@lru_cache(maxsize=65_536)
def _element_hash(element: str) -> int:
    return city_hash64(element.encode())


def city_hash64(content: bytes) -> int:
    """CityHash64, 1.0 generation, unsigned."""
    size = len(content)
    if size <= 16:
        return _up_to_16(content, size)
    if size <= 32:
        return _up_to_32(content, size)
    if size <= 64:
        return _up_to_64(content, size)
    return _above_64(content, size)


def _mix(low: int, high: int) -> int:
    first = ((low ^ high) * _MIX) & _MASK
    first ^= first >> 47
    second = ((high ^ first) * _MIX) & _MASK
    second ^= second >> 47
    return (second * _MIX) & _MASK


def _rotate(value: int, bits: int) -> int:
    value &= _MASK
    return ((value >> bits) | (value << (64 - bits))) & _MASK


def _shift_mix(value: int) -> int:
    value &= _MASK
    return value ^ (value >> 47)


def _word(content: bytes, position: int) -> int:
    return int.from_bytes(content[position : position + 8], "little")


def _half(content: bytes, position: int) -> int:
    return int.from_bytes(content[position : position + 4], "little")


def _up_to_16(content: bytes, size: int) -> int:
    if size > 8:
        first, last = _word(content, 0), _word(content, size - 8)
        return _mix(first, _rotate(last + size, size)) ^ last
    if size >= 4:
        return _mix((size + 8 * _half(content, 0)) & _MASK, _half(content, size - 4))
    if size == 0:
        return _K2
    y = content[0] + 256 * content[size // 2]
    z = size + 4 * content[size - 1]
    return (_shift_mix((y * _K2) ^ (z * _K3)) * _K2) & _MASK


def _up_to_32(content: bytes, size: int) -> int:
    a = (_word(content, 0) * _K1) & _MASK
    b = _word(content, 8)
    c = (_word(content, size - 8) * _K2) & _MASK
    d = (_word(content, size - 16) * _K0) & _MASK
    left = _rotate(a - b, 43) + _rotate(c, 30) + d
    right = a + _rotate(b ^ _K3, 20) - c + size
    return _mix(left & _MASK, right & _MASK)


def _up_to_64(content: bytes, size: int) -> int:
    z = _word(content, 24)
    a = _word(content, 0) + (size + _word(content, size - 16)) * _K0
    b, c = _rotate(a + z, 52), _rotate(a, 37)
    a += _word(content, 8)
    c += _rotate(a, 7)
    a += _word(content, 16)
    vf, vs = a + z, b + _rotate(a, 31) + c
    a = _word(content, 16) + _word(content, size - 32)
    z = _word(content, size - 8)
    b, c = _rotate(a + z, 52), _rotate(a, 37)
    a += _word(content, size - 24)
    c += _rotate(a, 7)
    a += _word(content, size - 16)
    wf, ws = a + z, b + _rotate(a, 31) + c
    r = _shift_mix((vf + ws) * _K2 + (wf + vs) * _K0)
    return (_shift_mix(r * _K0 + vs) * _K2) & _MASK


def _weak(content: bytes, position: int, a: int, b: int) -> tuple[int, int]:
    a += _word(content, position)
    b = _rotate(b + a + _word(content, position + 24), 21)
    c = a
    a += _word(content, position + 8) + _word(content, position + 16)
    b += _rotate(a, 44)
    return (a + _word(content, position + 24)) & _MASK, (b + c) & _MASK


def _above_64(content: bytes, size: int) -> int:
    x = _word(content, size - 40)
    y = (_word(content, size - 16) + _word(content, size - 56)) & _MASK
    z = _mix((_word(content, size - 48) + size) & _MASK, _word(content, size - 24))
    v = _weak(content, size - 64, size, z)
    w = _weak(content, size - 32, y + _K1, x)
    x = (x * _K1 + _word(content, 0)) & _MASK
    for position in range(0, (size - 1) // 64 * 64, 64):
        x = (_rotate(x + y + v[0] + _word(content, position + 8), 37) * _K1) & _MASK
        y = (_rotate(y + v[1] + _word(content, position + 48), 42) * _K1) & _MASK
        x ^= w[1]
        y = (y + v[0] + _word(content, position + 40)) & _MASK
        z = (_rotate(z + w[0], 33) * _K1) & _MASK
        v = _weak(content, position, (v[1] * _K1) & _MASK, x + w[0])
        w = _weak(content, position + 32, z + w[1], y + _word(content, position + 16))
        z, x = x, z
    return _mix(
        (_mix(v[0], w[0]) + _shift_mix(y) * _K1 + z) & _MASK,
        (_mix(v[1], w[1]) + x) & _MASK,
    )
