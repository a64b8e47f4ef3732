"""A script from request to answer, against the least that a process of its own can cost: fork and wait in a small Python process."""

from __future__ import annotations

import subprocess
import sys
import time

from benchmarks.perform import result, workers
from benchmarks.table import Row, median_seconds
from datapod_server.workers.zygote import Zygote

_FORK = """\
import os, statistics, time
durations = []
for _ in range(200):
    start = time.perf_counter()
    pid = os.fork()
    if pid == 0: os._exit(0)
    os.waitpid(pid, 0)
    durations.append(time.perf_counter() - start)
print(statistics.median(durations))
"""
_BAR_SECONDS = 0.015
_READY_BAR_SECONDS = 0.150


def run(quick: bool) -> list[Row]:
    fork = float(subprocess.run([sys.executable, "-c", _FORK], capture_output=True, text=True, check=True).stdout)
    with workers({}) as code:
        seconds = median_seconds(lambda: result(code, "mldb.set_return(1)", None), repeats=50 if quick else 500, warm_up=5)
    start = time.perf_counter()
    zygote = Zygote.start()
    _, connection = zygote.fork(lambda _pid, _status: None)
    ready = time.perf_counter() - start
    connection.close()
    zygote.close()
    peer = f"fork and wait {fork * 1e3:.2f} ms: {seconds / fork:.0f} times"
    return [
        Row("a script from request to answer", seconds * 1e3, "ms", f"the bar of 15 ms; {peer}", seconds / _BAR_SECONDS, 1.0),
        Row("zygote start to first worker", ready * 1e3, "ms", "the bar of 150 ms", ready / _READY_BAR_SECONDS, 1.0),
    ]
