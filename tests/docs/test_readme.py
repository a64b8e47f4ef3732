"""The first screen of the README is true: its commands give the output that is printed there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_TEXT = (_ROOT / "README.md").read_text()
_TIME = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} ")


def _block(language: str) -> str:
    match = re.search(rf"```{language}\n(.*?)```", _TEXT, re.DOTALL)
    assert match, f"the README has no block of {language}"
    return match[1]


def test_the_script_prints_what_the_readme_shows(tmp_path: Path) -> None:
    shown = _block("console")
    program = re.search(r"\$ cat hello\.py\n(.*?)\n\n", shown, re.DOTALL)
    answer = re.search(r"\$ datapod run-script hello\.py\n(.*)", shown, re.DOTALL)
    assert program and answer
    (tmp_path / "hello.py").write_text(program[1])
    command = [sys.executable, "-m", "datapod", "run-script", "hello.py"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    assert _TIME.sub("", ran.stderr).strip() == _TIME.sub("", answer[1]).strip()


def test_the_python_example_joins_an_item_with_a_table() -> None:
    ran = subprocess.run([sys.executable, "-c", _block("python")], capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout.strip()) == (0, "[['_rowName', 'minutes', 'name'], ['[v1]-[person-1]', 20, 'Ann']]"), ran.stderr


def test_every_page_that_the_readme_and_the_index_name_exists() -> None:
    for page in (_ROOT / "README.md", _ROOT / "docs" / "README.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} names {target}"
