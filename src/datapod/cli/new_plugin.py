"""`datapod plugin new`: a plugin project that works, with tests that pass. Source: plugin-sdk.md, 16.2."""

from __future__ import annotations

import keyword
import re
from importlib import resources
from pathlib import Path
from string import Template

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_ ][A-Za-z0-9]+)*")
_FILES = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "Containerfile": "Containerfile",
    ".gitignore": "gitignore",
    "$module/__init__.py": "module_init.py",
    "$module/items.py": "items.py",
    "$module/plugin.py": "plugin.py",
    "tests/test_plugin.py": "test_plugin.py",
}
"""Files of the project, and the template of each."""


def make_plugin(name: str, parent: Path, *, force: bool = False) -> list[Path]:
    """Write a project into a new folder below `parent`.

    Args:
        force: Overwrite files that are there.

    Returns:
        The files written, the folder's name first in their paths.

    Raises:
        ValueError: The name cannot become a package's name, or files are in the way.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"'{name}' cannot be a plugin's name: letters, digits, '-' and '_', beginning with a letter")
    words = re.split(r"[-_ ]", name)
    module = "_".join(words).lower()
    if keyword.iskeyword(module):
        raise ValueError(f"'{name}' is a word of Python: choose another name")
    names = {
        "project": "-".join(words).lower(),
        "module": module,
        "title": "".join(word[:1].upper() + word[1:] for word in words),
    }
    folder = parent / names["project"]
    written = {folder / Template(place).substitute(names): template for place, template in _FILES.items()}
    present = [path for path in written if path.exists()]
    if present and not force:
        raise ValueError(f"{present[0]} is there already; --force overwrites")
    source = resources.files("datapod.templates") / "plugin"
    for path, template in written.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(Template((source / f"{template}.txt").read_text(encoding="utf-8")).safe_substitute(names), encoding="utf-8")
    return list(written)
