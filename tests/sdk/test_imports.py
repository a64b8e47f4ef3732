"""What importing the SDK costs and does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import datapod

HEAVY = ("datapod_server", "duckdb", "pyarrow", "sklearn", "apsw", "numpy", "pandas", "httpx", "typer", "rich")


def run(code: str, folder: Path) -> str:
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True, timeout=30).stdout


def test_importing_datapod_loads_nothing_heavy_prints_nothing_and_creates_nothing(tmp_path, home):
    out = run(f"import datapod, sys; assert not [name for name in {HEAVY!r} if name in sys.modules]", tmp_path)
    assert out == ""
    assert not home.exists()


def test_running_a_plugin_needs_no_server(tmp_path):
    code = (
        "import sys\nfrom datapod.testing import run_for_test\nfrom datapod.examples.example_plugin import ExamplePlugin\n"
        "run_for_test(ExamplePlugin)\n"
        "print([name for name in ('datapod_server', 'duckdb', 'pyarrow', 'sklearn') if name in sys.modules])"
    )
    assert run(code, tmp_path).splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", datapod.__all__)
def test_every_flat_name_can_be_imported(name):
    assert getattr(datapod, name) is not None


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nope"):
        datapod.nope  # noqa: B018


def test_importing_is_quick(tmp_path):
    code = "import time; start = time.perf_counter(); import datapod; print(time.perf_counter() - start)"
    assert min(float(run(code, tmp_path)) for _ in range(3)) < 0.06
