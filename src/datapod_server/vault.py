"""The vault: which pods are unlocked, and when they are locked again.

A pod is opened by the first request that brings its key and stays open while it is used. Every request is checked against
its own credentials all the same: beside an open pod lies a keyed hash of its key, made with a secret of this process, and a
request's key is compared with it in constant time. So an unlocked pod answers nobody who brings a wrong key, and the right
one costs microseconds. Source: pod-protocol.md, 3.2, 3.5; rest-api.md, 15.1.

Life of a pod here: absent ─ opening ─ unlocked (leases, or idle since) ─ closing ─ absent. Opening and closing happen outside
the lock; meanwhile the owner stands in `_moving` and everybody who wants that pod waits.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol

from msgspec import Struct

from datapod_server.admission import Admission, Attempts
from datapod_server.errors import NotFound, StaleToken, Unauthorized
from datapod_server.pod import Pod
from datapod_server.principal import Principal, Scope, token_holder
from datapod_server.rights import parse_rights
from datapod_server.storage.access_tokens import TokenShelf
from datapod_server.storage.keys import DatabaseKey
from datapod_server.storage.tokens import TokenBox

log = logging.getLogger("datapod.vault")

_WRONG_KEY = "Failed to open the database file"
_STALE = "Plugin credentials are no longer valid"
_ANYWHERE = "in process"


class VaultSettings(Struct, frozen=True):
    """What an operator decides about accounts and locking. Source: pod-protocol.md, 19.1."""

    lock_after_seconds: float = 300.0
    account_mode: Literal["auto", "implicit", "registered"] = "auto"
    implicit_accounts: bool = True
    unrestricted_plugins: Literal["allow", "deny"] = "allow"
    attempts: int = 100
    attempts_window_seconds: float = 60.0


class OpenPod(Protocol):
    """Opens or creates one pod; raises `Unauthorized` for a wrong key, and has then created and changed nothing."""

    def __call__(self, directory: Path | None, key: DatabaseKey, owner_key: str) -> Pod: ...


class _Unlocked:
    """An open pod, the keyed hash of its key, and who uses it."""

    __slots__ = ("idle_since", "key_digest", "leases", "owner_key", "pod")

    def __init__(self, owner_key: str, pod: Pod, key_digest: bytes) -> None:
        self.owner_key = owner_key
        self.pod = pod
        self.key_digest = key_digest
        self.leases = 1
        self.idle_since = 0.0


class Vault:
    """All pods of one server. `directory` holds one folder per owner; None keeps every pod in memory."""

    def __init__(
        self,
        directory: Path | None,
        open_pod: OpenPod,
        *,
        admission: Admission,
        tokens: TokenBox,
        shelf: TokenShelf | None = None,
        settings: VaultSettings | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings or VaultSettings()
        self.tokens = tokens
        self.shelf = shelf or TokenShelf(None)
        self.admission = admission
        self.attempts = Attempts(limit=self.settings.attempts, window_seconds=self.settings.attempts_window_seconds, clock=clock)
        self._directory = directory
        self._open_pod = open_pod
        self._clock = clock
        self._digest_key = secrets.token_bytes(32)
        self._changed = threading.Condition()
        self._unlocked: dict[str, _Unlocked] = {}
        self._moving: set[str] = set()
        self._closed = False
        self._kept: _Unlocked | None = None
        self._locker: threading.Thread | None = None

    def visit(self, address: str = _ANYWHERE) -> Visit:
        """The way one request uses the vault; `address` is the peer's, for counting wrong keys."""
        return Visit(self, address)

    def exists(self, owner_key: str) -> bool:
        """Whether this owner has a pod, locked or not."""
        if owner_key in self._unlocked:
            return True
        return self._directory is not None and (self._directory / owner_key / "items.sqlite").exists()

    def keep_unlocked(self, owner_key: str, key: DatabaseKey) -> Pod:
        """Unlock one pod, creating it if need be, for as long as the server lives: the pod of `--trust-loopback`."""
        self._kept = self.take(owner_key, key, create=True)
        return self._kept.pod

    @property
    def kept(self) -> _Unlocked | None:
        return self._kept

    def take(self, owner_key: str, key: DatabaseKey, *, create: bool) -> _Unlocked:
        """An open pod with one lease more; see `Visit.unlock` for the errors."""
        digest = self._digest(key)
        with self._changed:
            while owner_key in self._moving:
                self._changed.wait()
            entry = self._unlocked.get(owner_key)
            if entry is not None:
                if not hmac.compare_digest(entry.key_digest, digest):
                    raise Unauthorized(_WRONG_KEY)
                entry.leases += 1
                return entry
            if self._closed:
                raise NotFound("This server is stopping")
            if not create and not self.exists(owner_key):
                raise NotFound("Account does not exist")
            self._moving.add(owner_key)
        return self._open(owner_key, key, digest)

    def release(self, entry: _Unlocked) -> None:
        """Give a lease back; the last one starts the idle time."""
        with self._changed:
            entry.leases -= 1
            if entry.leases:
                return
            entry.idle_since = self._clock()
        if self.settings.lock_after_seconds <= 0:
            self.lock_idle()

    def lock_idle(self) -> None:
        """Lock every pod whose idle time is over, unless a worker or a run of it is alive, or it exists in memory only."""
        if self._directory is None:
            return
        now = self._clock()
        with self._changed:
            due = [
                entry
                for entry in self._unlocked.values()
                if not entry.leases and entry.idle_since + self.settings.lock_after_seconds <= now and not entry.pod.busy()
            ]
            for entry in due:
                self._start_closing(entry)
        for entry in due:
            self._finish_closing(entry)

    def close(self) -> None:
        """Lock every pod; no pod is opened after that."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            while self._moving:
                self._changed.wait()
            entries = list(self._unlocked.values())
            for entry in entries:
                self._start_closing(entry)
        for entry in entries:
            self._finish_closing(entry)

    def _digest(self, key: DatabaseKey) -> bytes:
        return hashlib.blake2b(key.reveal(), key=self._digest_key, digest_size=32).digest()

    def _open(self, owner_key: str, key: DatabaseKey, digest: bytes) -> _Unlocked:
        entry = None
        try:
            directory = None if self._directory is None else self._directory / owner_key
            entry = _Unlocked(owner_key, self._open_pod(directory, key, owner_key), digest)
            return entry
        finally:
            with self._changed:
                self._moving.discard(owner_key)
                if entry is not None:
                    self._unlocked[owner_key] = entry
                    self._start_locker()
                self._changed.notify_all()

    def _start_closing(self, entry: _Unlocked) -> None:
        del self._unlocked[entry.owner_key]
        self._moving.add(entry.owner_key)

    def _finish_closing(self, entry: _Unlocked) -> None:
        try:
            entry.pod.close()
            log.info("locked the pod of %s...", entry.owner_key[:8])
        finally:
            with self._changed:
                self._moving.discard(entry.owner_key)
                self._changed.notify_all()

    def _start_locker(self) -> None:
        if self._locker is None and 0 < self.settings.lock_after_seconds < threading.TIMEOUT_MAX and self._directory is not None:
            self._locker = threading.Thread(target=self._lock_from_time_to_time, name="vault locker", daemon=True)
            self._locker.start()

    def _lock_from_time_to_time(self) -> None:
        pause_seconds = max(0.05, min(5.0, self.settings.lock_after_seconds / 4))
        while True:
            with self._changed:
                if self._changed.wait_for(lambda: self._closed, timeout=pause_seconds):
                    return
            self.lock_idle()


class Visit:
    """One request's use of the vault. The door makes it, hands it to the desk, and closes it once the answer's body is sent."""

    __slots__ = ("_leases", "_vault", "address")

    def __init__(self, vault: Vault, address: str) -> None:
        self._vault = vault
        self._leases: list[_Unlocked] = []
        self.address = address

    @property
    def settings(self) -> VaultSettings:
        return self._vault.settings

    @property
    def tokens(self) -> TokenBox:
        return self._vault.tokens

    def admit(self, owner_key: str) -> str:
        """Return the owner key; raises `Forbidden` (403 `Unexpected owner`) if the server does not admit it."""
        return self._vault.admission.check(owner_key)

    def exists(self, owner_key: str) -> bool:
        """Whether an admitted owner has a pod; raises `Forbidden` for others."""
        return self._vault.exists(self.admit(owner_key))

    def unlock(self, owner_key: str, key: DatabaseKey, *, create: bool, counted: bool = True) -> Pod:
        """The owner's pod, open until this visit is closed.

        Args:
            create: Make the pod with this key if the owner has none.
            counted: A wrong key counts towards the limit of its address.

        Raises:
            Forbidden: The server does not admit this owner.
            NotFound: There is no such pod and `create` is off.
            Unauthorized: The key does not open the pod; nothing was created or changed.
            TooManyAttempts: Too many wrong keys came from this address.
        """
        self.admit(owner_key)
        self._vault.attempts.check(self.address)
        try:
            entry = self._vault.take(owner_key, key, create=create)
        except Unauthorized:
            if counted:
                self.wrong_credentials()
            raise
        self._leases.append(entry)
        return entry.pod

    def unlock_by_token(self, token_id: str, secret: str, owner_key: str | None) -> tuple[Pod, Principal]:
        """The pod that an access token leads to, open until this visit is closed, and who asks.

        Args:
            owner_key: The owner in the request; None where it names none.

        Raises:
            StaleToken: There is no such token, it was revoked or has expired, or it belongs to another owner.
        """
        content = self._vault.shelf.open(token_id, secret)
        if content is None or (owner_key is not None and owner_key != content.owner_key):
            raise StaleToken(_STALE)
        try:
            pod = self.unlock(content.owner_key, DatabaseKey.parse(content.database_key), create=False, counted=False)
        except (NotFound, Unauthorized) as error:  # the pod was removed, or made anew
            raise StaleToken(_STALE) from error
        token = pod.tokens.use(token_id)
        if token is None:
            raise StaleToken(_STALE)
        rights = None if token.permissions is None else parse_rights(token.permissions)
        return pod, token_holder(token.name, frozenset(map(Scope, token.scopes)), rights)

    def wrong_credentials(self) -> None:
        """Count a failed attempt that never came as far as a pod."""
        if self.address != _ANYWHERE:
            self._vault.attempts.failed(self.address)

    def trusted(self) -> Pod | None:
        """The pod of `--trust-loopback`, if there is one."""
        kept = self._vault.kept
        return None if kept is None else kept.pod

    def close(self) -> None:
        """Give all pods back. May be called twice."""
        while self._leases:
            self._vault.release(self._leases.pop())
