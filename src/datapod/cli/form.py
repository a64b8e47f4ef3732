"""`create_plugin_config`: the form in which a front end asks for a plugin's configuration. Source: plugin-sdk.md, 11.6."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_type_hints

from datapod.cli.options import CommandOption, parse, run_command

OPTIONS = (
    CommandOption("metadata", str, "Description that names the plugin; ./metadata.json if left out."),
    CommandOption("tgt_file", str, "File for the form; config.json if left out."),
    CommandOption("schema_file", str, "File for the plugin's schema; schema.json if left out."),
)
_DATA_TYPES = {int: "Integer", str: "Text", float: "Real", bool: "Bool"}
_NEVER_ASKED = frozenset({"self", "args", "kwargs"})


def create_config(plugin_class: type) -> list[dict[str, Any]]:
    """One field for each annotated parameter of the constructor that text, a number or a yes can fill."""
    constructor = inspect.getattr_static(plugin_class, "__init__")
    try:
        hints = get_type_hints(constructor)
    except NameError:
        hints = {}  # an annotation that only a type checker can resolve
    fields = []
    for name, parameter in inspect.signature(constructor).parameters.items():
        if name in _NEVER_ASKED or name.startswith("_"):
            continue
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if parameter.annotation is parameter.empty:
            print(f"Skipping unannotated parameter {name}", flush=True)
            continue
        kind = hints.get(name, parameter.annotation)
        if kind not in _DATA_TYPES:
            continue
        optional = parameter.default is not parameter.empty
        fields.append(
            {
                "name": name,
                "display": name.replace("_", " ").title(),
                "data_type": _DATA_TYPES[kind],
                "type": "textbox",
                "default": parameter.default if optional else None,
                "optional": optional,
            }
        )
    return fields


def create_plugin_config(
    metadata: str | Path = "./metadata.json", tgt_file: str | Path = "config.json", schema_file: str | Path = "schema.json"
) -> None:
    """Write the form of the plugin that a description names, and what it stores.

    Raises:
        ValueError: The description cannot be read, or names no plugin.
        ImportError: There is no such plugin.
    """
    from datapod.description import read_description, read_json_object
    from datapod.driver import get_plugin_cls

    run = read_description(read_json_object(metadata)).run
    plugin_class = get_plugin_cls(run.pluginModule, run.pluginName)
    Path(tgt_file).write_text(json.dumps(create_config(plugin_class), indent=2), encoding="utf-8")
    Path(schema_file).write_text(json.dumps(plugin_class.get_schema(), indent=2), encoding="utf-8")
    print(f"Config saved to {tgt_file}", flush=True)


def command(argv: Sequence[str]) -> int:
    """The command line: `create_plugin_config`, and `datapod plugin config`."""
    here = str(Path.cwd())
    if not {"", here} & set(sys.path):
        sys.path.insert(0, here)  # a console script does not look for the plugin in the current folder
    options = parse("create_plugin_config", "Write the form for a plugin's configuration.", OPTIONS, argv)
    return run_command(lambda: create_plugin_config(**options))


def main() -> int:
    return command(sys.argv[1:])
