"""`datapod run-script FILE`: one script in a pod in memory, through the in-process door; no port is opened.

Source: python-runtime.md, 12.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from datapod_server.cli.options import Option, UsageError, parse
from datapod_server.server.log import start_logging
from datapod_server.storage import pandas

if TYPE_CHECKING:
    from datapod_server.pod import Pod

_SUMMARY = "Run one Python script in an empty pod in memory; the exit status says how it ended."
_EPILOG = 'Example: datapod run-script job.py --script-args \'{"day": "2026-01-05"}\''
_ROUTE = "/v1/types/plugins/python/routes/run"

SCRIPT_OPTIONS = (
    Option(name="script-args", metavar="JSON", help="Becomes mldb.script.args; null if left out."),
    Option(name="script-args-url", metavar="URL", help="Read the arguments from this file; wins over --script-args."),
    Option(name="plugin-directory", kind="many", metavar="URL", help="Folder whose plugins are loaded first; repeatable."),
    Option(name="mute-final-output", kind="flag", default=False, help="Do not print the answer of a script that failed."),
    Option(
        name="success",
        choices=("status", "result"),
        default="status",
        help="What counts as success: status 200, or (result) that the script's result is 'success'.",
    ),
)


class ScriptError(Exception):
    """The script cannot be run as asked; exit status 1."""


def run(argv: list[str]) -> int:
    """0 if the script answered 200, 1 if not, 2 for wrong usage."""
    try:
        options = parse(
            "run-script", _SUMMARY, SCRIPT_OPTIONS, argv, os.environ, positional=("file", "the script, path or URL"), epilog=_EPILOG
        )
    except UsageError as error:
        print(f"datapod run-script: {error}\nTry: datapod run-script --help", file=sys.stderr)
        return 2
    if options is None:
        return 0
    start_logging(default="warning")
    pandas.leave_out()
    try:
        body = request_body(options["file"], options["script_args"], options["script_args_url"])
    except ScriptError as error:
        print(f"datapod run-script: {error}", file=sys.stderr)
        return 1
    return run_in_memory(body, mute=options["mute_final_output"], success=options["success"], packages=options["plugin_directory"])


def request_body(file: str, script_args: str | None, script_args_url: str | None) -> dict[str, Any]:
    """The body of the run request. Raises `ScriptError` for a name without `.py`, a missing file, arguments that are no JSON."""
    if not file.endswith(".py"):
        raise ScriptError(f"Unsupported extension '{Path(file).suffix}': a script's name ends in .py")
    if "://" not in file:
        path = Path(file).absolute()
        if not path.is_file():
            raise ScriptError(f"The script {file} does not exist")
        file = path.as_uri()
    body: dict[str, Any] = {"address": file}
    if script_args_url is not None:
        script_args = _read(script_args_url)
    if script_args is not None:
        try:
            body["args"] = msgspec.json.decode(script_args)
        except msgspec.DecodeError as error:
            raise ScriptError(f"The script arguments are not JSON: {error}") from error
    return body


def run_in_memory(body: dict[str, Any], *, mute: bool, success: str, packages: tuple[str, ...] = ()) -> int:
    """Run the script in a pod of its own; what it prints appears on standard error while it runs."""
    from datapod_server.embedded import open as open_pod

    with open_pod(echo_output=True) as pod:
        if packages and not _load_packages(pod.pod, packages):
            return 1
        answer = pod.ask("POST", _ROUTE, payload=body)
        content = answer.content()
    good = answer.status == 200
    if good and success == "result":
        good = msgspec.json.decode(content).get("result") == "success"
    if not good and not mute:
        sys.stderr.write(content.decode(errors="replace") + "\n")
    return 0 if good else 1


def _load_packages(pod: Pod, uris: tuple[str, ...]) -> bool:
    """Whether the folders could be searched; if not, the reason is on standard error."""
    from datapod_server.errors import Invalid
    from datapod_server.packages import load_packages

    try:
        load_packages(pod, uris)
    except Invalid as error:
        print(f"datapod: {error}", file=sys.stderr)
        return False
    return True


def _read(url: str) -> str:
    from datapod_server.errors import DatapodError
    from datapod_server.vfs import Vfs

    try:
        with Vfs().open_read(url if "://" in url else Path(url).absolute().as_uri()) as stream:
            return stream.read().decode()
    except (DatapodError, UnicodeDecodeError) as error:
        raise ScriptError(f"The script arguments cannot be read: {error}") from error
