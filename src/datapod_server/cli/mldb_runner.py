"""`datapod mldb-runner`: the option names of old command lines. Source: rest-api.md, 13.2; python-runtime.md, 12.

With a script it runs it in a pod in memory and ends; without one, or with `--dont-exit-after-script`, it serves a pod in memory.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Any

import msgspec

from datapod_server.cli.options import Option, UsageError, parse
from datapod_server.cli.run_script import ScriptError, request_body, run_in_memory
from datapod_server.server.log import start_logging

_SUMMARY = "Serve a pod in memory, or run one script in it, with the options of old command lines."

OPTIONS = (
    Option(name="http-listen-port", short="p", default="11700-18000", help="A port or a range a-b; the first free one is taken."),
    Option(name="http-listen-host", short="h", default="127.0.0.1", help="Listening address; 127.0.0.1 if left out, '' or * for all."),
    Option(name="num-threads", short="t", kind="integer", default=16, help="Threads; at least 4."),
    Option(name="run-script", metavar="FILE", help="Run this script (path or URL) and end."),
    Option(name="script-args", metavar="JSON", help="Becomes mldb.script.args."),
    Option(name="script-args-url", metavar="URL", help="Read the arguments from this file; wins over --script-args."),
    Option(name="dont-exit-after-script", kind="flag", default=False, help="Keep serving after the script."),
    Option(name="mute-final-output", kind="flag", default=False, help="Do not print the answer of a script that failed."),
    Option(name="plugin-directory", kind="many", metavar="URL", help="Folder whose plugins are loaded at the start; repeatable."),
    Option(name="enable-access-log", kind="flag", default=False, help="One log line per request."),
    Option(name="trust-loopback", kind="flag", default=False, help="No credentials needed from this machine."),
)


def run(argv: list[str]) -> int:
    """0 if the script answered 200 or the server was stopped; 1 for everything else, wrong options included."""
    try:
        options = parse("mldb-runner", _SUMMARY, OPTIONS, argv, os.environ, help_options=("--help",))
        if options is None:
            return 1
        if options["num_threads"] < 4:
            raise UsageError(f"'num-threads' cannot be less than 4: {options['num_threads']}")
        first, last = _ports(options["http_listen_port"])
    except UsageError as error:
        print(f"datapod mldb-runner: {error}", file=sys.stderr)
        return 1
    start_logging(default="warning")
    script = options["run_script"]
    if script is not None:
        try:
            body = request_body(script, options["script_args"], options["script_args_url"])
        except ScriptError as error:
            print(f"datapod mldb-runner: {error}", file=sys.stderr)
            return 1
        if not options["dont_exit_after_script"]:
            print("Datapod ready (MLDB ready)", file=sys.stderr, flush=True)
            return run_in_memory(body, mute=options["mute_final_output"], success="status", packages=options["plugin_directory"])
    return _serve(options, first, last)


def _serve(options: dict[str, Any], first: int, last: int) -> int:
    from datapod.keyfile import key_file_path, read_keys, store_new_keys
    from datapod_server.errors import DatapodError
    from datapod_server.server.listening import listen_tcp
    from datapod_server.server.settings import ServeSettings
    from datapod_server.server.supervisor import Supervisor

    host = options["http_listen_host"]
    host = "0.0.0.0" if host in ("", "*") else host  # noqa: S104 - asked for
    key_file = key_file_path()
    try:
        if read_keys(key_file) is None:
            store_new_keys(key_file)
        with contextlib.closing(listen_tcp(host, first, last)) as listener:
            port = listener.getsockname()[1]
            settings = ServeSettings(
                data_dir=None,
                key_file=str(key_file),
                host=host,
                port=port,
                trust_loopback=options["trust_loopback"],
                access_log=options["enable_access_log"],
                threads=options["num_threads"],
                plugin_directories=options["plugin_directory"],
            )
            return Supervisor(settings, tcp=listener.fileno(), unix=None, on_ready=lambda: _ready(port)).run()
    except DatapodError as error:
        print(f"datapod mldb-runner: {error}", file=sys.stderr)
        return 1


def _ready(port: int) -> None:
    bind_file = os.environ.get("LITERATE_DOC_BIND_FILENAME")
    if bind_file:
        Path(bind_file).write_bytes(msgspec.json.encode({"port": port}))
    print(f"Datapod ready (MLDB ready) on port {port}", file=sys.stderr, flush=True)


def _ports(text: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    try:
        bounds = int(first), int(last if dash else first)
    except ValueError:
        raise UsageError(f"--http-listen-port must be a port or a range a-b, not '{text}'") from None
    if not 0 <= bounds[0] <= bounds[1] <= 65535:
        raise UsageError(f"--http-listen-port must be a port or a range a-b, not '{text}'")
    return bounds
