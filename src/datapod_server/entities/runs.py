"""Runs of one procedure: in memory only, overlapping if asked. Source: rest-api.md, 4."""

from __future__ import annotations

import datetime
import logging
import secrets
import threading
import time
from typing import Any, Protocol

from datapod_server.entities.entry import UNDER_WAY, State, error_object
from datapod_server.entities.types import Kind, decode_params
from datapod_server.errors import Conflict, DatapodError, EntryNotFound, Failed, Invalid, NotFound
from datapod_server.messages import Cancellation, Cancelled, Report
from datapod_server.values.timestamp import format_seconds

log = logging.getLogger("datapod.runs")


class Runnable(Protocol):
    """A procedure, made and ready."""

    def run(self, params: Any, report: Report, cancellation: Cancellation) -> tuple[Any, Any]: ...


class Run:
    """One run and what became of it."""

    def __init__(self, run_id: str, params: Any, number: int) -> None:
        self.id = run_id
        self.params = params
        self.number = number
        self.state = State.INITIALIZING
        self.progress: Any = None
        self.failure: DatapodError | None = None
        self.started_seconds = time.time()
        self.finished_seconds: float | None = None
        self.status: Any = None
        self.details: Any = None
        self.cancellation = Cancellation()
        self.done = threading.Event()

    def report(self, progress: dict[str, Any]) -> None:
        self.progress = progress
        if self.state == State.INITIALIZING:
            self.state = State.EXECUTING

    def shown(self) -> dict[str, Any]:
        """The run's status object."""
        shown: dict[str, Any] = {"id": self.id, "state": str(self.state)}
        if self.progress is not None and self.state != State.FINISHED:
            shown["progress"] = self.progress
        if self.finished_seconds is not None:
            shown["runStarted"] = format_seconds(self.started_seconds)
            shown["runFinished"] = format_seconds(self.finished_seconds)
        if self.status is not None:
            shown["status"] = self.status
        return shown


class ProcedureEntity:
    """A procedure with its runs."""

    def __init__(self, procedure_id: str, kind: Kind, params: Any, runnable: Runnable) -> None:
        """`params` as given."""
        self.id = procedure_id
        self._kind = kind
        self._params = params
        self._runnable = runnable
        self._lock = threading.Lock()
        self._runs: dict[str, Run] = {}
        self._accepted = 0

    @property
    def runs_on_creation(self) -> bool:
        """The parameter `runOnCreation`; true unless it says otherwise."""
        return bool(self._params.get("runOnCreation", True)) if isinstance(self._params, dict) else True

    def ids(self) -> list[str]:
        with self._lock:
            return sorted(self._runs)

    def get(self, run_id: str) -> Run:
        """Raises `EntryNotFound`."""
        with self._lock:
            run = self._runs.get(run_id)
        if run is None:
            raise EntryNotFound("runs", run_id)
        return run

    def latest(self) -> Run:
        """The run that started last; raises `NotFound`."""
        with self._lock:
            if not self._runs:
                raise NotFound("not found")
            return max(self._runs.values(), key=lambda run: run.number)

    def start(self, body: Any, *, path_id: str | None = None, background: bool = False) -> Run:
        """Run now and wait, unless `background`.

        Args:
            body: The run's configuration: `id` and `params`, which are merged over the procedure's.

        Raises:
            Invalid: The body is no object, has an unknown member or another id than the path.
            Conflict: A run of that id is under way, or this one was cancelled by another call.
            DatapodError: What the run failed with; it stays listed.
        """
        run_id, override = _read_body(body, path_id)
        run = self._claim(run_id, merged(self._params, override))
        if background:
            threading.Thread(target=self._work_quietly, args=(run,), name="run", daemon=True).start()
        else:
            self._work(run)
        return run

    def delete(self, run_id: str) -> None:
        """Cancel a run if it is under way, wait, and forget it; unknown ids are fine."""
        with self._lock:
            run = self._runs.get(run_id)
        if run is not None:
            self.cancel(run)
            with self._lock:
                self._runs.pop(run_id, None)

    @staticmethod
    def cancel(run: Run) -> None:
        """Ask a run to stop and wait until it has; nothing changes for one that has ended."""
        if run.state in UNDER_WAY:
            run.cancellation.request()
            run.done.wait()

    def close(self) -> None:
        with self._lock:
            runs = list(self._runs.values())
        for run in runs:
            run.cancellation.request()
        for run in runs:
            run.done.wait(10)

    def _claim(self, run_id: str, params: Any) -> Run:
        with self._lock:
            before = self._runs.get(run_id)
            if before is not None and before.state in UNDER_WAY:
                raise Conflict(f"entry '{run_id}' in run could not be overwritten because it is being constructed")
            self._accepted += 1
            run = self._runs[run_id] = Run(run_id, params, self._accepted)
            return run

    def _work_quietly(self, run: Run) -> None:
        try:
            self._work(run)
        except DatapodError as error:
            log.info("a run in the background failed: error %d", error.status)
        except Exception as error:  # noqa: BLE001 - nobody waits for this thread; the run shows the failure
            log.error("a run in the background failed: %s", type(error).__name__)

    def _work(self, run: Run) -> None:
        run.started_seconds = time.time()
        try:
            params = decode_params(run.params, self._kind)
            run.status, run.details = self._runnable.run(params, run.report, run.cancellation)
            run.finished_seconds = time.time()
            run.state = State.FINISHED
        except Cancelled as error:
            run.state = State.CANCELLED
            raise Conflict(f"run entry '{run.id}' could not be obtained") from error
        except DatapodError as error:
            _fail(run, error)
            raise
        except Exception as error:
            _fail(run, Failed(f"internal error in a run ({type(error).__name__})"))
            raise
        finally:
            run.done.set()


