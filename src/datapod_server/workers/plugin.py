"""A loaded plugin: its routes, folders, status and last output. Source: python-runtime.md, 2, 5, 14."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from datapod_server.errors import DatapodError, Failed, Invalid, LimitReached, NotFound
from datapod_server.messages import Cancellation, Cancelled, Request, Response
from datapod_server.principal import Kind
from datapod_server.runtime import answer_headers
from datapod_server.runtime.wire import RequestFacts
from datapod_server.values.timestamp import format_seconds
from datapod_server.workers import sources
from datapod_server.workers.folders import Folder, documentation_folder, serve, static_folder
from datapod_server.workers.outcome import Death, Outcome, encode_output
from datapod_server.workers.parameters import PackageElementSources, PythonPluginParams
from datapod_server.workers.plugin_worker import PluginWorker
from datapod_server.workers.process import WorkerProcess
from datapod_server.workers.sources import Sources

if TYPE_CHECKING:
    from datapod_server.workers.workers import Workers

_STATUS_SECONDS = 1.0


class Registered:
    """What main has set up on the server's side; each start of a worker begins a new one."""

    def __init__(self) -> None:
        self.folders: list[Folder] = []
        self.documentation: Folder | None = None
        self.request_handler = False
        self.status_handler = False


class Plugin:
    """One instance. Everything but `answer` and `status` is served without the worker."""

    def __init__(self, workers: Workers, entity_id: str, params: PythonPluginParams, code: Sources) -> None:
        name = sources.folder_name(entity_id)
        self.entity_id = entity_id
        self._subject = f"The worker of plugin '{entity_id}'"
        self.directory = workers.directory / "plugins" / name
        self._workers = workers
        self._params = params
        self._runtime = params.runtime
        self.code = code
        self._data_directory = workers.directory / "plugin-data" / name
        self._workspace = Path(tempfile.mkdtemp(prefix="datapod-plugin-"))
        self._registered = Registered()
        self._last_output: dict[str, Any] = {}
        self._slots = threading.BoundedSemaphore(self._runtime.limits.concurrency)
        self._cancellation: Cancellation | None = None
        self._worker = PluginWorker(entity_id, self._runtime.restart, self._start)

    @property
    def version(self) -> dict[str, str]:
        """Where the code came from."""
        return self.code.version

    @property
    def last_output(self) -> bytes:
        """JSON of the output of the code that ran last."""
        return encode_output(self._last_output)

    @property
    def is_up(self) -> bool:
        """False after too many deaths of the worker."""
        return self._worker.state in ("running", "restarting")

    def load(self, cancellation: Cancellation | None) -> None:
        """Run main.

        Raises:
            Invalid: Main raised, or does not compile; `details` is its output.
            Failed, LimitReached: Its process died, or ran into a limit.
            Cancelled: It was cancelled.
        """
        self._cancellation = cancellation
        outcome = self._worker.load()
        self._cancellation = None
        details = msgspec.json.decode(self.last_output)
        if outcome.death is not None:
            if outcome.death.kind == "cancelled":
                raise Cancelled
            text = f"{outcome.death.text(self._subject)} while it ran main"
            error = LimitReached if outcome.death.http_status == 504 else Failed
            raise error(text, **details, **outcome.death.details(), plugin=self.entity_id)
        if outcome.failure:
            raise Invalid("Exception executing Python initialization script", **details)

    def answer(self, request: Request, remaining: str) -> Response:
        """Answer a request to a sub-route. `remaining` is what follows `/routes` in its path, not decoded."""
        if request.verb in ("GET", "HEAD"):
            for folder in self._registered.folders:
                prefix = f"/{folder.route}"
                if remaining == prefix or remaining.startswith(prefix + "/"):
                    return serve(folder, remaining[len(prefix) :], request.path)
        text, what = self._routes_text(), "routes"
        if text is None:
            text, what = "", "handler"
            if not self._registered.request_handler:
                raise NotFound(f"unknown resource {request.verb} {request.path}")
        counted = request.principal.kind is not Kind.WORKER  # code that calls code holds a slot already, or must not wait for one
        with self._slots if counted else contextlib.nullcontext():
            outcome = self._run(what, text, self.code.routes_uri, self._facts(request, remaining))
        self._last_output = outcome.output(by_time=False)
        return self._route_answer(outcome, request)

    def documentation(self, path: str, address: str) -> Response:
        """A page of the documentation folder. `path` follows `/doc`, not decoded. Raises `NotFound` if there is no such folder."""
        folder = self._registered.documentation
        if folder is None:
            raise NotFound(f"unknown resource GET {address}")
        return serve(folder, path, address)

    def status(self) -> Any:
        """The value of the status element or handler; None if there is none."""
        if not self.code.status and not self._registered.status_handler:
            return None
        try:
            process = self._worker.process(_STATUS_SECONDS)
            outcome = process.run("status", self.code.status or "", "/status.py", None, seconds=_STATUS_SECONDS, limit="statusSeconds")
        except DatapodError as error:
            return {"error": "Exception in Python status call", "exception": {"message": str(error)}}
        if outcome.failure:
            return {"error": "Exception in Python status call", "exception": msgspec.json.decode(outcome.failure)}
        if outcome.death is not None:
            return {"error": "Exception in Python status call", "exception": {"message": outcome.death.text("The status code")}}
        return msgspec.json.decode(outcome.result) if outcome.result else None

    @property
    def down(self) -> bool:
        """Whether the worker died too often and stays away (python-runtime.md, 14.4)."""
        return self._worker.state == "down"

    def runtime_status(self) -> dict[str, Any]:
        """State of the worker, for `?runtime=true`."""
        shown: dict[str, Any] = {"worker": self._worker.state, "restarts": self._worker.restarts}
        since = self._worker.since_seconds
        if since is not None:
            shown |= {"memoryMb": round(self._worker.memory_bytes() / 1024 / 1024), "since": format_seconds(since)}
        return shown

    def close(self) -> None:
        """End the worker; requests in flight are answered that it died. Installed files stay."""
        self._worker.close()
        self._workers.no_longer_loaded(self)
        shutil.rmtree(self._workspace, ignore_errors=True)

    def remove(self) -> None:
        """End the worker and remove what was installed for the plugin; its data directory stays."""
        self.close()
        if self.code.routes_file is not None or self._params.address:
            sources.clear(self.directory)

    def _start(self, died: Callable[[Death, bool], None], restarted: bool) -> tuple[WorkerProcess, Outcome]:
        registered = Registered() if restarted else self._registered
        self._data_directory.mkdir(parents=True, exist_ok=True)
        process = self._workers.start(
            "plugin",
            self.entity_id,
            self._params.args,
            self._runtime,
            plugin_directory=self.directory,
            data_directory=self._data_directory,
            workspace=self._workspace,
            serve=lambda name, arguments: self._serve(registered, name, arguments),
            died=died,
            restarted=restarted,
        )
        seconds = self._runtime.limits.load_seconds
        outcome = process.run(
            "main", self.code.main, self.code.main_uri, None, seconds=seconds, limit="loadSeconds", cancellation=self._cancellation
        )
        self._last_output = msgspec.structs.replace(outcome, result=b"").output(by_time=False)
        if restarted and not outcome.failure and outcome.death is None:
            self._registered = registered
        return process, outcome

    def _serve(self, registered: Registered, name: str, arguments: Any) -> Any:
        """What only plugins may ask of the server; the rest is for all code."""
        match name:
            case "static_folder":
                folder = static_folder(str(self.directory), *arguments)
                if any(known.route == folder.route for known in registered.folders):
                    raise Invalid(f"the route '{folder.route}' already serves a static folder")
                registered.folders.append(self._workers.may_serve(folder, self.directory, self._data_directory))
            case "documentation_folder":
                folder = documentation_folder(str(self.directory), *arguments)
                registered.documentation = self._workers.may_serve(folder, self.directory, self._data_directory)
            case "request_handler":
                registered.request_handler = True
            case "status_handler":
                registered.status_handler = True
            case _:
                return self._workers.serve(name, arguments)
        return None

    def _routes_text(self) -> str | None:
        """The routes element as it is now: edits of an installed file count from the next request on."""
        if self.code.routes_file is not None:
            with contextlib.suppress(OSError, UnicodeDecodeError):  # while its folder is being replaced, the text of before
                self.code = msgspec.structs.replace(self.code, routes=sources.read_code(self.code.routes_file, self._workers.vfs).decode())
        return self.code.routes

    def _facts(self, request: Request, remaining: str) -> RequestFacts:
        return RequestFacts(request.verb, request.path, remaining, request.query, request.headers, request.body)

    def _run(self, what: str, text: str, uri: str, facts: RequestFacts) -> Outcome:
        seconds = self._runtime.limits.route_seconds
        process = self._worker.process(seconds)
        missing = self._runtime.missing_return or 0
        return process.run(what, text, uri, facts, seconds=seconds, limit="routeSeconds", missing_return=missing)

    def _route_answer(self, outcome: Outcome, request: Request) -> Response:
        what = f"{request.verb} {request.path}"
        if outcome.death is not None:
            return Response.json(encode_output(self._death_body(outcome, outcome.death, what)), outcome.status)
        if outcome.failure:
            return Response.json(encode_output(self._last_output), outcome.status)
        if outcome.missing:
            unset = "Return value is required for route handlers but not set"
            text = unset if outcome.status == 500 else f"unknown resource {what}"
            return Response.json(encode_output({"error": text, "httpCode": outcome.status}), outcome.status)
        try:
            answer_headers.checked(outcome.headers, outcome.content_type)  # checked at the call too, but code may speak for itself
        except TypeError as error:
            raise Failed(f"{self._subject} sent an answer that HTTP cannot carry: {error}") from error
        if outcome.body is not None:
            return Response(outcome.status, (("Content-Type", outcome.content_type), *outcome.headers), outcome.body)
        return Response.json(outcome.result or b"null", outcome.status, outcome.headers)

    def _death_body(self, outcome: Outcome, death: Death, what: str) -> dict[str, Any]:
        text = f"{death.text(self._subject)} while it handled {what}"
        if self._worker.state in ("restarting", "running"):
            text += "; it has been restarted"
        details = {**outcome.output(by_time=False), **death.details(), "plugin": self.entity_id, "restarts": self._worker.restarts}
        return {"details": details, "error": text, "httpCode": outcome.status}


