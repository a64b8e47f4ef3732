"""The server's commands, as the `datapod` program calls them. Each is imported when it is asked for: start-up time is a promise.

serve         the server for both protocols
run-script    one script in a pod in memory
mldb-runner   the same and more, with the option names of old command lines
doctor        what protects the data on this machine
sql explain   how a query would be run
"""

from __future__ import annotations

import importlib
import sys

COMMANDS = {
    "serve": "datapod_server.cli.serve",
    "run-script": "datapod_server.cli.run_script",
    "mldb-runner": "datapod_server.cli.mldb_runner",
    "doctor": "datapod_server.cli.doctor",
    "sql": "datapod_server.cli.sql",
}
"""Command to the module whose `run(argv)` carries it out."""


def run(argv: list[str]) -> int:
    """Carry out one command; `argv` starts with its name.

    Returns:
        The exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
    """
    name = argv[0] if argv else ""
    if name not in COMMANDS:
        print(f"datapod: unknown command '{name}'; there are {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    command = importlib.import_module(COMMANDS[name])
    try:
        status = command.run(argv[1:])
    except KeyboardInterrupt:
        return 130
    return int(status)
