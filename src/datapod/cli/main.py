"""The `datapod` program. Hardly anything is imported before the command is known: start-up time is a promise.

The server's commands live in `datapod_server.cli` and are looked up by name only when they are asked for, so that the SDK stands alone.
"""

from __future__ import annotations

import sys

SERVER_COMMANDS = {
    "serve": "Run the server.",
    "run-script": "Run one script in a pod in memory.",
    "mldb-runner": "Run a script or plugin with the option names of old command lines.",
    "doctor": "Say what protects the data on this machine.",
    "sql": "Explain how a query would be run.",
}
DIRECT_COMMANDS = {
    ("plugin", "run"): "datapod.cli.run_plugin",
    ("plugin", "start"): "datapod.cli.start",
    ("plugin", "credentials"): "datapod.cli.credentials",
    ("plugin", "new"): "datapod.cli.new_plugin",
    ("plugin", "config"): "datapod.cli.form",
    ("keys", "store"): "datapod.cli.keys",
}
"""Commands that share options and implementation with a founding script: module whose `command(argv)` carries it out."""


def main(argv: list[str] | None = None) -> int:
    """Carry out one command line.

    Returns:
        The exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
    """
    arguments = sys.argv[1:] if argv is None else argv
    try:
        if arguments and arguments[0] in SERVER_COMMANDS:
            return _run_server_command(arguments)
        direct = DIRECT_COMMANDS.get(tuple(arguments[:2]))  # type: ignore[arg-type]
        if direct is not None:
            import importlib

            return int(importlib.import_module(direct).command(arguments[2:]))
        from datapod.cli.application import run

        return int(run(arguments))
    except KeyboardInterrupt:
        return 130


def _run_server_command(arguments: list[str]) -> int:
    import importlib

    try:
        return int(importlib.import_module("datapod_server.cli.main").run(arguments))
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "datapod":
            raise
        print(
            f"datapod {arguments[0]} needs the server, which is not installed here (no module '{error.name}'). "
            "Install it: pip install 'datapod[server]'",
            file=sys.stderr,
        )
        return 1


if __name__ == "__main__":
    sys.exit(main())
