"""What the demo shows has to be able to fail."""

from __future__ import annotations

import io

import pytest
from examples.demo import plot, steps
from examples.demo.account import Account
from rich.console import Console


@pytest.fixture
def account():
    return Account(Console(file=io.StringIO(), width=120))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_a_text_that_lies_in_a_file_in_the_clear_stops_the_demo(tmp_path, account, encoding):
    (tmp_path / "pods").mkdir()
    (tmp_path / "pods" / "items.sqlite").write_bytes(b"\x00\xff" + "John F Kennedy Intl".encode(encoding))
    with pytest.raises(steps.NotAsExpected, match=r"items\.sqlite shows 'John F Kennedy Intl' in the clear"):
        steps.search_files(account, tmp_path)


def test_files_without_the_texts_pass(tmp_path, account):
    (tmp_path / "items.sqlite").write_bytes(bytes(range(256)) * 10)
    steps.search_files(account, tmp_path)


def test_something_lost_in_the_restart_stops_the_demo(account):
    before = {"flights": steps.FLIGHTS, "items('Airport')": steps.AIRPORTS, "items('Carrier')": steps.CARRIERS, "hourly_delays": 19}
    with pytest.raises(steps.NotAsExpected, match="after it"):
        steps.compare(account, before, before | {"hourly_delays": 0})
    with pytest.raises(steps.NotAsExpected, match="not imported"):
        steps.compare(account, before | {"flights": 1}, before | {"flights": 1})


def test_bars_are_as_long_as_their_values_and_negative_ones_are_hollow():
    drawn = plot.bars([{"name": "late", "delay": 20.0}, {"name": "on time", "delay": -10.0}], "name", "delay")
    assert drawn == [f"late     {'█' * 44} 20.0", f"on time  {'░' * 22} -10.0"]
