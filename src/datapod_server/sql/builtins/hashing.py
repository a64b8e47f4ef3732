"""`hash()`: HighwayHash-64 with two fixed keys, CityHash64 for paths. Source: sql-functions.md, 10."""

from __future__ import annotations

import struct
from functools import lru_cache

from datapod_server.sql.builtins.builtin import Builtin, Takes
from datapod_server.sql.structures import Embedding, RowValue, Value, as_row
from datapod_server.values.interval import Interval
from datapod_server.values.path import Path
from datapod_server.values.rowhash import city_hash64, row_hash
from datapod_server.values.timestamp import Timestamp

_MASK = 2**64 - 1
_HALF = 2**32 - 1
_I0 = (0xDBE6D5D5FE4CCE2F, 0xA4093822299F31D0, 0x13198A2E03707344, 0x243F6A8885A308D3)
_I1 = (0x3BD39E10CB0EF593, 0xC0ACF169B5F18A8C, 0xBE5466CF34E90C6C, 0x452821E638D01377)
_KEY_OF_ATOMS = (0x1958DF94340E7CBA, 0x00008928FC8B84A0, 0xB4DE473517BB7B44, 0xEE14868F2037839C)
_KEY_OF_ROWS = (*_KEY_OF_ATOMS[:2], 0, 0)
_ZIPPER = (3, 12, 2, 5, 14, 1, 15, 0, 11, 4, 10, 13, 9, 6, 8, 7)

Key = tuple[int, ...]


def _swap(word: int) -> int:
    return (word >> 32) | ((word & _HALF) << 32)


class _State:
    """Four vectors of four words. The names are those of the published algorithm."""

    def __init__(self, key: Key) -> None:
        self.mul0, self.mul1 = list(_I0), list(_I1)
        self.v0 = [initial ^ word for initial, word in zip(_I0, key, strict=True)]
        self.v1 = [initial ^ _swap(word) for initial, word in zip(_I1, key, strict=True)]

    def update(self, words: tuple[int, ...] | list[int]) -> None:
        v0, v1, mul0, mul1 = self.v0, self.v1, self.mul0, self.mul1
        for i in range(4):
            v1[i] = (v1[i] + mul0[i] + words[i]) & _MASK
            mul0[i] ^= (v1[i] & _HALF) * (v0[i] >> 32)
            v0[i] = (v0[i] + mul1[i]) & _MASK
            mul1[i] ^= (v0[i] & _HALF) * (v1[i] >> 32)
        _add_zipped(v0, v1)
        _add_zipped(v1, v0)

    def remainder(self, rest: bytes) -> None:
        size = len(rest)
        for i in range(4):
            self.v0[i] = (self.v0[i] + (size << 32) + size) & _MASK
            halves = self.v1[i] & _HALF, self.v1[i] >> 32
            low, high = (((half << size) | (half >> (32 - size))) & _HALF for half in halves)
            self.v1[i] = low | (high << 32)
        block = bytearray(32)
        whole = size // 4 * 4
        block[:whole] = rest[:whole]
        odd = size % 4
        if size >= 16:
            block[28:32] = rest[-4:]
        elif odd:
            block[16], block[17], block[18] = rest[size - odd], rest[size - odd + odd // 2], rest[size - 1]
        self.update(struct.unpack("<4Q", block))

    def finish(self) -> int:
        for _ in range(4):
            self.update([_swap(self.v0[place]) for place in (2, 3, 0, 1)])
        return (self.v0[0] + self.v1[0] + self.mul0[0] + self.mul1[0]) & _MASK


def _add_zipped(target: list[int], source: list[int]) -> None:
    for pair in (0, 2):
        content = struct.pack("<2Q", source[pair], source[pair + 1])
        low, high = struct.unpack("<2Q", bytes([content[place] for place in _ZIPPER]))
        target[pair] = (target[pair] + low) & _MASK
        target[pair + 1] = (target[pair + 1] + high) & _MASK


@lru_cache(maxsize=65_536)
def highway_hash(content: bytes, key: Key) -> int:
    """HighwayHash-64 in its frozen, published version."""
    state = _State(key)
    for start in range(0, len(content) - 31, 32):
        state.update(struct.unpack_from("<4Q", content, start))
    if len(content) % 32:
        state.remainder(content[len(content) // 32 * 32 :])
    return state.finish()


def hash_value(value: Value) -> int:
    """The hash of any value that is not null, unsigned; times play no part."""
    if isinstance(value, RowValue | Embedding):
        return _hash_members(value)
    if isinstance(value, Path):
        return row_hash(value)
    return highway_hash(_bytes(value), _KEY_OF_ATOMS)


def _hash_members(value: RowValue | Embedding) -> int:
    parts = []
    for name, member, _ in as_row(value, 0.0).members():
        parts.append(struct.pack("<2Q", city_hash64(name.encode()), hash_value(0 if member is None else member)))
    return highway_hash(b"".join(parts), _KEY_OF_ROWS)


def _bytes(value: Value) -> bytes:
    if isinstance(value, int):
        return (value & _MASK).to_bytes(8, "little")
    if isinstance(value, float):
        return struct.pack("<d", value)
    if isinstance(value, Timestamp):
        return struct.pack("<d", value.seconds)
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, Interval):
        return struct.pack("<HHd", abs(value.months), abs(value.days), -abs(value.seconds) if value.negative else value.seconds)
    assert isinstance(value, bytes)
    return value


BUILTINS = (Builtin("hash", hash_value, takes=Takes.VALUES),)
