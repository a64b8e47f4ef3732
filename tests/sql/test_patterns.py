"""Patterns that match for longer than anybody lives when they are tried the simple way."""

from __future__ import annotations

import re
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapod_server.errors import QueryError
from datapod_server.sql import regular
from datapod_server.sql.builtins.strings import compile_pattern
from datapod_server.sql.like import like


@given(st.text("ab%_\n.", max_size=8), st.text("ab%_\n.", max_size=12))
def test_like_means_what_the_regular_expression_would(pattern: str, text: str) -> None:
    parts = (".*" if char == "%" else "." if char == "_" else re.escape(char) for char in pattern)
    assert like(pattern)(text) == (re.fullmatch("".join(parts), text, re.DOTALL) is not None)


@pytest.mark.parametrize("piece", ["a%", "a_%"])
def test_like_never_looks_back(piece: str) -> None:
    began = time.monotonic()
    assert not like("%" + piece * 20 + "b")("a" * 3000)
    assert time.monotonic() - began < 1


def test_a_regular_expression_gives_up_and_lets_others_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regular, "_SECONDS", 0.5)
    ticks = 0
    stop = threading.Event()

    def tick() -> None:
        nonlocal ticks
        while not stop.wait(0.01):
            ticks += 1

    other = threading.Thread(target=tick)
    other.start()
    try:
        with pytest.raises(QueryError, match="took longer than"):
            compile_pattern("(a|aa)+$", 0).search("a" * 60 + "b")
    finally:
        stop.set()
        other.join()
    assert ticks > 5


def test_a_negated_posix_class_is_negated() -> None:
    assert compile_pattern("[[:^digit:]]+", 0).fullmatch("ab") is not None
    assert compile_pattern("[[:^digit:]]+", 0).fullmatch("12") is None


def test_flags_inside_a_pattern_work() -> None:
    assert compile_pattern("a(?i)b", 0).fullmatch("aB") is not None
