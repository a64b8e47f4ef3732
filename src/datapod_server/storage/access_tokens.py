"""Access tokens: what an owner hands to scripts and other devices instead of the keys. They outlive the server process.

A token is the text `ID.SECRET`. Under the ID the server keeps a box that only the SECRET opens, and the SECRET it does not keep: so the
shelf tells nobody who reads the disk which pods it leads to. Which tokens are valid, their pod knows: a box whose token was revoked leads
nowhere. The box is ChaCha20-Poly1305 (RFC 8439) under a key from HKDF-SHA256 (RFC 5869) of the SECRET. Source: pod-protocol.md, 23.8.
"""

from __future__ import annotations

import os
import re
import secrets
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Struct

from datapod_server.errors import NotFound
from datapod_server.storage.keys import DatabaseKey
from datapod_server.storage.sqlite import Database

_ID = re.compile(r"[0-9a-f]{48}")
_SECRET = re.compile(r"[0-9a-f]{64}")
_LABEL = b"datapod access token v1"
_NONCE_BYTES = 12
_USE_NOTED_AFTER_MS = 60_000
_DAY_MS = 86_400_000

_TABLE = """
CREATE TABLE IF NOT EXISTS access_tokens (id TEXT PRIMARY KEY, name TEXT NOT NULL, scopes TEXT NOT NULL, permissions TEXT,
    created INTEGER NOT NULL, expires INTEGER, used INTEGER) WITHOUT ROWID
"""
_COLUMNS = "id, name, scopes, permissions, created, expires, used"


class TokenContent(Struct, frozen=True):
    """What a box holds: the way into the pod, and nothing else; what the token may do stands in the pod."""

    owner_key: str
    database_key: str


class AccessToken(Struct, frozen=True):
    """A token as its pod lists it; times in ms since 1970.

    Attributes:
        permissions: A declaration as JSON text that narrows it; None: nothing does.
        expires: None: never.
        used: When it was last used, to the minute.
    """

    id: str
    name: str
    scopes: tuple[str, ...]
    permissions: str | None
    created: int
    expires: int | None
    used: int | None


def is_access_token(token_id: str, secret: str) -> bool:
    """Whether this has the form of one; sealed tokens of runs have longer boxes."""
    return _ID.fullmatch(token_id) is not None and _SECRET.fullmatch(secret) is not None


class TokenShelf:
    """The boxes of one server; `directory` None keeps them in memory."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._memory: dict[str, bytes] = {}

    def put(self, content: TokenContent) -> tuple[str, str]:
        """Store a new box; its ID and its SECRET."""
        token_id, secret = secrets.token_hex(24), secrets.token_hex(32)
        nonce = secrets.token_bytes(_NONCE_BYTES)
        box = nonce + _cipher(secret).encrypt(nonce, msgspec.msgpack.encode(content), token_id.encode())
        if self._directory is None:
            self._memory[token_id] = box
        else:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(self._directory / token_id, box)
        return token_id, secret

    def open(self, token_id: str, secret: str) -> TokenContent | None:
        """None for an unknown ID and for a wrong SECRET."""
        if not is_access_token(token_id, secret):
            return None
        box = self._memory.get(token_id)
        if self._directory is not None:
            with suppress(FileNotFoundError):
                box = (self._directory / token_id).read_bytes()
        if box is None:
            return None
        try:
            plain = _cipher(secret).decrypt(box[:_NONCE_BYTES], box[_NONCE_BYTES:], token_id.encode())
        except InvalidTag:
            return None
        return msgspec.msgpack.decode(plain, type=TokenContent)

    def remove(self, token_id: str) -> None:
        self._memory.pop(token_id, None)
        if self._directory is not None and _ID.fullmatch(token_id):
            (self._directory / token_id).unlink(missing_ok=True)


class AccessTokens:
    """The tokens of one pod. Safe to use from several threads."""

    def __init__(self, database: Database, shelf: TokenShelf, owner_key: str, database_key: DatabaseKey) -> None:
        self._database = database
        self._shelf = shelf
        self._owner_key = owner_key
        self._database_key = database_key
        self._lock = threading.Lock()
        self._noted: dict[str, int] = {}
        with database.write() as connection:
            connection.execute(_TABLE)

    def mint(self, name: str, scopes: Sequence[str], permissions: str | None, days: int | None) -> tuple[AccessToken, str]:
        """A new token and its text, which nobody can read again later. `days`: until it expires; None: never."""
        token_id, secret = self._shelf.put(TokenContent(self._owner_key, self._database_key.text()))
        now = _now_ms()
        token = AccessToken(token_id, name, tuple(scopes), permissions, now, None if days is None else now + days * _DAY_MS, None)
        try:
            with self._database.write() as connection:
                row = (token.id, token.name, " ".join(token.scopes), token.permissions, token.created, token.expires, None)
                connection.execute("INSERT INTO access_tokens VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        except BaseException:
            self._shelf.remove(token_id)
            raise
        return token, f"{token_id}.{secret}"

    def all(self) -> list[AccessToken]:
        """Oldest first."""
        with self._database.read() as connection:
            return [_token(row) for row in connection.execute(f"SELECT {_COLUMNS} FROM access_tokens ORDER BY created")]  # noqa: S608

    def use(self, token_id: str) -> AccessToken | None:
        """The token, and note that it was used; None if it was revoked or has expired."""
        with self._database.read() as connection:
            row = connection.execute(f"SELECT {_COLUMNS} FROM access_tokens WHERE id = ?", (token_id,)).fetchone()  # noqa: S608
        now = _now_ms()
        token = None if row is None else _token(row)
        if token is None or (token.expires is not None and now > token.expires):
            return None
        with self._lock:
            due = now - self._noted.get(token_id, token.used or 0) > _USE_NOTED_AFTER_MS
            if due:
                self._noted[token_id] = now
        if due:  # to the minute: a write for every request would cost more than the request
            with self._database.write() as connection:
                connection.execute("UPDATE access_tokens SET used = ? WHERE id = ?", (now, token_id))
        return token

    def revoke(self, token_id: str) -> None:
        """Make it useless at once. Raises `NotFound` for one that this pod does not have."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM access_tokens WHERE id = ?", (token_id,))
            if not connection.changes():
                raise NotFound(f"there is no access token '{token_id}'")
        self._shelf.remove(token_id)


def _cipher(secret: str) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(HKDF(algorithm=SHA256(), length=32, salt=None, info=_LABEL).derive(bytes.fromhex(secret)))


def _write(path: Path, content: bytes) -> None:
    """Complete or not at all, and on the disk when it returns."""
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _token(row: tuple[Any, ...]) -> AccessToken:
    token_id, name, scopes, permissions, created, expires, used = row
    return AccessToken(token_id, name, tuple(scopes.split()), permissions, created, expires, used)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
