"""A lane: a connection of its own for one run at a time, so that no thread hands a run to another on its way.

The thread that has the request sends the `Run` and reads the lane itself; in the worker, a thread that reads the other end runs the code
and answers there. What the code asks meanwhile goes over the main channel, and is carried out on other threads: the reader of a lane
must notice the end of the run's time, however long an answer takes. A lane is used again; many that nobody uses are closed.
"""

from __future__ import annotations

import socket
import struct
import threading

from datapod_server.runtime.channel import Channel, ChannelClosed
from datapod_server.runtime.wire import NewLane, encode

_MOST = 64  # of one worker; runs beyond take the main channel, so that code may call itself at any depth
_SHORTEST_SECONDS = 1e-3  # zero would be no limit
_SPARE = 16  # kept for later runs: each has a thread in the worker


class Lane:
    """The server's end."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._channel = Channel(connection)
        self._seconds: float | None = None
        self.close = self._channel.close

    def send(self, message: bytes, seconds: float | None) -> bool:
        """False if the worker has not taken the message after `seconds`. Raises `ChannelClosed`."""
        self._wait_at_most(seconds)
        try:
            self._channel.send(message)
        except ChannelClosed as error:
            if isinstance(error.__cause__, BlockingIOError):
                return False
            raise
        return True

    def receive(self, seconds: float | None) -> bytes | None:
        """The next message; None if there is none after `seconds`. Raises `ChannelClosed`."""
        self._wait_at_most(seconds)
        try:
            return self._channel.receive()
        except ChannelClosed as error:
            if isinstance(error.__cause__, BlockingIOError):
                return None
            raise

    def wake(self) -> None:
        """Let a thread that waits here read what has arrived, and then the end."""
        try:
            self._socket.shutdown(socket.SHUT_RD)
        except OSError:
            return  # closed meanwhile

    def _wait_at_most(self, seconds: float | None) -> None:
        if seconds != self._seconds:  # mostly it is the limit of the run before
            whole, part = divmod(max(seconds, _SHORTEST_SECONDS), 1.0) if seconds is not None else (0.0, 0.0)
            limit = struct.pack("ll", int(whole), int(part * 1e6))
            for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):  # a waiting socket of Python's own costs a system call more each time
                self._socket.setsockopt(socket.SOL_SOCKET, option, limit)
            self._seconds = seconds


class Lanes:
    """All lanes to one worker. Safe to use from several threads."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._lock = threading.Lock()
        self._free: list[Lane] = []
        self._open = 0

    def take(self) -> Lane | None:
        """A lane that nobody uses, new if need be; None if there are too many, or the worker is gone."""
        with self._lock:
            if self._free:
                return self._free.pop()
            if self._open >= _MOST:
                return None
            self._open += 1
        try:
            ours, theirs = socket.socketpair()
        except OSError:  # too many open files
            self._not_opened()
            return None
        with theirs:
            try:
                self._channel.send(encode(NewLane()), theirs.fileno())
            except ChannelClosed:
                ours.close()
                self._not_opened()
                return None
        return Lane(ours)

    def give_back(self, lane: Lane, *, usable: bool = True) -> None:
        """`usable`: its last run ended as runs should."""
        with self._lock:
            if usable and len(self._free) < _SPARE:
                self._free.append(lane)
                return
            self._open -= 1
        lane.close()

    def close(self) -> None:
        """Close those that nobody uses."""
        with self._lock:
            free, self._free = self._free, []
            self._open -= len(free)
        for lane in free:
            lane.close()

    def _not_opened(self) -> None:
        with self._lock:
            self._open -= 1
