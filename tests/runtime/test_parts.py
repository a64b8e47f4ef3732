"""Parts of the runtime that need no process: values, output, dialects, the channel, what the zygote loads."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading

import pytest

from datapod_server.runtime.channel import Channel, ChannelClosed
from datapod_server.runtime.output import Capture
from datapod_server.runtime.plain import from_json, to_json
from datapod_server.runtime.worker import is_module_dialect


class Named(dict[str, int]):
    """A subclass, as old code passes them."""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"z": 1, "a": [True, None]}, '{"a":[true,null],"z":1}'),
        ((1, 2.0, 0.1), "[1,2.0,0.1]"),
        ("é\n", '"é\\n"'),
        (Named(a=1), '{"a":1}'),
        ([float("nan"), float("inf"), float("-inf")], '["NaN","Inf","-Inf"]'),
        ({1: 0, None: 2}, '{"1":0,"None":2}'),
    ],
)
def test_values_become_compact_json_with_sorted_keys(value: object, text: str) -> None:
    assert to_json(value).decode() == text


def test_json_literals_of_old_clients_are_read() -> None:
    value = from_json('{"b": Infinity, "a": [1, 2.0]}')
    assert list(value) == ["a", "b"]
    assert value == {"a": [1, 2.0], "b": float("inf")}


@pytest.mark.parametrize(
    ("source", "module"),
    [
        ("from mldb import mldb", True),
        ("import mldb.x", True),
        ("x = request.verb", True),
        ("def f(): return request", True),
        ("request = 1\nprint(request)", False),
        ("def f(request): return request", False),
        ("mldb.plugin.rest_params", False),
        ("mldb.request", False),
    ],
)
def test_the_dialect_follows_from_the_text(source: str, module: bool) -> None:
    assert is_module_dialect(source) is module


def test_streams_do_not_mix_and_what_is_pending_comes_last() -> None:
    entries: list[tuple[str, str]] = []
    capture = Capture(lambda _, stream, text: entries.append((stream, text)), 1000)
    capture.write("stdout", "a")
    capture.write("stderr", "x\n")
    capture.log("l\n")
    capture.write("stdout", "b\nc")
    capture.finish()
    assert entries == [("stderr", "x"), ("log", "l\n"), ("stdout", "ab\nc")]


def test_long_and_many_messages_cross_the_channel_whole() -> None:
    ours, theirs = socket.socketpair()
    here, there = Channel(ours), Channel(theirs)
    messages = [bytes([number]) * (number * 40_000) for number in range(1, 60)]
    sender = threading.Thread(target=lambda: [here.send(message) for message in messages])
    sender.start()
    assert [there.receive() for _ in messages] == messages
    sender.join()
    here.close()
    with pytest.raises(ChannelClosed):
        there.receive()
    with pytest.raises(ChannelClosed):
        there.send(b"x")
    there.close()


def test_the_zygote_loads_nothing_that_is_large_or_holds_keys() -> None:
    code = "import sys, datapod_server.runtime.zygote; print(*sorted(sys.modules))"
    loaded = set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())
    for name in ("duckdb", "pyarrow", "numpy", "cryptography", "starlette", "apsw", "sqlglot", "datapod_server.storage"):
        assert name not in loaded