def merged(base: Any, override: Any) -> Any:
    """Params of a run over those of its procedure: objects member by member, everything else replaces.

    >>> merged({"a": {"x": 1, "y": [1, 2]}}, {"a": {"y": [3]}})
    {'a': {'x': 1, 'y': [3]}}
    """
    if isinstance(base, dict) and isinstance(override, dict):
        return {**base, **{name: merged(base.get(name), value) for name, value in override.items()}}
    return override if override is not None or not isinstance(base, dict) else base


def first_run(procedure: ProcedureEntity, *, background: bool) -> dict[str, Any]:
    """Make the first run; `status.firstRun` of the creating answer.

    Raises `Failed`-like errors under one text with the run's own status; details say what the run said.
    """
    try:
        return procedure.start({}, background=background).shown()
    except DatapodError as error:
        raise FirstRunFailed(procedure.id, error) from error


class FirstRunFailed(DatapodError):
    """The procedure stands, its first run failed. Source: rest-api.md, 4.1."""

    def __init__(self, procedure_id: str, error: DatapodError) -> None:
        super().__init__("failed to create the initial run", entry=procedure_id, runError=error_object(error))
        self.status = error.status  # type: ignore[misc]  # the run's own code


def _fail(run: Run, error: DatapodError) -> None:
    run.state, run.failure = State.ERROR, error
    run.progress = {"exception": error_object(error)}


def _read_body(body: Any, path_id: str | None) -> tuple[str, Any]:
    if body is None:
        body = {}
    if not isinstance(body, dict):
        raise Invalid("the configuration of a run must be an object")
    for name in body:
        if name not in ("id", "params"):
            raise Invalid(f"unknown field '{name}' in the configuration of a run; it may have id, params", field=name)
    given = body.get("id")
    if path_id is not None and given and given != path_id:
        raise Invalid("Ambiguous names between route and config", valueInUri=path_id, valueInConfig=given)
    return path_id or given or _automatic_run_id(), body.get("params")


def _automatic_run_id() -> str:
    moment = datetime.datetime.now(datetime.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z-{secrets.token_hex(8)}"
