"""Whoever meets an error of a run finds it, word for word, on the page about runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from datapod_server.errors import DatapodError
from datapod_server.runners.backend import Exit
from datapod_server.runners.fake import FakeBackend

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "runs.md").read_text()


@pytest.mark.parametrize(
    ("properties", "settings"),
    [
        ({"containerImage": None}, {}),
        ({}, {"unrestricted": "deny"}),
    ],
)
def test_the_reason_of_a_refusal_stands_on_the_page(house, properties, settings):
    with pytest.raises(DatapodError) as caught:
        house(FakeBackend(), **settings).create(**properties)
    assert str(caught.value)[:50] in PAGE


def test_the_reason_of_an_end_stands_on_the_page():
    assert Exit(code=137).reason() in PAGE
    assert Exit(signal_number=9).reason() in PAGE
