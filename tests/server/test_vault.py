"""Which pods are open, and for how long: pod-protocol.md, 3.5. Pods here are recorded, not real: only opening and closing matters."""

from __future__ import annotations

import threading

import pytest

from datapod_server.admission import Admission
from datapod_server.errors import NotFound, Unauthorized
from datapod_server.storage.keys import DatabaseKey
from datapod_server.storage.tokens import TokenBox
from datapod_server.vault import Vault, VaultSettings

RIGHT = DatabaseKey.parse("ab" * 32)
WRONG = DatabaseKey.parse("cd" * 32)


class RecordedPod:
    """Counts how often it was closed; `busy` as the test says."""

    def __init__(self) -> None:
        self.closed = 0
        self.is_busy = False

    def busy(self) -> bool:
        return self.is_busy

    def close(self) -> None:
        self.closed += 1


class Opener:
    """Opens recorded pods; the first key that comes for a folder is its key."""

    def __init__(self) -> None:
        self.opened: list[RecordedPod] = []
        self.keys: dict[object, DatabaseKey] = {}
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, directory, key, owner_key):
        assert self.gate.wait(5)
        if self.keys.setdefault(directory, DatabaseKey(key.reveal())) != key:
            raise Unauthorized("Failed to open the database file")
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
            (directory / "items.sqlite").touch()
        self.opened.append(RecordedPod())
        return self.opened[-1]


@pytest.fixture
def opener():
    return Opener()


@pytest.fixture
def make_vault(tmp_path, opener):
    clock = [0.0]

    def make(**settings):
        admission = Admission(hashes=None)
        vault = Vault(tmp_path, opener, admission=admission, tokens=TokenBox(), settings=VaultSettings(**settings), clock=lambda: clock[0])
        vault.clock_now = clock  # type: ignore[attr-defined]
        return vault

    return make


def unlock(vault, key=RIGHT, create=True, owner="aa"):
    visit = vault.visit("10.0.0.1")
    pod = visit.unlock(owner, key, create=create)
    visit.close()
    return pod


def test_a_pod_is_opened_once_and_answers_only_its_own_key(make_vault, opener):
    vault = make_vault()
    assert unlock(vault) is unlock(vault)
    with pytest.raises(Unauthorized):
        unlock(vault, WRONG)
    assert len(opener.opened) == 1


def test_an_idle_pod_is_closed_and_one_in_use_or_busy_is_not(make_vault, opener):
    vault = make_vault(lock_after_seconds=300)
    visit = vault.visit()
    pod = visit.unlock("aa", RIGHT, create=True)
    vault.clock_now[0] = 1000
    vault.lock_idle()
    assert pod.closed == 0
    visit.close()
    visit.close()
    vault.clock_now[0] = 1299
    vault.lock_idle()
    assert pod.closed == 0
    pod.is_busy = True
    vault.clock_now[0] = 1301
    vault.lock_idle()
    assert pod.closed == 0
    pod.is_busy = False
    vault.lock_idle()
    assert pod.closed == 1
    assert unlock(vault) is not pod


def test_lock_after_zero_closes_with_the_request(make_vault, opener):
    vault = make_vault(lock_after_seconds=0)
    unlock(vault)
    assert opener.opened[0].closed == 1


def test_many_first_requests_at_once_open_the_pod_once(make_vault, opener):
    vault = make_vault()
    opener.gate.clear()
    threads = [threading.Thread(target=unlock, args=(vault,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    opener.gate.set()
    for thread in threads:
        thread.join()
    assert len(opener.opened) == 1


def test_without_create_a_missing_pod_stays_missing(make_vault, opener, tmp_path):
    vault = make_vault()
    with pytest.raises(NotFound, match="Account does not exist"):
        unlock(vault, create=False)
    assert opener.opened == []
    assert list(tmp_path.iterdir()) == []
    assert not vault.visit().exists("aa")
    unlock(vault)
    assert vault.visit().exists("aa")


def test_a_failed_opening_keeps_nobody_waiting(make_vault, opener):
    vault = make_vault(lock_after_seconds=0)
    unlock(vault)
    with pytest.raises(Unauthorized):
        unlock(vault, WRONG)
    assert unlock(vault) is opener.opened[1]


def test_closing_the_vault_closes_every_pod_and_opens_none_again(make_vault, opener):
    vault = make_vault()
    unlock(vault, owner="aa")
    unlock(vault, owner="bb")
    vault.close()
    assert [pod.closed for pod in opener.opened] == [1, 1]
    with pytest.raises(NotFound):
        unlock(vault)
