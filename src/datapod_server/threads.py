"""The door's thread pool: handlers are blocking code, and only the door awaits.

Not `concurrent.futures`: a `Future` and its condition per request cost more than many a handler. Here a job is a callable that
sends its own answer; nobody waits for it. Threads are started when none is idle, and end after a while without work.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator

Job = Callable[[], None]


_MOST_WAITING = 512  # a thread that waits costs memory: what it holds of an answer, and a stack


class Threads:
    """Runs jobs on at most `most` threads; further jobs wait their turn in order. Threads that are `waiting` do not count."""

    def __init__(self, most: int, *, idle_seconds: float = 60.0) -> None:
        self._most = most
        self._idle_seconds = idle_seconds
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._waiting = 0
        self._free = 0  # threads that wait for a job, less the jobs that wait for a thread

    def submit(self, job: Job) -> None:
        """Have `job` run soon on some thread. It must not raise: it reports its own failures."""
        with self._lock:
            self._free -= 1
            start = self._free < 0 and self._threads < self._most
            if start:
                self._threads += 1
                self._free += 1
        self._jobs.put(job)
        if start:
            self._start()

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Around what a job waits for and may wait long, such as a slow client: another thread takes its place meanwhile.

        With more than 512 waiting, further ones keep their places.
        """
        with self._lock:
            replaced = self._waiting < _MOST_WAITING
            if replaced:
                self._waiting += 1
                self._most += 1
            start = self._free < 0 and self._threads < self._most
            if start:
                self._threads += 1
                self._free += 1
        if start:
            self._start()
        try:
            yield
        finally:
            if replaced:
                with self._lock:
                    self._waiting -= 1
                    self._most -= 1

    def close(self) -> None:
        """Let the threads end after what they are doing."""
        with self._lock:
            threads = self._threads
        for _ in range(threads):
            self._jobs.put(None)

    def _start(self) -> None:
        threading.Thread(target=self._work, name="door", daemon=True).start()

    def _work(self) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=self._idle_seconds)
            except queue.Empty:
                with self._lock:
                    if self._free > 0:
                        self._free -= 1
                        self._threads -= 1
                        return
                continue
            if job is None:
                return
            job()
            with self._lock:
                if self._threads > self._most:  # one that took the place of a thread that waited and is back
                    self._threads -= 1
                    return
                self._free += 1
