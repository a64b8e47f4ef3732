"""The server process: what the supervisor starts. Reads its orders from standard input, serves, and ends in order.

Order of events: die with the parent; no core dumps; the zygote of in-server code (before any thread or key exists here); vault and
door; the pod of the key file, so that its plugins come back; ready.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging
import os
import resource
import signal
import sys
import threading
from pathlib import Path

import msgspec

from datapod_server.errors import DatapodError
from datapod_server.server.log import start_logging
from datapod_server.server.settings import Orders
from datapod_server.server.supervisor import START_FAILED
from datapod_server.storage import pandas
from datapod_server.workers.zygote import Zygote

log = logging.getLogger("datapod.server")

_PR_SET_PDEATHSIG = 1
_GRACE_SECONDS = 5.0


def main() -> None:
    """Serve until told to stop; never returns to the interpreter's own shutdown, which would race with the HTTP library's threads."""
    die_with_parent(os.getppid())
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold keys and data
    pandas.leave_out()
    orders = msgspec.json.decode(sys.stdin.buffer.read(), type=Orders)
    zygote = Zygote.start()
    # Answers are made of millions of small tuples that die soon and in no cycle: at the usual threshold the collector looked at each of
    # them again and again, which was a third of the time of a long answer.
    gc.set_threshold(50_000, 20, 20)
    start_logging()
    try:
        asyncio.run(_serve(orders, zygote))
    except DatapodError as error:
        log.error("%s", error)
        status = START_FAILED
    except Exception:
        log.exception("the server failed")
        status = 1
    else:
        status = 0
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ends, however it ends. Linux only; elsewhere an orphan stops when asked."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


async def _serve(orders: Orders, zygote: Zygote) -> None:
    from datapod_server.server.house import House
    from datapod_server.server.http import HttpServer

    house = House.build(orders.settings, zygote)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2):
        loop.add_signal_handler(number, stop.set)

    def stop_soon() -> None:
        loop.call_soon_threadsafe(stop.set)

    application = house.application(stop_soon)
    servers = [
        HttpServer(application, descriptor, orders.settings, unix=unix)
        for descriptor, unix in ((orders.inherited.tcp, False), (orders.inherited.unix, True))
        if descriptor is not None
    ]
    tasks = [asyncio.create_task(server.serve()) for server in servers]
    await asyncio.sleep(0)
    os.write(orders.inherited.ready, b"r")
    os.close(orders.inherited.ready)
    threading.Thread(target=house.unlock_own_pod, name="unlock", daemon=True).start()
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
    for server in servers:
        server.end()
    await asyncio.wait(tasks, timeout=_GRACE_SECONDS)
    await asyncio.to_thread(house.close)
    await asyncio.to_thread(zygote.close)
    if orders.settings.listen_socket is not None and stop.is_set():
        Path(orders.settings.listen_socket).unlink(missing_ok=True)


if __name__ == "__main__":
    main()
