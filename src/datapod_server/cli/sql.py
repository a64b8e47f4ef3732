"""`datapod sql explain`: tree, bound query, the road taken and why, and the engine's text, with values as `?`."""

from __future__ import annotations

import os
import sys

from datapod_server.cli.options import Option, UsageError, parse

_SUMMARY = "Print how a query would be run: its tree, what its names mean, the road it takes, and the engine's text."
_EPILOG = "Example: datapod sql explain \"SELECT count(*) FROM items('Person')\" --memory"
_OPTIONS = (
    Option(name="data-dir", environment="DATAPOD_DATA_DIR", metavar="FOLDER", help="Data folder of a server that is not running."),
    Option(name="memory", kind="flag", default=False, help="Use an empty pod in memory instead."),
)


def run(argv: list[str]) -> int:
    """0 done, 1 for a query that is wrong or a pod that cannot be opened, 2 for wrong usage."""
    try:
        if argv[:1] != ["explain"] and not {"-h", "--help"} & set(argv):
            raise UsageError("there is one sub-command: explain")
        options = parse(
            "sql explain",
            _SUMMARY,
            _OPTIONS,
            argv[argv[:1] == ["explain"] :],
            os.environ,
            positional=("query", "one SELECT statement"),
            epilog=_EPILOG,
        )
    except UsageError as error:
        print(f"datapod sql: {error}\nTry: datapod sql explain --help", file=sys.stderr)
        return 2
    if options is None:
        return 0
    return _explain(options["query"], None if options["memory"] else options["data_dir"] or _default_folder())


def _default_folder() -> str:
    from platformdirs import user_data_path

    return str(user_data_path("datapod"))


def _explain(text: str, folder: str | None) -> int:
    from datapod_server.embedded import open as open_pod
    from datapod_server.errors import DatapodError
    from datapod_server.principal import OWNER

    try:
        with open_pod(folder) as pod:
            print(pod.pod.queries.explain(text, principal=OWNER))
    except DatapodError as error:
        print(f"datapod sql explain: {error}", file=sys.stderr)
        return 1
    return 0
