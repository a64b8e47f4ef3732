"""Encrypted files: streamed in, streamed out, never whole in memory, never readable on disk.

Each file has a random 256-bit key and a 192-bit nonce of its own, which its owner keeps elsewhere (in the encrypted items file). Layout:
frames of 64 KiB of content, each followed by the 16-byte tag of ChaCha20-Poly1305 (RFC 8439). The frame's nonce is the STREAM
construction (Hoang, Reyhanitabar, Rogaway, Vizar 2015): seven bytes of the file's nonce, four of the frame's number, one that marks the
last frame; the first 16 bytes of the file's nonce go into the key by HKDF-SHA256. So frames cannot be swapped, cut off or altered.
An empty file is one empty frame.

On disk a file is called by a keyed hash of its name: who sees the folder cannot even check whether a known file is in it.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Struct

from datapod_server.errors import Failed
from datapod_server.storage.keys import SubKey

FRAME_BYTES = 64 * 1024
_TAG_BYTES = 16
_LABEL = b"datapod file v1"
_UNFINISHED = ".part"


class FileKey(Struct, frozen=True):
    """What opens one file: 64 and 48 hex digits."""

    key: str
    nonce: str

    @staticmethod
    def generate() -> FileKey:
        return FileKey(secrets.token_hex(32), secrets.token_hex(24))

    def __repr__(self) -> str:
        return "FileKey(...)"


class Draft:
    """A file that was received and is not yet kept: `keep` or `discard` ends it.

    Attributes:
        sha256: Of the content, in lower-case hex.
        size_bytes: Of the content.
        key: What opens it.
    """

    def __init__(self, sha256: str, size_bytes: int, key: FileKey, keep: Callable[[str], None], discard: Callable[[], None]) -> None:
        self.sha256 = sha256
        self.size_bytes = size_bytes
        self.key = key
        self.keep = keep
        self.discard = discard


class Blobs:
    """The files of one pod, by name. Safe to use from several threads; two callers must not keep or remove one name at once."""

    def __init__(self, directory: Path | None, key: SubKey) -> None:
        self._directory = directory
        self._key = key
        self._memory: dict[str, bytes] = {}
        self._lock = threading.Lock()

    @staticmethod
    def open(directory: Path | None, key: SubKey) -> Blobs:
        """The folder is made if it is missing, and cleared of what a killed server left unfinished; None keeps files in memory."""
        if directory is not None:
            try:
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                for left_over in directory.glob(f"*{_UNFINISHED}"):
                    left_over.unlink(missing_ok=True)
            except OSError as error:
                raise Failed(f"The files folder cannot be used: {error.strerror}") from error
        return Blobs(directory, key)

    def exists(self, name: str) -> bool:
        if self._directory is None:
            return name in self._memory
        return self._path(self._directory, name).exists()

    def receive(self, chunks: Iterable[bytes]) -> Draft:
        """Encrypt and hash content as it arrives, into an unfinished file that is safe on disk when this returns.

        Raises:
            Failed: The disk is full or broken. Whatever `chunks` raises passes through. Nothing is left behind in either case.
        """
        file_key = FileKey.generate()
        digest = hashlib.sha256()
        if self._directory is None:
            content = bytearray()
            size = _encrypt(chunks, file_key, digest.update, content.extend)
            return Draft(digest.hexdigest(), size, file_key, lambda name: self._remember(name, bytes(content)), content.clear)
        path = self._directory / (secrets.token_hex(16) + _UNFINISHED)
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                size = _encrypt(chunks, file_key, digest.update, file.write)
                _sync(file)
        except OSError as error:
            path.unlink(missing_ok=True)
            if isinstance(error, ConnectionError):
                raise  # the client went away
            raise Failed(f"The file cannot be stored: {error.strerror}") from error
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return Draft(digest.hexdigest(), size, file_key, lambda name: self._keep(path, name), lambda: path.unlink(missing_ok=True))

    def read(self, name: str, key: FileKey) -> Iterator[bytes] | None:
        """The content in pieces of 64 KiB; None if there is no such file. The first piece is checked before this returns.

        Raises:
            Failed: The file was altered, or the key is not its key; also from the iterator, which then yields no altered piece.
        """
        if self._directory is None:
            content = self._memory.get(name)
            if content is None:
                return None
            pieces = _decrypt((content[at : at + FRAME_BYTES + _TAG_BYTES] for at in range(0, len(content), FRAME_BYTES + _TAG_BYTES)), key)
        else:
            try:
                file = self._path(self._directory, name).open("rb")
            except FileNotFoundError:
                return None
            pieces = _decrypt(_frames(file), key)
        return _started(pieces)

    def remove(self, name: str) -> None:
        """Does nothing if there is no such file."""
        if self._directory is None:
            with self._lock:
                self._memory.pop(name, None)
            return
        self._path(self._directory, name).unlink(missing_ok=True)
        _sync_folder(self._directory)

    def close(self) -> None:
        self._key.wipe()

    def _path(self, directory: Path, name: str) -> Path:
        return directory / hmac.new(self._key.reveal(), name.encode(), hashlib.sha256).hexdigest()

    def _keep(self, path: Path, name: str) -> None:
        directory = path.parent
        try:
            path.rename(self._path(directory, name))
            _sync_folder(directory)
        except OSError as error:
            raise Failed(f"The file cannot be stored: {error.strerror}") from error

    def _remember(self, name: str, content: bytes) -> None:
        with self._lock:
            self._memory[name] = content


def _encrypt(chunks: Iterable[bytes], key: FileKey, hash_piece: Callable[[bytes], None], write: Callable[[bytes], object]) -> int:
    """Cut content into frames and hand each on encrypted; the size of the content in bytes."""
    cipher, prefix = _cipher(key)
    pending = bytearray()
    size = number = 0
    for chunk in chunks:
        hash_piece(chunk)
        size += len(chunk)
        pending += chunk
        # One byte is always kept back: only what follows shows that a frame is not the last.
        while len(pending) > FRAME_BYTES:
            write(cipher.encrypt(_nonce(prefix, number, last=False), bytes(pending[:FRAME_BYTES]), _LABEL))
            del pending[:FRAME_BYTES]
            number += 1
    write(cipher.encrypt(_nonce(prefix, number, last=True), bytes(pending), _LABEL))
    return size


def _decrypt(frames: Iterable[bytes], key: FileKey) -> Iterator[bytes]:
    cipher, prefix = _cipher(key)
    number = 0
    frame: bytes | None = None
    for following in frames:
        if frame is not None:
            yield _opened(cipher, _nonce(prefix, number, last=False), frame)
            number += 1
        frame = following
    yield _opened(cipher, _nonce(prefix, number, last=True), frame or b"")


def _opened(cipher: ChaCha20Poly1305, nonce: bytes, frame: bytes) -> bytes:
    try:
        return cipher.decrypt(nonce, frame, _LABEL)
    except (InvalidTag, ValueError) as error:
        raise Failed("The stored file is damaged") from error


def _cipher(key: FileKey) -> tuple[ChaCha20Poly1305, bytes]:
    """The cipher of one file, and the part of the nonce that all its frames share."""
    try:
        secret, nonce = bytes.fromhex(key.key), bytes.fromhex(key.nonce)
    except ValueError as error:
        raise Failed("The key of the stored file is damaged") from error
    return ChaCha20Poly1305(HKDF(algorithm=SHA256(), length=32, salt=nonce[:16], info=_LABEL).derive(secret)), nonce[16:23].ljust(7, b"\0")


def _nonce(prefix: bytes, number: int, *, last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + (b"\1" if last else b"\0")


def _frames(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while frame := file.read(FRAME_BYTES + _TAG_BYTES):
            yield frame


def _started(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same pieces, the first of them made now, so that a damaged file is an error and not half an answer."""
    first = next(pieces)

    def all_pieces() -> Iterator[bytes]:
        yield first
        yield from pieces

    return all_pieces()


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(directory: Path) -> None:
    """A rename is safe when its folder is."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
