"""The process of one plugin or script: forked from the zygote, it talks to the server over one channel.

A reader thread takes the server's messages. A run gets a thread: main and scripts the first one of the process, since some libraries
insist on it; routes one that waits at a lane of its own, or one of the pool, so that a route that waits for the server keeps no other from
being served.
"""

from __future__ import annotations

import ast
import contextlib
import ctypes
import itertools
import os
import queue
import socket
import sys
import threading
import types
import unittest
from collections.abc import Callable
from typing import Any

from datapod_server.runtime import jail, plain
from datapod_server.runtime.channel import Channel, ChannelClosed
from datapod_server.runtime.failures import describe, remember_source
from datapod_server.runtime.mldb_object import Mldb, RestRequest, Returned
from datapod_server.runtime.output import Capture, Captures, install
from datapod_server.runtime.recording import ServerError
from datapod_server.runtime.unit_tests import MldbUnitTest
from datapod_server.runtime.wire import (
    Answer,
    Ask,
    Begin,
    Finished,
    Home,
    Interrupt,
    NewLane,
    Pairs,
    Printed,
    Run,
    Served,
    Service,
    decode_to_worker,
    encode,
    raw,
    value_of,
)
from datapod_server.runtime.wrapper import (
    MldbBaseException,
    Response,
    ResponseException,
    StepsLogger,
    TestSuiteFailureException,
    TooManyRedirectsException,
    mldb_wrapper,
)
from datapod_server.threads import Threads

_ROUTE_THREADS = 4096  # the server counts the requests from outside; nested ones come on top, at any depth


class TimeLimit(BaseException):
    """The wall time of a run is over. Its module is `datapod`, as clients see it."""


TimeLimit.__module__ = "datapod"


class RunState:
    """One run: its request, what it returned, its output, its thread."""

    def __init__(self, order: Run, output_bytes: int, send: Callable[[bytes], None], send_late: Callable[[bytes], None]) -> None:
        """`send` takes messages of this run; `send_late` those of threads that go on after its end."""
        self.order = order
        self._send, self._send_late = send, send_late
        self._sending = threading.Lock()
        self.returned = Returned()
        self.request = None if order.request is None else RestRequest(order.request, self.returned)
        self.capture = Capture(self._printed, output_bytes, self)
        self.thread_id = 0
        self.ended = False
        self._told = False

    def finish(self, finished: Finished) -> None:
        """Tell the server; nothing of this run is sent after it on the same way."""
        with self._sending, contextlib.suppress(ChannelClosed):  # of a lane: the server has given it up
            self._told = True
            self._send(encode(finished))

    def _printed(self, seconds: float, stream: str, text: str) -> None:
        message = encode(Printed(self.order.call, seconds, stream, text))
        with self._sending, contextlib.suppress(ChannelClosed):  # as above
            (self._send_late if self._told else self._send)(message)


