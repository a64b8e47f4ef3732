"""Options as a table: one declaration gives the parser, the environment variables and the reference page.

Not Typer, which the rest of the command line uses: these commands must start in a few hundredths of a second, the old command lines need
flags that may carry a value (`--non-tls`, `--non-tls=false`), and `-h` is a host name in one of them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from msgspec import Struct

OFF_WORDS = ("", "0", "false", "no", "off", "n", "f")
ON_WORDS = ("1", "true", "yes", "on", "y", "t")


class UsageError(Exception):
    """The command line is wrong; the text says how. Exit status 2 for our own commands."""


class Option(Struct, frozen=True, kw_only=True):
    """One option of a command.

    Attributes:
        kind: `text`, `integer`, `number`, `flag` (with an optional value), or `many` (repeatable text).
        environment: Variable read when the option is left out; a comma-separated list for `many`.
        choices: Allowed words, if they are limited.
    """

    name: str
    help: str
    short: str | None = None
    environment: str | None = None
    kind: str = "text"
    default: Any = None
    choices: tuple[str, ...] = ()
    metavar: str | None = None

    @property
    def key(self) -> str:
        return self.name.replace("-", "_")

    def read(self, text: str) -> Any:
        """The value of a text from the command line or the environment. Raises `UsageError`."""
        if self.choices and text not in self.choices:
            raise UsageError(f"--{self.name} must be one of {', '.join(self.choices)}, not '{text}'")
        match self.kind:
            case "integer" | "number":
                return self._number(text)
            case "flag":
                return self._flag(text)
            case _:
                return text

    def _number(self, text: str) -> float | int:
        try:
            value = int(text) if self.kind == "integer" else float(text)
        except ValueError:
            raise UsageError(f"--{self.name} needs a number, not '{text}'") from None
        if value < 0:
            raise UsageError(f"--{self.name} cannot be negative")
        return value

    def _flag(self, text: str) -> bool:
        word = text.strip().lower()
        if word in OFF_WORDS:
            return False
        if word in ON_WORDS:
            return True
        raise UsageError(f"--{self.name} is a switch: give it bare, or =true or =false, not '{text}'")


class _Parser(argparse.ArgumentParser):
    """Raises `UsageError` where argparse would end the program."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def parse(
    command: str,
    summary: str,
    options: Iterable[Option],
    argv: list[str],
    environ: Mapping[str, str],
    *,
    positional: tuple[str, str] | None = None,
    help_options: tuple[str, ...] = ("-h", "--help"),
    epilog: str | None = None,
) -> dict[str, Any] | None:
    """Values by key, every option present; options beat environment variables, which beat defaults.

    Args:
        positional: Name and help text of the one argument without a name.

    Returns:
        None if help was asked for (and printed).

    Raises:
        UsageError: An unknown option, a wrong value, a missing argument.
    """
    table = list(options)
    parser = _build(command, summary, table, positional, help_options, epilog)
    if any(argument in help_options for argument in argv):
        parser.print_help(sys.stdout)
        return None
    given = vars(parser.parse_args(argv if positional is None else _with_values(table, argv)))
    values = {option.key: _value(option, given.get(option.key), environ) for option in table}
    if positional is not None:
        values[positional[0]] = given[positional[0]]
    return values


def _with_values(options: list[Option], argv: list[str]) -> list[str]:
    """Bare switches get their value, so that none takes the argument without a name for it: `--memory "SELECT 1"`."""
    switches = {f"--{option.name}" for option in options if option.kind == "flag"}
    words = (*ON_WORDS, *OFF_WORDS)
    return [
        f"{word}=true" if word in switches and after.lower() not in words else word
        for word, after in zip(argv, [*argv[1:], "-"], strict=False)
    ]


def _build(
    command: str,
    summary: str,
    options: list[Option],
    positional: tuple[str, str] | None,
    help_options: tuple[str, ...],
    epilog: str | None,
) -> argparse.ArgumentParser:
    parser = _Parser(
        prog=f"datapod {command}",
        description=summary,
        epilog=epilog,
        add_help=False,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(*help_options, action="store_true", dest="help", help="show this text")
    if positional is not None:
        parser.add_argument(positional[0], help=positional[1])
    for option in options:
        names = [*(["-" + option.short] if option.short else []), "--" + option.name]
        text = option.help.replace("%", "%%") + (f" [{option.environment}]" if option.environment else "")
        arguments: dict[str, Any] = {"dest": option.key, "help": text, "default": None}
        if option.kind == "flag":
            arguments |= {"nargs": "?", "const": "true", "metavar": "true|false"}
        else:
            arguments["metavar"] = option.metavar or option.kind.upper().replace("MANY", "TEXT")
        if option.kind == "many":
            arguments["action"] = "append"
        parser.add_argument(*names, **arguments)
    return parser


def _value(option: Option, given: Any, environ: Mapping[str, str]) -> Any:
    if option.kind == "many":
        texts = given if given is not None else _split(environ.get(option.environment or ""))
        return tuple(option.read(text) for text in texts)
    if given is None and option.environment is not None and option.environment in environ:
        given = environ[option.environment]
        if given == "" and option.kind != "flag":
            given = None
    return option.default if given is None else option.read(given)


def _split(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]
