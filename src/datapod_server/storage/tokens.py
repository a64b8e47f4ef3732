"""Sealed tokens of plugin runs: what a plugin outside the server brings instead of the owner's key.

A token is a box that only this server process can open. Its key is drawn at start, lives in memory and is written nowhere, so a
restart makes every earlier token useless. Source: pod-protocol.md, 3.4 and 23.6.

The box is ChaCha20-Poly1305 (RFC 8439) under a 24-byte random nonce, put together as XChaCha20-Poly1305 does it: the first 16 bytes
choose a key of their own for this token, the last 8 are the inner nonce behind four zero bytes. Where XChaCha20 derives that
key with HChaCha20, which the `cryptography` package does not offer, HKDF-SHA256 (RFC 5869) stands here; both are
pseudo-random functions keyed with the box's key. 192 random bits do not repeat, so no counter has to be kept.
"""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Callable

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Struct

from datapod_server.errors import Invalid, StaleToken
from datapod_server.storage.keys import DatabaseKey, Secret

_NONCE = re.compile(r"[0-9a-fA-F]{48}")
_BOX = re.compile(r"(?:[0-9a-fA-F]{2})+")
_LONGEST_BOX = 4096
_LABEL = b"datapod run token v1"


class RunToken(Struct, frozen=True):
    """What a box holds.

    Attributes:
        restricted: The run was started with a declaration of permissions; without one it is unrestricted.
        minted_seconds: Since 1970-01-01T00:00:00Z.
        last_use_seconds: The latest moment at which the token is valid; None if only the end of the run limits it.
    """

    owner_key: str
    database_key: DatabaseKey
    run_id: str
    restricted: bool
    minted_seconds: float
    last_use_seconds: float | None


class SealedToken(Struct, frozen=True):
    """A token as its plugin holds it: opaque, to be stored and returned unparsed."""

    nonce: str
    encrypted_permissions: str

    def wire(self) -> dict[str, str]:
        """The object that stands under `data` in PluginAuth."""
        return {"nonce": self.nonce, "encryptedPermissions": self.encrypted_permissions}

    def text(self) -> str:
        """The one-line form for `/v1`. Source: pod-protocol.md, 23.6."""
        return f"{self.nonce}.{self.encrypted_permissions}"


class _Content(Struct, frozen=True, array_like=True):
    """The wire form of `RunToken` inside the box."""

    owner_key: str
    database_key: str
    run_id: str
    restricted: bool
    minted_seconds: float
    last_use_seconds: float | None


class TokenBox:
    """Seals and opens the run tokens of one server process. Safe to use from several threads.

    Only tokens that were sealed here and whose run has not ended open: the box remembers the nonces of living runs, so that a
    token dies with its run although it still decrypts.
    """

    def __init__(self, lifetime_seconds: float = 0.0, clock: Callable[[], float] = time.time) -> None:
        """`lifetime_seconds`: how long a token may be used after minting; 0 sets no limit."""
        self._key = Secret(secrets.token_bytes(32))
        self._lifetime_seconds = lifetime_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._living: dict[tuple[str, str], set[str]] = {}

    def mint(self, owner_key: str, database_key: DatabaseKey, run_id: str, *, restricted: bool = False) -> SealedToken:
        """A token for a run that starts now."""
        now = self._clock()
        last_use = now + self._lifetime_seconds if self._lifetime_seconds > 0 else None
        return self.seal(RunToken(owner_key, database_key, run_id, restricted, now, last_use))

    def seal(self, token: RunToken) -> SealedToken:
        """Put a token into a box under a fresh nonce; it opens until `end_run` is called for its run."""
        nonce = secrets.token_bytes(24)
        content = _Content(
            token.owner_key,
            token.database_key.text(),
            token.run_id,
            token.restricted,
            token.minted_seconds,
            token.last_use_seconds,
        )
        box = self._cipher(nonce).encrypt(_inner_nonce(nonce), msgspec.msgpack.encode(content), _LABEL)
        with self._lock:
            self._living.setdefault((token.owner_key, token.run_id), set()).add(nonce.hex())
        return SealedToken(nonce.hex(), box.hex())

    def open(self, nonce: str, encrypted_permissions: str, owner_key: str | None = None) -> RunToken:
        """Open a token that a request brought.

        Args:
            owner_key: The owner in the request's address; None where the request names none.

        Raises:
            Invalid: Not a token at all: the nonce is not 48 hex digits, or the box is no hex.
            StaleToken: Everything else, with one text for all: sealed by another server process, tampered with, used for another
                owner, its run has ended, its time is over.
        """
        if not _NONCE.fullmatch(nonce):
            raise Invalid("PluginAuth: nonce must be 48 hex characters")
        if len(encrypted_permissions) > _LONGEST_BOX or not _BOX.fullmatch(encrypted_permissions):
            raise Invalid("PluginAuth: encryptedPermissions must be hex")
        token = self._decrypt(bytes.fromhex(nonce), bytes.fromhex(encrypted_permissions))
        if token is None or (owner_key is not None and owner_key != token.owner_key) or not self._is_valid(nonce.lower(), token):
            raise _stale()
        return token

    def open_text(self, text: str, owner_key: str | None = None) -> RunToken:
        """`open` for the form `nonce.encryptedPermissions`."""
        nonce, dot, box = text.partition(".")
        if not dot:
            raise Invalid("a run token has the form nonce.encryptedPermissions")
        return self.open(nonce, box, owner_key)

    def end_run(self, owner_key: str, run_id: str) -> None:
        """Make every token of this run useless. Does nothing for a run that has none."""
        with self._lock:
            self._living.pop((owner_key, run_id), None)

    def _is_valid(self, nonce: str, token: RunToken) -> bool:
        if token.last_use_seconds is not None and self._clock() > token.last_use_seconds:
            return False
        with self._lock:
            return nonce in self._living.get((token.owner_key, token.run_id), ())

    def _decrypt(self, nonce: bytes, box: bytes) -> RunToken | None:
        try:
            plain = self._cipher(nonce).decrypt(_inner_nonce(nonce), box, _LABEL)
        except InvalidTag:
            return None
        content = msgspec.msgpack.decode(plain, type=_Content)
        return RunToken(
            content.owner_key,
            DatabaseKey.parse(content.database_key),
            content.run_id,
            content.restricted,
            content.minted_seconds,
            content.last_use_seconds,
        )

    def _cipher(self, nonce: bytes) -> ChaCha20Poly1305:
        key = HKDF(algorithm=SHA256(), length=32, salt=nonce[:16], info=_LABEL).derive(self._key.reveal())
        return ChaCha20Poly1305(key)


def _inner_nonce(nonce: bytes) -> bytes:
    """The last 8 bytes behind four zero bytes, as XChaCha20-Poly1305 has it."""
    return bytes(4) + nonce[16:]


def _stale() -> StaleToken:
    return StaleToken("Plugin credentials are no longer valid")
