"""The row hash, bit for bit. Source: sql-language.md, 1.3; sql-functions.md, 10.4."""

from __future__ import annotations

import pytest

from datapod_server.values.path import Path
from datapod_server.values.rowhash import city_hash64, hash_hex, row_hash


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        (("x",), 5748889492429595544),
        (("y",), 8485945050240950339),
        (("z",), 6807992527252360854),
        (("result",), 15368695043997746091),
        (("[]",), 11377327221391349843),
        (('["cat"]',), 6147297802367032795),
        (("row1",), 9657511930026400460),
        (("row2",), 11939232387177687614),
        (("row3",), 5165065399359991982),
        (("0",), 10408321403207385874),
        (("1",), 11413460447292444913),
        (("[10408321403207385874]",), 11729733417614312054),
        (("2",), 17472595041006102391),
        (("a",), 2603192927274642682),
        (("examples", "0"), 7221298543523203641),
        (("x", "y"), 6120314358657868166),
        ((), 0),
    ],
)
def test_a_row_has_the_hash_that_the_chapter_prints(elements: tuple[str, ...], expected: int) -> None:
    assert row_hash(Path(elements)) == expected
    assert hash_hex(Path(elements)) == f"{expected:016x}"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", 11160318154034397263),
        (b"abcd", 17823623939509273229),
        (b"abcdefghi", 7406163328168016081),
        (b"a" * 17, 343169547249257593),
        (b"a" * 33, 6093164426550734462),
        (b"a" * 65, 12195710243953610601),
        (b"a" * 128, 9741977728844983852),
    ],
)
def test_every_length_class_of_the_hash_is_right(content: bytes, expected: int) -> None:
    assert city_hash64(content) == expected


def test_287_of_the_names_2_to_892_have_a_hash_divisible_by_three() -> None:
    assert sum(row_hash(Path.of(str(number))) % 3 == 0 for number in range(2, 893)) == 287
