"""`datapod plugin start`: as `simulate_run_plugin_from_frontend`, but shows the rights of the run in words, and asks.

Source: plugin-sdk.md, 11.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from datapod.cli.options import CommandOption, WrongUsage, parse, run_command
from datapod.cli.simulate import OPTIONS, start_run

_OWN_OPTIONS = (
    CommandOption("unrestricted", bool, "The same as --permissions unrestricted."),
    CommandOption("yes", bool, "Grant the rights that are shown without asking."),
)


def rights_in_words(declaration: dict[str, Any] | None) -> list[str]:
    """What a run may do, one line each; None stands for a run without restrictions.

    >>> rights_in_words({"read": {"Note": "*"}, "edges": {"label": "write"}, "files": "read"})
    ['read Note', 'read and write the edge label', 'read files']
    """
    if declaration is None:
        return ["everything: it is unrestricted, as no declaration of rights limits it"]
    lines = []
    for verb in ("read", "write"):
        for item_type, properties in (declaration.get(verb) or {}).items():
            which = "items of every type" if item_type == "*" else item_type
            lines.append(f"{verb} {which}" + ("" if properties == "*" else f" ({', '.join(properties)})"))
    for edge, right in (declaration.get("edges") or {}).items():
        verb = "read and write" if right == "write" else "read"
        lines.append(f"{verb} {'every edge' if edge == '*' else f'the edge {edge}'}")
    files = declaration.get("files", "none")
    if files != "none":
        lines.append("read and write files" if files == "write" else "read files")
    email = declaration.get("email")
    if email:
        lines.append("send mail to " + ("everybody" if email is True else ", ".join(email)))
    network = declaration.get("network", "none")
    if network != "none":
        lines.append("connect to " + ("every place in the network" if network == "outbound" else ", ".join(network)))
    for verb, names in (declaration.get("datasets") or {}).items():
        lines.append(f"{verb} the datasets {', '.join(names)}")
    if declaration.get("runs"):
        lines.append("start further plugin runs")
    if declaration.get("platforms"):
        lines.append(f"use the logins at {', '.join(declaration['platforms'])}")
    return lines or ["nothing but its own run"]


def confirm_rights(plugin: str, declaration: dict[str, Any] | None) -> None:
    """Show the rights on standard error and ask there: standard output has fixed lines.

    Raises:
        SystemExit: The owner does not grant them.
    """
    show_rights(plugin, declaration)
    try:
        granted = typer.confirm("Grant this?", default=False, err=True)
    except typer.Abort:
        granted = False
    if not granted:
        raise SystemExit("Not started: the rights were not granted. --yes grants them without asking")


def show_rights(plugin: str, declaration: dict[str, Any] | None) -> None:
    typer.echo(f"{plugin} asks for the right to", err=True)
    for line in rights_in_words(declaration):
        typer.echo(f"  {line}", err=True)


def command(argv: Sequence[str]) -> int:
    """The command line of `datapod plugin start`."""
    options = parse("datapod plugin start", "Ask the pod to start a plugin.", (*OPTIONS, *_OWN_OPTIONS), argv)
    return run_command(lambda: _start(options))


def _start(options: dict[str, Any]) -> None:
    granted = options.pop("yes", False)
    if options.pop("unrestricted", False):
        if options.get("permissions", "unrestricted") != "unrestricted":
            raise WrongUsage("--unrestricted and --permissions contradict each other")
        options["permissions"] = "unrestricted"
    start_run(show_rights if granted else confirm_rights, **options)
