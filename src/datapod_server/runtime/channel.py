"""Frames over a stream socket: four bytes of length, then one message. Any number of threads send; one receives.

A message may bring a descriptor along, over a Unix socket.
"""

from __future__ import annotations

import array
import socket
import threading

_LENGTH_BYTES = 4
_CLOSED_ON_EXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
_LONGEST = 1 << 30  # whoever receives holds a message whole; a worker that announces more is up to no good
_READ_BYTES = 1 << 16  # more is asked for once a longer message is known to come


class ChannelClosed(Exception):
    """The other side is gone."""


class FrameTooLong(Exception):
    """A message of more than 1 GiB does not cross; the sender splits it or refuses, and a receiver takes nothing of it."""


class Channel:
    """One side of the conversation."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._sending = threading.Lock()
        self._buffer = bytearray()
        self.descriptors: list[int] | None = None
        """What came along with messages and nobody has taken yet, in order; None (nothing may come) unless the receiver sets a list."""

    def send(self, message: bytes, descriptor: int | None = None) -> None:
        """Send one message; blocks while the other side does not read. Raises `ChannelClosed`, `FrameTooLong`."""
        if len(message) > _LONGEST:
            raise FrameTooLong
        head = len(message).to_bytes(_LENGTH_BYTES, "big")
        try:
            with self._sending:
                if descriptor is not None:
                    socket.send_fds(self._socket, [head + message], [descriptor])  # some bytes: a Unix socket takes them as one
                elif len(message) < 65536:
                    self._socket.sendall(head + message)
                else:
                    self._socket.sendall(head)
                    self._socket.sendall(message)
        except OSError as error:
            raise ChannelClosed from error

    def receive(self) -> bytes:
        """The next message; blocks. Raises `ChannelClosed` at its end, also in the middle of a message; `FrameTooLong`."""
        length = int.from_bytes(self._take(_LENGTH_BYTES), "big")
        if length > _LONGEST:
            raise FrameTooLong
        return self._take(length)

    def close(self) -> None:
        """End the conversation; a thread that receives wakes up with `ChannelClosed`. May be called twice."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # the other side was faster
        finally:
            self._socket.close()

    def _take(self, count: int) -> bytes:
        buffer = self._buffer
        while len(buffer) < count:
            try:
                piece = self._receive_piece(max(_READ_BYTES, min(count - len(buffer), 1 << 24)))
            except OSError as error:
                raise ChannelClosed from error
            if not piece:
                raise ChannelClosed
            buffer += piece
        taken = bytes(buffer[:count])
        del buffer[:count]
        return taken

    def _receive_piece(self, most: int) -> bytes:
        if self.descriptors is None:
            return self._socket.recv(most)
        piece, ancillary, _, _ = self._socket.recvmsg(most, socket.CMSG_SPACE(array.array("i").itemsize), _CLOSED_ON_EXEC)
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                self.descriptors += array.array("i", data)
        return piece
