"""One worker process, the server's side: runs in it, the requests it makes, its limits and its death."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Raw

from datapod_server.errors import DatapodError, Failed
from datapod_server.messages import Cancellation, Request, Response
from datapod_server.principal import Principal
from datapod_server.runtime.channel import Channel, ChannelClosed, FrameTooLong
from datapod_server.runtime.wire import (
    Answer,
    Ask,
    Begin,
    Finished,
    Home,
    Interrupt,
    Printed,
    RequestFacts,
    Run,
    Served,
    Service,
    decode_from_worker,
    encode,
    raw,
    value_of,
)
from datapod_server.threads import Threads
from datapod_server.workers.garbage import COLLECTION
from datapod_server.workers.lane import Lane, Lanes
from datapod_server.workers.outcome import Death, Entry, Outcome
from datapod_server.workers.parameters import Limits
from datapod_server.workers.zygote import Zygote

_AFTER_INTERRUPT_SECONDS = 2.0
_AFTER_KILL_SECONDS = 10.0
_WATCH_SECONDS = 0.05
_IDLE_WATCH_SECONDS = 1.0  # many plugins do nothing most of the time
_MOST_PROCESSES = 256  # of one worker: a fork bomb is ended, a pool of processes is not
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")
_MACHINE_BYTES = os.sysconf("SC_PHYS_PAGES") * _PAGE_BYTES

Perform = Callable[[Request], Response]
Serve = Callable[[str, Any], Any]
"""Carries out a service by name; raises `DatapodError`."""


class _Call:
    """A run that is under way."""

    __slots__ = ("death", "done", "entries", "finished", "lane")

    def __init__(self) -> None:
        self.done = threading.Event()
        self.entries: list[Entry] = []
        self.finished: Finished | None = None
        self.death: Death | None = None
        self.lane: Lane | None = None


class WorkerProcess:
    """A living (or dead) worker. Safe to use from several threads."""

    def __init__(
        self,
        zygote: Zygote,
        home: Home,
        *,
        perform: Perform,
        serve: Serve,
        principal: Principal,
        limits: Limits,
        threads: Threads,
        echo: str | None,
        died: Callable[[Death, bool], None] | None = None,
    ) -> None:
        """`echo`: the category under which output appears on standard error, or None.

        `died` is called once, unless `close` came first, before the calls in the process are answered; its second argument says whether
        there were any. It must not block.
        """
        self._zygote = zygote
        self._perform = perform
        self._serve = serve
        self._principal = principal
        self._limits = limits
        self._threads = threads
        self._echo = echo
        self._died = died
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._calls: dict[int, _Call] = {}
        self._verdict: Death | None = None  # why we ended it
        self._closing = False
        self._gone = threading.Event()
        self.started_seconds = time.time()
        self.pid, connection = zygote.fork(self._on_end)
        self._channel = Channel(connection)
        self._lanes = Lanes(self._channel)
        self._channel.send(encode(Begin(home)))
        threading.Thread(target=self._read, name=f"worker {self.pid}", daemon=True).start()
        threading.Thread(target=self._watch, name=f"watch {self.pid}", daemon=True).start()

    @property
    def alive(self) -> bool:
        return not self._gone.is_set()

    def run(
        self,
        what: str,
        source: str,
        uri: str,
        request: RequestFacts | None,
        *,
        seconds: float | None,
        limit: str,
        missing_return: int = 0,
        cancellation: Cancellation | None = None,
    ) -> Outcome:
        """Run a source in the worker and wait for its end, the end of its time, or the death of the process."""
        call, number = _Call(), next(self._numbers)
        if what not in ("script", "main"):
            call.lane = self._lanes.take()
        with self._lock:
            gone = self._gone.is_set()
            if not gone:
                self._calls[number] = call
        if gone:
            if call.lane is not None:
                self._lanes.give_back(call.lane, usable=False)
            return self._dead(call, self._verdict or Death("worker-died"))
        if cancellation is not None:
            cancellation.on_request(lambda: self.kill(Death("cancelled")))
        message = encode(Run(number, what, source, uri, request, missing_return))
        verdict = Death("time-limit", limit=limit, seconds=seconds or 0.0)
        if call.lane is not None:
            self._run_on_lane(call.lane, number, call, message, seconds, verdict)
        else:
            self._run_on_channel(number, call, message, seconds, verdict)
        with self._lock:
            self._calls.pop(number, None)
        return self._outcome(call)

    def kill(self, verdict: Death) -> None:
        """End the process at once; calls in it are answered with the verdict."""
        with self._lock:
            if self._verdict is None:
                self._verdict = verdict
        self._zygote.kill(self.pid)

    def close(self) -> None:
        """End the process; nobody is told. Returns when it has ended."""
        self._closing = True
        self._channel.close()
        if not self._gone.wait(_AFTER_INTERRUPT_SECONDS):
            self.kill(Death("cancelled"))
            self._gone.wait(10)

    def memory_bytes(self) -> int:
        """Resident memory of the process and its children."""
        return sum(_resident_bytes(pid) for pid in _family(self.pid))

    def _run_on_channel(self, number: int, call: _Call, message: bytes, seconds: float | None, verdict: Death) -> None:
        try:
            self._channel.send(message)
        except ChannelClosed:
            call.done.wait(_AFTER_INTERRUPT_SECONDS)  # the end of the process settles the call
        if call.done.wait(seconds):
            return
        self._interrupt(number)
        if call.done.wait(_AFTER_INTERRUPT_SECONDS):
            if call.death is None:
                call.death = verdict
            return
        self.kill(verdict)
        call.done.wait(_AFTER_KILL_SECONDS)
        call.death = verdict

    def _run_on_lane(self, lane: Lane, number: int, call: _Call, message: bytes, seconds: float | None, verdict: Death) -> None:
        in_time = False
        try:
            in_time = lane.send(message, seconds) and self._read_lane(lane, number, call, seconds)
            if in_time:
                call.death = None  # the process died after the end of this run, if it did
            else:
                self._interrupt(number)
                if not self._read_lane(lane, number, call, _AFTER_INTERRUPT_SECONDS):
                    self.kill(verdict)
                    self._read_lane(lane, number, call, _AFTER_KILL_SECONDS)
                call.death = verdict
        except ChannelClosed:
            self._settle_death(call, verdict)
        self._lanes.give_back(lane, usable=in_time)

    def _settle_death(self, call: _Call, verdict: Death) -> None:
        """The lane has ended without an answer: so has the process, or it is to end."""
        if not call.done.wait(_AFTER_INTERRUPT_SECONDS):
            self.kill(Death("worker-died"))
            call.done.wait(_AFTER_KILL_SECONDS)
        if self._verdict is verdict:
            call.death = verdict

    def _read_lane(self, lane: Lane, number: int, call: _Call, seconds: float | None) -> bool:
        """Take what the run sends until its end; False when the time is over. Raises `ChannelClosed`."""
        ends = None if seconds is None else time.monotonic() + seconds
        left = seconds
        while (content := self._next(lane, left)) is not None:
            try:
                message = decode_from_worker(content)
            except msgspec.DecodeError:
                raise self._broken() from None
            if isinstance(message, Finished) and message.call == number:
                call.finished = message
                return True
            if isinstance(message, Printed):
                self._keep(message)
            if ends is not None:
                left = max(ends - time.monotonic(), 0.0)
        return False

    def _next(self, lane: Lane, seconds: float | None) -> bytes | None:
        try:
            return lane.receive(seconds)
        except FrameTooLong:
            raise self._broken() from None

    def _broken(self) -> ChannelClosed:
        """End a worker that does not speak the language: its code has broken it."""
        self.kill(Death("worker-died"))
        return ChannelClosed()

    def _interrupt(self, number: int) -> None:
        with contextlib.suppress(ChannelClosed):
            self._channel.send(encode(Interrupt(number)))

    def _outcome(self, call: _Call) -> Outcome:
        finished = call.finished
        if call.death is not None or finished is None:
            return self._dead(call, call.death or Death("worker-died"))
        return Outcome(
            status=finished.status,
            result=finished.result,
            failure=finished.failure,
            entries=tuple(call.entries),
            body=finished.body,
            content_type=finished.content_type,
            headers=finished.headers,
            missing=finished.missing,
        )

    def _dead(self, call: _Call, death: Death) -> Outcome:
        return Outcome(death.http_status, b"", b"", tuple(call.entries), death=death)

    def _read(self) -> None:
        try:
            while True:
                self._take(decode_from_worker(self._channel.receive()))
        except ChannelClosed:
            return
        except (msgspec.DecodeError, FrameTooLong):
            self._broken()

    def _take(self, message: Ask | Service | Printed | Finished) -> None:
        match message:
            case Ask():
                self._threads.submit(lambda: self._answer(message))
            case Service():
                self._threads.submit(lambda: self._do_service(message))
            case Printed():
                self._keep(message)
            case Finished():
                call = self._calls.get(message.call)
                if call is not None:
                    call.finished = message
                    call.done.set()

    def _keep(self, printed: Printed) -> None:
        call = self._calls.get(printed.call)
        if call is not None:
            call.entries.append(Entry(printed.seconds, printed.stream, printed.text))
        if self._echo is not None:
            moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(printed.seconds))
            with contextlib.suppress(OSError):  # whoever read standard error is gone, as after `| head`; the run goes on
                sys.stderr.write(f"{moment}.{int(printed.seconds % 1 * 1000):03d} {self._echo} {printed.text}\n")
                sys.stderr.flush()

    def _answer(self, ask: Ask) -> None:
        request = Request(
            verb=ask.verb.upper(), path=ask.path, query=ask.query, headers=ask.headers, body=ask.body, principal=self._principal
        )
        try:
            response = self._perform(request)
            answer = Answer(ask.call, response.status, response.headers, response.content())
        except Exception as error:  # noqa: BLE001 - the door of the worker: a fault inside must not leave the code waiting for ever
            answer = Answer(ask.call, 500, (), _internal(error))
        self._reply(answer)

    def _do_service(self, service: Service) -> None:
        try:
            with COLLECTION.paused():  # what crossed may be a million values
                arguments = value_of(service.arguments)
            served = Served(service.call, raw(self._serve(service.name, arguments)))
        except DatapodError as error:
            served = Served(service.call, Raw(b"\xc0"), str(error), error.status, raw(error.details))
        except Exception as error:  # noqa: BLE001 - as above
            served = Served(service.call, Raw(b"\xc0"), f"internal error: {type(error).__name__}", 500)
        self._reply(served)

    def _reply(self, message: Answer | Served) -> None:
        with contextlib.suppress(ChannelClosed):  # the code that asked is gone
            self._channel.send(encode(message))

    def _on_end(self, _pid: int, status: int) -> None:
        with self._lock:
            death = self._verdict or Death("worker-died", status)
            self._gone.set()
            calls = list(self._calls.values())
        self._channel.close()
        open_calls = [call for call in calls if call.finished is None]
        if self._died is not None and not self._closing:
            self._died(death, bool(open_calls))
        for call in open_calls:
            call.death = call.death or death
            call.done.set()
            if call.lane is not None:
                call.lane.wake()
        self._lanes.close()

    def _watch(self) -> None:
        """Look at memory and processor time while the process lives; a limit that is passed ends it."""
        memory_bytes = self._limits.memory_mb * 1024 * 1024 if self._limits.memory_mb else _MACHINE_BYTES / 2
        while not self._gone.wait(_WATCH_SECONDS if self._calls else _IDLE_WATCH_SECONDS):
            family = _family(self.pid)
            if len(family) > _MOST_PROCESSES:
                self.kill(Death("process-limit"))
                return
            if sum(map(_resident_bytes, family)) > memory_bytes:
                self.kill(Death("memory-limit"))
                return
            cpu_seconds = self._limits.cpu_seconds
            if cpu_seconds is not None and _processor_seconds(self.pid) > cpu_seconds:
                self.kill(Death("time-limit", limit="cpuSeconds", seconds=cpu_seconds))
                return


def _internal(error: Exception) -> bytes:
    shown = str(error) if isinstance(error, DatapodError) else str(Failed(f"internal error: {type(error).__name__}"))
    return msgspec.json.encode({"error": shown, "httpCode": 500})


def _family(pid: int) -> list[int]:
    found, position = [pid], 0
    while position < len(found):
        with contextlib.suppress(OSError, ValueError):
            children = Path(f"/proc/{found[position]}/task/{found[position]}/children").read_text().split()
            found.extend(int(child) for child in children)
        position += 1
    return found


def _resident_bytes(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES
    except (OSError, IndexError):
        return 0


def _processor_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS
