"""The printed examples of the SDK's pages run as they stand."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path

import pytest

PAGES = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("page", ["sdk.md", "plugins.md"])
def test_the_examples_of_a_page_run(page, monkeypatch):
    module = types.ModuleType("examples_of_a_page")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    blocks = re.findall(r"^```python\n(.*?)^```", (PAGES / page).read_text(), re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, page, "exec"), module.__dict__)