def load_plugin(
    workers: Workers, entity_id: str, params: PythonPluginParams, *, restored: bool = False, cancellation: Cancellation | None = None
) -> Plugin:
    """Install and load a plugin beside an older one of the same id, which answers on until it is closed.

    `restored`: found again at a start of the server, so what is installed is used as it is. Raises as `Plugin.load` does; `Invalid`
    for code that cannot be fetched; the older plugin's files are in place again after an error.
    """
    source = _checked_source(params)
    if source is not None:
        plugin = Plugin(workers, entity_id, params, sources.inline(source))
        _load(plugin, cancellation)
        return workers.now_loaded(plugin)
    directory = workers.directory / "plugins" / sources.folder_name(entity_id)
    if restored and directory.exists():
        plugin = Plugin(workers, entity_id, params, sources.installed_before(params.address, directory, workers.vfs))
        _load(plugin, cancellation)
        return workers.now_loaded(plugin)
    return workers.now_loaded(_install_and_load(workers, entity_id, params, directory, cancellation))


def _install_and_load(
    workers: Workers, entity_id: str, params: PythonPluginParams, directory: Path, cancellation: Cancellation | None
) -> Plugin:
    """Fetch beside, swap folders, load; swap back after an error."""
    link = params.runtime.install == "link" or params.runtime.reload
    staging = workers.directory / "plugins" / f".{secrets.token_hex(8)}"
    before = staging.with_name(staging.name + "-before")
    try:
        fetched = sources.fetch(params.address, staging, workers.vfs, link=link, sha256=params.runtime.sha256)
    except Invalid as error:
        sources.clear(staging)
        raise Invalid(f"Exception opening plugin: {error}", **error.details) from error
    older = workers.loaded(entity_id)
    if directory.exists() or directory.is_symlink():
        directory.rename(before)
        if older is not None:
            older.code = sources.moved(older.code, before)
    staging.rename(directory)
    plugin = Plugin(workers, entity_id, params, sources.moved(fetched, directory))
    try:
        _load(plugin, cancellation)
    except BaseException:
        sources.clear(directory)
        if before.exists() or before.is_symlink():
            before.rename(directory)
            if older is not None:
                older.code = sources.moved(older.code, directory)
        raise
    sources.clear(before)
    return plugin


def _load(plugin: Plugin, cancellation: Cancellation | None) -> None:
    try:
        plugin.load(cancellation)
    except BaseException:
        plugin.close()
        raise


def _checked_source(params: PythonPluginParams) -> PackageElementSources | None:
    """The inline source, or None for an address. Raises `Invalid` unless there is exactly one of them."""
    if isinstance(params.source, str):
        text = "params.source must be an object with main, routes and status, not a string"
        raise Invalid(f"{text}; was an object JSON-encoded into a string by mistake?")
    if params.address and not params.source.empty:
        raise Invalid("Exception opening plugin: Cannot specify both address and source for plugin")
    if not params.address and params.source.empty:
        raise Invalid("Exception opening plugin: Unsupported URL: ")
    return None if params.address else params.source
