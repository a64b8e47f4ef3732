"""Command lines. Each module holds one function with keyword arguments and a `main` that reads its options and calls it.

main.py         the `datapod` program: sends a command to its module, importing hardly anything
options.py      how options of all commands are written
run_plugin.py, simulate.py, keys.py, credentials.py   the founding commands
credentials_of.py   which keys a command uses, and where from
runs.py         `datapod plugin status|abort|logs|login|oauth-code`
"""