class Worker:
    """The worker's side of the conversation."""

    def __init__(self, connection: socket.socket) -> None:
        self.home: Home
        self.captures = Captures()
        self._channel = Channel(connection)
        self._descriptors = self._channel.descriptors = []
        self._calls = itertools.count(1)
        self._waiting: dict[int, queue.SimpleQueue[Answer | Served | None]] = {}
        self._runs: dict[int, RunState] = {}
        self._runs_lock = threading.Lock()
        self._first_thread: queue.SimpleQueue[Run | None] = queue.SimpleQueue()
        self._threads = Threads(_ROUTE_THREADS)
        self._globals: dict[str, Any] = {}
        self._compiled: dict[str, tuple[str, types.CodeType]] = {}  # by uri: the source of the last run and what came of it

    def work(self) -> None:
        """Run what the server orders until it closes the channel."""
        begin = decode_to_worker(self._channel.receive())
        if not isinstance(begin, Begin):
            return
        self.home = begin.home
        self._settle()
        threading.Thread(target=self._read, name="channel", daemon=True).start()
        while (order := self._first_thread.get()) is not None:
            self._run(order)

    def ask(self, verb: str, path: str, query: Pairs, headers: Pairs, body: bytes) -> Answer:
        """Have the server carry out a request, and wait."""
        call = next(self._calls)
        answer = self._exchange(call, encode(Ask(call, verb, path, query, headers, body)))
        if not isinstance(answer, Answer):
            raise ServerError("the server is gone", 503)
        return answer

    def serve(self, name: str, arguments: Any) -> Any:
        """Have the server do what has no route. Raises `ServerError` with the server's text."""
        call = next(self._calls)
        served = self._exchange(call, encode(Service(call, name, raw(arguments))))
        if not isinstance(served, Served):
            raise ServerError("the server is gone", 503)
        if served.error is not None:
            raise ServerError(served.error, served.status, value_of(served.details))
        return value_of(served.value)

    def _exchange(self, call: int, message: bytes) -> Answer | Served | None:
        waiting: queue.SimpleQueue[Answer | Served | None] = queue.SimpleQueue()
        self._waiting[call] = waiting
        try:
            self._send(message)
            return waiting.get()
        finally:
            del self._waiting[call]

    def _send(self, message: bytes) -> None:
        """Tell the server something. Without a channel there is nothing left to do here.

        The reader thread does not notice where code has closed the descriptor below it: the read that is under way keeps the socket open.
        """
        try:
            self._channel.send(message)
        except ChannelClosed:
            os._exit(1)

    def _settle(self) -> None:
        """Become what the home says: import path, streams, names, jail."""
        mldb = Mldb(self)
        install(self.captures)
        sys.argv = [""]
        if self.home.temporary:
            os.environ["TMPDIR"] = self.home.temporary
        if self.home.kind == "plugin":
            sys.path.insert(0, self.home.plugin_directory)
        main = types.ModuleType("__main__")
        sys.modules["__main__"] = main
        self._globals = main.__dict__
        self._names = {"mldb": mldb, "mldb_wrapper": mldb_wrapper, "MldbUnitTest": MldbUnitTest, "unittest": unittest}
        self._globals.update(self._names)
        self._mldb = mldb
        _make_package(mldb)
        jail.enter(writable=self.home.writable, hidden=self.home.hidden, network=self.home.network)

    def _read(self) -> None:
        try:
            while True:
                message = decode_to_worker(self._channel.receive())
                match message:
                    case Answer() | Served():
                        waiting = self._waiting.get(message.call)
                        if waiting is not None:
                            waiting.put(message)
                    case Run():
                        self._start(message)
                    case NewLane():
                        lane = Channel(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, self._descriptors.pop(0)))
                        threading.Thread(target=self._work_lane, args=(lane,), name="lane", daemon=True).start()
                    case Interrupt():
                        self._interrupt(message.call)
                    case Begin():
                        pass  # said once, before this thread exists
        except ChannelClosed:
            os._exit(0)

    def _start(self, order: Run) -> None:
        if order.what in ("script", "main"):
            self._first_thread.put(order)
        else:
            self._threads.submit(lambda: self._run(order))

    def _work_lane(self, lane: Channel) -> None:
        """Run what comes over one lane until the server closes it."""
        with contextlib.suppress(ChannelClosed):
            while isinstance(order := decode_to_worker(lane.receive()), Run):
                self._run(order, lane)
        lane.close()

    def _run(self, order: Run, lane: Channel | None = None) -> None:
        state = RunState(order, self.home.output_bytes, self._send if lane is None else lane.send, self._send)
        state.thread_id = threading.get_ident()
        with self._runs_lock:
            self._runs[order.call] = state
        self.captures.enter(state.capture)
        if order.what in ("script", "main"):
            self.captures.fallback = state.capture
        failure = b""
        try:
            self._execute(state)
        except BaseException as error:  # noqa: BLE001 - user code: whatever ends it is what is reported
            failure = plain.to_json(describe(error, order.uri))
        with self._runs_lock:
            state.ended = True
            del self._runs[order.call]
        state.capture.finish()
        self.captures.enter(None)
        state.finish(_finished(state, failure))

    def _execute(self, state: RunState) -> None:
        order = state.order
        if order.what == "handler":
            self._call_handler(state)
            return
        if order.what == "status" and not order.source:
            plugin = self._mldb.plugin
            if plugin is not None and plugin.status_handler is not None:
                state.returned.set(plugin.status_handler(self._mldb))
            return
        code = self._compile(order.source, order.uri)
        if order.what in ("script", "main"):
            names = self._globals
        else:
            names = {**self._globals, **self._names, "__name__": "__main__"}
        if state.request is not None:
            names["request"] = state.request
        exec(code, names)  # noqa: S102 - running the owner's code is what this process is for

    def _compile(self, source: str, uri: str) -> types.CodeType:
        known, code = self._compiled.get(uri, ("", None))
        if code is None or known != source:
            remember_source(uri, source)
            code = compile(source, uri, "exec", dont_inherit=True)
            self._compiled[uri] = source, code
        return code

    def _call_handler(self, state: RunState) -> None:
        plugin, request = self._mldb.plugin, state.request
        if plugin is None or plugin.request_handler is None or request is None:
            return
        value = plugin.request_handler(
            self._mldb,
            request.remaining,
            request.verb,
            request.resource,
            request.rest_params,
            request.payload,
            request.content_type,
            request.content_length,
            request.headers,
        )
        if value is not None:
            state.returned.set(value)

    def _interrupt(self, call: int) -> None:
        with self._runs_lock:
            state = self._runs.get(call)
            if state is not None and not state.ended:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(state.thread_id), ctypes.py_object(TimeLimit))


