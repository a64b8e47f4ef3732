"""Granian, embedded: one process, one event loop, on a socket that is already bound.

Facts tried out with granian 2.8: GET bodies and chunked bodies arrive, `Expect: 100-continue` is answered when the body is read, the raw
path is there in ASGI (in RSGI it is not, and the pod protocol matches raw paths), an application that ends a streamed answer early breaks
the connection, and `receive` tells when a client has gone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.server.embed import Server

from datapod_server.server.application import Application
from datapod_server.server.settings import ServeSettings

# Also the time that an idle connection is kept: clients with connection pools expect 5 minutes (pod-protocol.md, 1.1).
_HEADER_MS = 310_000
_BACKLOG = 1024


class HttpServer(Server):
    """Serves one application on one inherited listening socket."""

    def __init__(self, application: Application, descriptor: int, settings: ServeSettings, *, unix: bool) -> None:
        tls = settings.scheme == "https" and not unix
        super().__init__(
            application,
            interface=Interfaces.ASGINL,
            http=HTTPModes.http1,
            websockets=False,
            log_enabled=False,
            backlog=_BACKLOG,
            http1_settings=HTTP1Settings(header_read_timeout=_HEADER_MS),
            ssl_cert=Path(settings.tls_certificate) if tls and settings.tls_certificate else None,
            ssl_key=Path(settings.tls_key) if tls and settings.tls_key else None,
            ssl_protocol_min=SSLProtocols.tls12,
        )
        self._descriptor = descriptor
        self._unix = unix

    def _init_shared_socket(self) -> None:
        """Use the inherited socket instead of binding one; the library's stubs know neither constructor nor attributes."""
        holder: Any = SocketHolder
        inherited: Any = self
        inherited._ssp = None
        inherited._shd = holder(self._descriptor, self._unix, _BACKLOG)
        inherited._sfd = inherited._shd.get_fd()

    def end(self) -> None:
        """Take no new connections, finish what is being answered, and let `serve` return."""
        self.signal_handler_interrupt()  # type: ignore[no-untyped-call]
