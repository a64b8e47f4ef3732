"""Command lines. Each module holds one function with keyword arguments and a `main` that reads its options and calls it.

main.py         the `datapod` program: sends a command to its module, importing hardly anything
options.py      how options of all commands are written
run_plugin.py, simulate.py, keys.py, credentials.py   the founding commands
access.py       which pod a command talks to, and with which keys
runs.py          looking after runs
application.py   the other commands, as a Typer application
"""
