"""What code prints and logs, as entries of the run that printed them. Source: python-runtime.md, 3.2, 3.3.

`sys.stdout` and `sys.stderr` are replaced once per process. A write goes to the run of the writing thread; a thread that code starts
belongs to the run that started it.
"""

from __future__ import annotations

import io
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

Emit = Callable[[float, str, str], None]
"""Time in seconds, stream, text: one entry."""


class Capture:
    """The output of one run. Each stream keeps its own pending text. `run` is whose output it is."""

    def __init__(self, emit: Emit, limit_bytes: int, run: Any = None) -> None:
        self.run = run
        self._emit = emit
        self._left = limit_bytes
        self._lock = threading.Lock()
        self._pending: dict[str, tuple[float, str]] = {}
        self._printed_nothing: set[str] = set()  # streams whose pending text is an empty write: `print("")` is an entry, `print()` is none

    def write(self, stream: str, text: str) -> None:
        """One write of the code, split into entries by the rules of 3.3."""
        with self._lock:
            started, before = self._pending.pop(stream, (time.time(), ""))
            if text == "\n":
                if before:
                    self._entry(started, stream, before)
                elif stream in self._printed_nothing:
                    self._entry(started, stream, "")
                self._printed_nothing.discard(stream)
            elif text.endswith("\n"):
                self._printed_nothing.discard(stream)
                self._entry(started, stream, before + text[:-1])
            else:
                if not before and not text:
                    self._printed_nothing.add(stream)
                self._pending[stream] = (started, before + text)

    def log(self, text: str) -> None:
        """One entry of the stream `log`; not split."""
        with self._lock:
            self._entry(time.time(), "log", text)

    def finish(self) -> None:
        """What is pending becomes a last entry."""
        with self._lock:
            for stream, (started, text) in self._pending.items():
                if text:
                    self._entry(started, stream, text)
            self._pending.clear()

    def _entry(self, seconds: float, stream: str, text: str) -> None:
        if self._left <= 0:
            return
        self._left -= len(text)
        if self._left <= 0:
            self._emit(seconds, stream, text)
            self._emit(time.time(), "log", "the output of this run is longer than its limit; the rest was dropped")
            return
        self._emit(seconds, stream, text)


class Captures:
    """Which run a thread's output belongs to."""

    def __init__(self) -> None:
        self._local = threading.local()
        self.fallback: Capture | None = None  # of threads that nobody adopted

    def current(self) -> Capture | None:
        capture: Capture | None = getattr(self._local, "capture", None)
        return capture or self.fallback

    def enter(self, capture: Capture | None) -> None:
        self._local.capture = capture


class CapturedStream(io.TextIOBase):
    """A text stream that hands every write to the run of the writing thread."""

    def __init__(self, name: str, captures: Captures) -> None:
        self._name = name
        self._captures = captures

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        return "replace"

    @property
    def name(self) -> str:
        return f"<{self._name}>"

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        capture = self._captures.current()
        if capture is not None:
            capture.write(self._name, text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:  # type: ignore[override]
        for line in lines:
            self.write(line)

    def isatty(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def flush(self) -> None:
        return


def install(captures: Captures) -> None:
    """Replace the standard streams, and let threads inherit the run that starts them."""
    sys.stdout = CapturedStream("stdout", captures)
    sys.stderr = CapturedStream("stderr", captures)
    start = threading.Thread.start

    def start_in_same_run(thread: threading.Thread, *arguments: Any) -> None:
        capture = captures.current()
        run = thread.run

        def run_in_same_run() -> None:
            captures.enter(capture)
            run()

        thread.run = run_in_same_run  # type: ignore[method-assign]
        start(thread, *arguments)

    threading.Thread.start = start_in_same_run  # type: ignore[method-assign, assignment]
