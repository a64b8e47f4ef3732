"""Run tokens: what opens, and the one answer for everything that does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapod_server.errors import Invalid, StaleToken
from datapod_server.storage.keys import DatabaseKey
from datapod_server.storage.tokens import SealedToken, TokenBox

KEY = "AB" * 32
STALE = "Plugin credentials are no longer valid"


def mint(box: TokenBox, run_id: str = "run") -> SealedToken:
    return box.mint("owner", DatabaseKey.parse(KEY), run_id)


def opens(box: TokenBox, sealed: SealedToken, owner_key: str | None = "owner") -> bool:
    try:
        box.open(sealed.nonce, sealed.encrypted_permissions, owner_key)
    except StaleToken as error:
        assert str(error) == STALE
        return False
    return True


def test_a_token_brings_back_what_was_sealed():
    box = TokenBox()
    sealed = mint(box)
    token = box.open(sealed.nonce, sealed.encrypted_permissions, "owner")
    assert (token.owner_key, token.database_key.text(), token.run_id, token.restricted) == ("owner", KEY, "run", False)
    assert box.open_text(sealed.text()).run_id == "run"


def test_a_token_shows_neither_the_key_nor_the_owner_and_is_never_the_same_twice():
    box = TokenBox()
    first, second = mint(box), mint(box)
    assert first != second
    assert len(first.nonce) == 48
    assert KEY.lower() not in first.text() and b"owner".hex() not in first.text()
    assert KEY not in repr(box.open_text(first.text()))


def test_a_token_together_with_its_json_stays_below_two_kibibytes():
    sealed = TokenBox().mint("f" * 128, DatabaseKey.parse(KEY), "r" * 64)
    assert len(str(sealed.wire())) < 2048


@pytest.mark.parametrize(
    ("nonce", "box_text"),
    [("", "00"), ("ab" * 23, "00"), ("ab" * 25, "00"), ("zz" * 24, "00"), ("ab" * 24, ""), ("ab" * 24, "abc"), ("ab" * 24, "xy" * 40)],
)
def test_what_is_no_token_at_all_is_invalid(nonce, box_text):
    with pytest.raises(Invalid):
        TokenBox().open(nonce, box_text)


def test_text_without_a_dot_is_invalid():
    with pytest.raises(Invalid, match=r"nonce\.encryptedPermissions"):
        TokenBox().open_text("ab" * 40)


def test_another_server_process_does_not_open_a_token():
    assert not opens(TokenBox(), mint(TokenBox()))


@given(position=st.integers(min_value=0), flip=st.integers(1, 255))
def test_a_token_with_any_byte_changed_does_not_open(position, flip):
    box = TokenBox()
    sealed = mint(box)
    changed = bytearray.fromhex(sealed.nonce + sealed.encrypted_permissions)
    changed[position % len(changed)] ^= flip
    assert not opens(box, SealedToken(changed[:24].hex(), changed[24:].hex()))


def test_a_token_does_not_open_for_another_owner():
    box = TokenBox()
    assert not opens(box, mint(box), "another")


def test_a_token_dies_with_its_run_and_with_no_other():
    box = TokenBox()
    ended, living = mint(box, "ended"), mint(box, "living")
    box.end_run("owner", "ended")
    assert (opens(box, ended), opens(box, living)) == (False, True)


def test_a_restarted_run_gets_a_token_of_its_own_and_the_old_one_stays_dead():
    box = TokenBox()
    old = mint(box)
    box.end_run("owner", "run")
    new = mint(box)
    assert (opens(box, old), opens(box, new)) == (False, True)


def test_a_token_is_valid_until_its_lifetime_is_over():
    now = [1000.0]
    box = TokenBox(lifetime_seconds=60, clock=lambda: now[0])
    sealed = mint(box)
    now[0] = 1060.0
    assert opens(box, sealed)
    now[0] = 1060.1
    assert not opens(box, sealed)
