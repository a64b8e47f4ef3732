"""A script from request to answer, against the least that a process of its own can cost: fork and wait in a small Python process.

And `datapod run-script` from the command line to its end, for a script that does nothing and for one that records and queries.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

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
_RECORDS_AND_QUERIES = """\
dataset = mldb.create_dataset({"id": "d", "type": "tabular"})
dataset.record_rows([["a", [["x", 1, 0]]], ["b", [["x", 2, 0]]]])
dataset.commit()
assert mldb.query("select sum(x) as s from d")[1][1] == 3
"""
_BAR_SECONDS = 0.015
_COMMAND_BAR_SECONDS = 1.0
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
        _command("run-script of an empty script", "pass"),
        _command("run-script that records and queries", _RECORDS_AND_QUERIES),
    ]


def _command(name: str, source: str) -> Row:
    with tempfile.TemporaryDirectory(prefix="datapod-bench-") as folder:
        script = Path(folder) / "script.py"
        script.write_text(source)
        command = [sys.executable, "-m", "datapod", "run-script", str(script)]
        seconds = median_seconds(lambda: subprocess.run(command, capture_output=True, check=True), repeats=3)
    return Row(name, seconds, "s", "the bar of 1 s", seconds / _COMMAND_BAR_SECONDS, 1.0)
