"""How the options of all commands are written. Source: plugin-sdk.md, 11.1.

`--name value` and `--name=value`, hyphens for underscores, unambiguous prefixes; a boolean may stand alone or take a word.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

_TRUE = frozenset({"yes", "true", "t", "y", "1"})
_FALSE = frozenset({"no", "false", "f", "n", "0"})


class Given:
    """Stands for "not passed": a passed value counts, even one that equals the default."""

    def __repr__(self) -> str:
        return "not passed"


NOT_PASSED: Any = Given()


class CommandOption(NamedTuple):
    """One option; `kind` is str or bool."""

    name: str
    kind: type
    help: str
    default: Any = NOT_PASSED


def boolean(text: str) -> bool:
    """One of the usual words, in any case."""
    word = text.lower()
    if word not in _TRUE | _FALSE:
        raise argparse.ArgumentTypeError(f"'{text}' is no truth value: write one of yes, true, no, false")
    return word in _TRUE


def parse(
    program: str, summary: str, options: Sequence[CommandOption], argv: Sequence[str], *, positional: str | None = None
) -> dict[str, Any]:
    """The options that were passed, by name. Wrong ones end the process with status 2."""
    parser = argparse.ArgumentParser(prog=program, description=summary, argument_default=argparse.SUPPRESS)
    if positional:
        parser.add_argument(positional, nargs="?")
    for option in options:
        if option.kind is bool:
            parser.add_argument(f"--{option.name}", nargs="?", const=True, type=boolean, help=option.help, metavar="yes|no")
        else:
            parser.add_argument(f"--{option.name}", type=option.kind, help=option.help)
    for silent in ("pdb", "xtra"):
        parser.add_argument(f"--{silent}", nargs="?", help=argparse.SUPPRESS)
    parsed = vars(parser.parse_args([_underscored(word) for word in argv]))
    return {name: value for name, value in parsed.items() if name not in ("pdb", "xtra")}


def _underscored(word: str) -> str:
    if not word.startswith("--"):
        return word
    name, equals, value = word[2:].partition("=")
    return f"--{name.replace('-', '_')}{equals}{value}"


def configure_logging() -> None:
    """Log to standard error, by `DATAPOD_LOG`; standard output belongs to the command and the plugin."""
    level = os.environ.get("DATAPOD_LOG", "WARNING").upper()
    logging.basicConfig(
        stream=sys.stderr,
        level=level if level in logging.getLevelNamesMapping() else "WARNING",
        format="%(levelname)s %(name)s: %(message)s",
    )


class WrongUsage(Exception):
    """The options do not say what to do; exit status 2."""


def run_command(call: Callable[[], Any]) -> int:
    """Carry out a command and turn exceptions into exit statuses; a failure is one line on standard error."""
    configure_logging()
    try:
        call()
    except KeyboardInterrupt:
        return 130
    except WrongUsage as error:
        print(error, file=sys.stderr)
        return 2
    except SystemExit as error:
        if error.code is None or isinstance(error.code, int):
            return error.code or 0
        print(error.code, file=sys.stderr)
        return 1
    except Exception as error:  # noqa: BLE001 - a command's failure is the very thing being reported
        print(error, file=sys.stderr)
        return 1
    return 0
