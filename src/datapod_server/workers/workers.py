"""All in-server Python of one pod."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from datapod_server.errors import Invalid
from datapod_server.messages import Cancellation, Request, Response
from datapod_server.principal import worker
from datapod_server.runtime.wire import Home, RequestFacts
from datapod_server.threads import Threads
from datapod_server.workers.folders import Folder
from datapod_server.workers.outcome import Death
from datapod_server.workers.parameters import Runtime, ScriptBody, WorkerSettings
from datapod_server.workers.process import WorkerProcess
from datapod_server.workers.script import script_answer
from datapod_server.workers.services import Services
from datapod_server.workers.sources import script_source
from datapod_server.workers.zygote import Zygote

if TYPE_CHECKING:
    from datapod_server.workers.plugin import Plugin

_MOST_THREADS = 4096  # code that calls code needs one per call that is under way, at any depth

Serve = Callable[[str, Any], Any]


class Workers:
    """Starts worker processes for one pod and carries out what they ask. Safe to use from several threads."""

    def __init__(
        self,
        zygote: Zygote,
        perform: Callable[[Request], Response],
        services: Services,
        settings: WorkerSettings,
        directory: Path | None,
    ) -> None:
        """`directory` is the pod's own folder; None (a pod in memory): a temporary one that goes with the pod."""
        self._zygote = zygote
        self._perform = perform
        self._services = services
        self._settings = settings
        self._temporary = None if directory is not None else tempfile.TemporaryDirectory(prefix="datapod-")
        self.directory = directory or Path(self._temporary.name if self._temporary else "")
        self._hidden = (str(self.directory), *settings.hidden)
        self.threads = Threads(_MOST_THREADS)
        self._lock = threading.Lock()
        self._living: set[WorkerProcess] = set()
        self._loaded: dict[str, Plugin] = {}
        self.vfs = services.vfs

    def busy(self) -> bool:
        """Whether a worker is alive."""
        with self._lock:
            self._living = {process for process in self._living if process.alive}
            return bool(self._living)

    def close(self) -> None:
        """End every worker."""
        with self._lock:
            living, self._living = self._living, set()
        for process in living:
            process.close()
        self.threads.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    def loaded(self, entity_id: str) -> Plugin | None:
        """The instance of a plugin that answers now."""
        with self._lock:
            return self._loaded.get(entity_id)

    def now_loaded(self, plugin: Plugin) -> Plugin:
        """Note the instance that answers from now on."""
        with self._lock:
            self._loaded[plugin.entity_id] = plugin
        return plugin

    def no_longer_loaded(self, plugin: Plugin) -> None:
        with self._lock:
            if self._loaded.get(plugin.entity_id) is plugin:
                del self._loaded[plugin.entity_id]

    def may_serve(self, folder: Folder, *own: Path) -> Folder:
        """The folder itself. Raises `Invalid` if serving it would show what code may not read: the server serves with rights of its own."""
        if not self._is_own(folder.place, own) and self._touches_hidden(folder.place):
            raise Invalid(f"the folder {folder.place} cannot be served: it holds files that code may not read")
        return folder

    def _is_own(self, place: Path, own: tuple[Path, ...]) -> bool:
        """Whether a place without links is in one of a plugin's own folders, and that one is where this pod makes such folders."""
        pod = self.directory.resolve()
        return any(place.is_relative_to(real) and real != pod and real.is_relative_to(pod) for real in (path.resolve() for path in own))

    def _touches_hidden(self, place: Path) -> bool:
        """Whether something in the place, or around it, must not be read by code."""
        hidden = [Path(path).resolve() for path in (*self._hidden, "/proc")]  # /proc: the environments of other processes
        return any(place.is_relative_to(path) or path.is_relative_to(place) for path in hidden)

    def _writable(self, own: tuple[Path, ...], more: tuple[str, ...]) -> tuple[str, ...]:
        """What a worker may change, without links. Raises `Invalid` for what would show hidden files: writing goes with reading."""
        places = [path.resolve() for path in own if path.exists()]
        foreign = [place for place in places if not self._is_own(place, own)] + [Path(path).resolve() for path in more]
        for place in foreign:
            if self._touches_hidden(place):
                raise Invalid(f"{place} cannot be made writable for code: it holds files that code may not read")
        return tuple(str(path) for path in (*places, *(Path(path).resolve() for path in more)))

    def start(
        self,
        kind: str,
        name: str,
        arguments: Any,
        runtime: Runtime,
        *,
        plugin_directory: Path | None = None,
        data_directory: Path | None = None,
        workspace: Path | None = None,
        serve: Serve | None = None,
        died: Callable[[Death, bool], None] | None = None,
        restarted: bool = False,
    ) -> WorkerProcess:
        """A new worker for a plugin or script; see `WorkerProcess`. `serve` is asked first, and may hand on with `self.serve`."""
        own = tuple(path for path in (plugin_directory, data_directory, workspace) if path is not None)
        home = Home(
            kind=kind,
            name=name,
            arguments=b"" if arguments is None else msgspec.json.encode(arguments),
            plugin_directory=str(plugin_directory or ""),
            data_directory=str(data_directory or ""),
            writable=self._writable(own, runtime.writable),
            network=(runtime.network or self._settings.network) == "outbound",
            bound_address=self._settings.bound_address,
            python=sys.executable,
            temporary=str(workspace or ""),
            restarted=restarted,
            output_bytes=runtime.limits.output_kb * 1024,
            hidden=self._hidden,
        )
        process = WorkerProcess(
            self._zygote,
            home,
            perform=self._perform,
            serve=serve or self._services.serve,
            principal=worker(f"{kind} {name}".strip()),
            limits=runtime.limits,
            threads=self.threads,
            echo=self._category(kind, name) if self._settings.echo_output else None,
            died=died,
        )
        with self._lock:
            self._living.add(process)
        return process

    def serve(self, name: str, arguments: Any) -> Any:
        """Carry out a service that any code may ask for."""
        return self._services.serve(name, arguments)

    def forget(self, process: WorkerProcess) -> None:
        """Close a worker that is no longer needed."""
        process.close()
        with self._lock:
            self._living.discard(process)

    def run_script(self, body: ScriptBody, request: Request, cancellation: Cancellation | None = None) -> Response:
        """Run a script and answer as `POST /v1/types/plugins/python/routes/run` does.

        Raises `Invalid` for a body without code, with two, or with an address that cannot be read.
        """
        if body.source and body.address:
            raise Invalid("Cannot specify both address and source for plugin")
        if not body.source and not body.address:
            raise Invalid("Unsupported URL: ")
        with self._workspace() as workspace:
            source, uri = body.source, "/main.py"
            if body.address:
                source, uri = script_source(body.address, self.vfs, workspace / "source")
            facts = RequestFacts(request.verb, request.path, "", request.query, request.headers, request.body)
            process = self.start("script", "", body.args, body.runtime, workspace=workspace)
            try:
                seconds = body.runtime.limits.script_seconds
                outcome = process.run("script", source, uri, facts, seconds=seconds, limit="scriptSeconds", cancellation=cancellation)
            finally:
                self.forget(process)
        return script_answer(outcome)

    @contextlib.contextmanager
    def _workspace(self) -> Iterator[Path]:
        """A folder of its own for one script."""
        folder = Path(tempfile.mkdtemp(prefix="datapod-script-"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @staticmethod
    def _category(kind: str, name: str) -> str:
        return "script runner plugin" if kind == "script" else f"{name} plugin"
