"""`datapod plugin new`: a plugin project that works, with tests that pass. Source: plugin-sdk.md, 16.2.

With a name it makes a small project in a folder of that name; with the options of `plugin_from_template`, what that makes.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from datapod.cli import template
from datapod.cli.options import CommandOption, WrongUsage, parse, run_command

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
_TARGET = CommandOption("target", str, "Folder in which the project's folder is made; this one if left out.")


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
    source = resources.files("datapod.templates") / "plugin"
    templates = {place: (source / f"{name}.txt").read_text(encoding="utf-8") for place, name in _FILES.items()}
    return template.write_files(templates, names, parent / names["project"], force=force)


def command(argv: Sequence[str]) -> int:
    """The command line: `datapod plugin new NAME [--target FOLDER] [--force]`, or the options of `plugin_from_template`."""
    options = parse(
        "datapod plugin new", "Make a plugin project.", (*template.OPTIONS, _TARGET), template.full_names(argv), positional="name"
    )
    return run_command(lambda: _make(**options))


def _make(name: str | None = None, target: str | None = None, **options: Any) -> None:
    if target is not None:
        options["target_dir"] = target
    if name is None:
        if not options:
            raise WrongUsage("Give the plugin a name: datapod plugin new my-boats")
        template.plugin_from_template(**options)
        return
    others = set(options) - {"target_dir", "force"}
    if others:
        raise WrongUsage(f"A name makes a small project; --{min(others)} belongs to a project from a template, which takes no name")
    written = make_plugin(name, Path(options.get("target_dir", ".")), force=options.get("force", False))
    print("Created the following files")
    for path in written:
        print(f"  {path}")
    print("Try it: pytest in that folder; its README.md says how to run it")
