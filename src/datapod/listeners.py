"""Watching a run from beside: a thread that reads its state and ends the plugin when it was aborted or its pod restarted.

Reads go past the local store, so that they never touch objects the plugin is changing. Source: plugin-sdk.md, 8.7 and 13.3.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from datapod.errors import PodError
from datapod.states import RUN_ABORTED, canonical_state

if TYPE_CHECKING:
    from datapod.client import PodClient

logger = logging.getLogger("datapod.listeners")

STALE_CREDENTIALS = 421


class _Listener:
    """Reads the run every `interval` seconds until it is stopped; errors of single reads do not end it."""

    def __init__(self, client: PodClient, run_id: str, callback: Callable[..., Any], interval: float = 5, verbose: bool = False) -> None:
        self.client = client
        self.run_id = run_id
        self.callback = callback
        self.interval = interval
        self.verbose = verbose
        self._stopped = threading.Event()

    def run(self) -> None:
        """Start watching, in a thread that never keeps the process alive."""
        threading.Thread(target=self._watch, name=type(self).__name__, daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _watch(self) -> None:
        while not self._stopped.wait(self.interval):
            try:
                found = self._look()
            except PodError as error:
                logger.debug("reading run %s: %s", self.run_id, error)
                continue
            if found and not self._stopped.is_set():
                self._stopped.set()
                self.callback()

    def _look(self) -> bool:
        raise NotImplementedError("a listener says what it looks for")


class StatusListener(_Listener):
    """Calls back once when the run has a certain status."""

    def __init__(
        self, client: PodClient, run_id: str, status: str, callback: Callable[..., Any], interval: float = 5, verbose: bool = False
    ) -> None:
        super().__init__(client, run_id, callback, interval, verbose)
        self.status = status

    def _look(self) -> bool:
        return any(canonical_state(json.get("status")) == self.status for json in self.client.api.get_item(self.run_id))


class PodHTTPStatusListener(_Listener):
    """Calls back once when reading the run is answered with a certain HTTP status."""

    def __init__(
        self, client: PodClient, run_id: str, callback: Callable[..., Any], http_status: int, interval: float = 5, verbose: bool = False
    ) -> None:
        super().__init__(client, run_id, callback, interval, verbose)
        self.http_status = http_status

    def _look(self) -> bool:
        try:
            self.client.api.get_item(self.run_id)
        except PodError as error:
            return error.status == self.http_status
        return self.http_status == 200


def accept_interrupts() -> None:
    """Make SIGINT interrupt this process. A shell starts background jobs with SIGINT ignored, and so everything that they start."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def force_exit_callback() -> None:
    """Interrupt this process, as Ctrl-C would."""
    print("Status aborted, killing plugin...", flush=True)
    os.kill(os.getpid(), signal.SIGINT)


def get_abort_plugin_listener(client: PodClient, run_id: str, interval: float = 5) -> StatusListener:
    """A listener, already watching, that interrupts the process when the run is aborted."""
    accept_interrupts()
    listener = StatusListener(client, run_id, RUN_ABORTED, force_exit_callback, interval)
    listener.run()
    return listener


def get_pod_restart_listener(client: PodClient, run_id: str, interval: float = 5) -> PodHTTPStatusListener:
    """A listener, already watching, that interrupts the process when its credentials have ended (421)."""

    def interrupt() -> None:
        logger.warning("the pod does not know this run's credentials any more (421); ending the plugin")
        os.kill(os.getpid(), signal.SIGINT)

    accept_interrupts()
    listener = PodHTTPStatusListener(client, run_id, interrupt, STALE_CREDENTIALS, interval)
    listener.run()
    return listener
