"""Owner lists and the counting of wrong keys: pod-protocol.md, 3.2; rest-api.md, 15.1."""

from __future__ import annotations

import pytest

from datapod_server.admission import Admission, Attempts
from datapod_server.errors import Forbidden, Invalid, TooManyAttempts

OWNER = "5e" * 32
HASH = "9985b2e4b9b71b28ce59ea5ce77f0b110637b625c6d7f41e982c9510940a2056"


def test_the_documented_hash_admits_its_owner_in_either_case():
    for text in (HASH, HASH.upper(), f"{'0' * 64}, {HASH}"):
        admission = Admission.parse(text)
        assert admission.check(OWNER) == OWNER
        assert admission.check(OWNER.upper()) == OWNER.upper()


@pytest.mark.parametrize("owner", ["11" * 32, "no-hex", "abc"])
def test_others_are_unexpected(owner):
    with pytest.raises(Forbidden, match="Unexpected owner"):
        Admission.parse(HASH).check(owner)


@pytest.mark.parametrize("owner", ["no-hex", "a", "A_b-9"])
def test_any_admits_every_owner_key(owner):
    assert Admission.parse("ANY").check(owner) == owner


@pytest.mark.parametrize("owner", ["", "a/b", "..", "a b", "a" * 129, "é"])
def test_what_could_not_be_a_folder_name_is_no_owner_key_even_for_any(owner):
    with pytest.raises(Forbidden, match="Unexpected owner"):
        Admission.parse("ANY").check(owner)


@pytest.mark.parametrize("text", ["", ",", "any", "ANY," + HASH, "zz", HASH[:-1]])
def test_a_list_that_is_none_is_refused_at_the_start(text):
    with pytest.raises(Invalid):
        Admission.parse(text)


def test_the_limit_holds_per_address_and_ends_with_the_window():
    now = [100.0]
    attempts = Attempts(limit=3, window_seconds=60, clock=lambda: now[0])
    for _ in range(3):
        attempts.check("10.0.0.1")
        attempts.failed("10.0.0.1")
        now[0] += 10
    with pytest.raises(TooManyAttempts) as caught:
        attempts.check("10.0.0.1")
    assert caught.value.retry_after_seconds == 30
    attempts.check("10.0.0.2")
    now[0] = 160.1
    attempts.check("10.0.0.1")
