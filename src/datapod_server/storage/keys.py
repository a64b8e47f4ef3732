"""Keys of a pod: what the owner brings, and the subkeys that protect each kind of file.

The database key never touches a file. From it, HKDF-SHA256 (RFC 5869) derives one 32-byte key per purpose, so that a key
that leaks from one file opens no other.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from enum import StrEnum

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from datapod_server.errors import Forbidden, Invalid

_OWNER_KEY = re.compile(r"[A-Za-z0-9_-]{1,128}")
_DATABASE_KEY = re.compile(r"[0-9A-Za-z]*")
_HEX_KEY = re.compile(r"[0-9A-F]{64}")


class Purpose(StrEnum):
    """What a subkey is for. The texts go into the derivation: changing one makes every existing file unreadable."""

    ITEMS = "datapod items file v1"
    TABLES = "datapod tables file v1"
    BLOBS = "datapod blobs v1"
    LOGS = "datapod run logs v1"
    SECRETS = "datapod account secrets v1"


class Secret:
    """Key material in a buffer that can be wiped. Shows nothing when printed or formatted, and does not pickle."""

    __slots__ = ("_buffer",)

    def __init__(self, content: bytes) -> None:
        self._buffer = bytearray(content)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"

    def __reduce__(self) -> str:
        raise TypeError("key material is not pickled")

    def __eq__(self, other: object) -> bool:
        """In constant time."""
        return isinstance(other, Secret) and hmac.compare_digest(self._buffer, other._buffer)

    __hash__ = None  # type: ignore[assignment]

    def reveal(self) -> bytes:
        """A copy of the bytes, for the one call that needs them.

        Raises:
            ValueError: The secret was wiped.
        """
        if not self._buffer:
            raise ValueError("this key was wiped when its pod was locked")
        return bytes(self._buffer)

    def wipe(self) -> None:
        """Overwrite the buffer with zeros and forget it."""
        self._buffer[:] = bytes(len(self._buffer))
        self._buffer.clear()


class SubKey(Secret):
    """32 bytes for one purpose."""

    __slots__ = ()

    def hex(self) -> str:
        return self.reveal().hex()


class DatabaseKey(Secret):
    """The secret that opens one pod, as its owner brings it.

    64 hex digits are the raw 32-byte key, in either case of letters; any other text of ASCII letters and digits is a
    passphrase. Source: pod-protocol.md, 3.3.
    """

    __slots__ = ()

    @staticmethod
    def parse(text: str) -> DatabaseKey:
        """Raises `Invalid` for a character outside `0-9A-Za-z`. The empty text simply is a key."""
        if not _DATABASE_KEY.fullmatch(text):
            raise Invalid("Invalid database key character")
        upper = text.upper()
        if _HEX_KEY.fullmatch(upper):
            return DatabaseKey(b"raw:" + bytes.fromhex(upper))
        return DatabaseKey(b"passphrase:" + upper.encode())

    @staticmethod
    def generate_text() -> str:
        """A new key as 64 hex digits."""
        return secrets.token_hex(32)

    def text(self) -> str:
        """The key as it can be given to `parse` again (upper case)."""
        kind, _, content = self.reveal().partition(b":")
        return content.hex().upper() if kind == b"raw" else content.decode()

    def derive(self, purpose: Purpose) -> SubKey:
        """The 32-byte key for one purpose.

        A raw key has full entropy, so one HKDF step is enough (microseconds). A passphrase is stretched with scrypt first.
        """
        kind, _, content = self.reveal().partition(b":")
        if kind == b"passphrase":
            content = hashlib.scrypt(content, salt=b"datapod passphrase v1", n=2**14, r=8, p=1, dklen=32)
        hkdf = HKDF(algorithm=SHA256(), length=32, salt=b"datapod", info=purpose.encode())
        return SubKey(hkdf.derive(content))


def check_owner_key(text: str) -> str:
    """Return the owner key as given; it becomes part of file names, so raise `Forbidden` for anything that is none."""
    if not _OWNER_KEY.fullmatch(text):
        raise Forbidden("Unexpected owner")
    return text


def owner_hash(owner_key: str) -> str | None:
    """SHA-256 over the decoded bytes of a hex owner key, in lower-case hex; None if it is not hex. Source: pod-protocol.md, 3.2."""
    try:
        return hashlib.sha256(bytes.fromhex(owner_key)).hexdigest()
    except ValueError:
        return None