def _finished(state: RunState, failure: bytes) -> Finished:
    order, returned = state.order, state.returned
    if failure:
        return Finished(order.call, 400, b"", None, "", (), failure)
    null = returned.given and returned.value is None and not returned.by_request
    if order.what in ("routes", "handler") and (not returned.given or null or returned.status == 0):
        status = _missing_status(order, returned, null)
        return Finished(order.call, status, b"", None, "", (), b"", missing=True)
    result = b"" if (returned.value is None and not returned.by_request) or not returned.given else returned.json
    return Finished(order.call, returned.status or 200, result, returned.body, returned.content_type, returned.headers, b"")


def _missing_status(order: Run, returned: Returned, null: bool) -> int:
    """404 or 500 for a route without a body. Source: python-runtime.md, 5.4."""
    if null:
        return 404
    if returned.given and returned.status == 0:
        return 500
    if order.missing_return:
        return order.missing_return
    return 500 if order.what == "routes" and is_module_dialect(order.source) else 404


def is_module_dialect(source: str) -> bool:
    """Whether a routes text imports `mldb`, or reads the name `request` without binding it itself."""
    reads = binds = False
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import) and any(alias.name.split(".")[0] == "mldb" for alias in node.names):
            return True
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "mldb":
            return True
        if isinstance(node, ast.Name) and node.id == "request":
            reads = reads or isinstance(node.ctx, ast.Load)
            binds = binds or not isinstance(node.ctx, ast.Load)
        if isinstance(node, ast.arg) and node.arg == "request":
            binds = True
    return reads and not binds


def _make_package(mldb: Mldb) -> None:
    """The importable package `mldb`."""
    package = types.ModuleType("mldb")
    package.__path__ = []
    names: dict[str, Any] = {
        "mldb": mldb,
        "mldb_wrapper": mldb_wrapper,
        "MldbUnitTest": MldbUnitTest,
        "MldbBaseException": MldbBaseException,
        "ResponseException": ResponseException,
        "TooManyRedirectsException": TooManyRedirectsException,
        "TestSuiteFailureException": TestSuiteFailureException,
        "Response": Response,
        "StepsLogger": StepsLogger,
        "find_mldb_environment": lambda: mldb,
    }
    package.__dict__.update(names)
    sys.modules["mldb"] = package


def main(descriptor: int) -> None:
    """Entry of a forked process; `descriptor` is its end of the channel."""
    worker = Worker(socket.socket(fileno=descriptor))
    try:
        worker.work()
    except ChannelClosed:
        os._exit(0)
