"""The wrapper: responses and exceptions of the REST methods, tracked procedures. Source: python-runtime.md, 9."""

from __future__ import annotations

import json
import threading
from typing import Any
from urllib.parse import quote

_UNIMPLEMENTED = (
    "apparent_encoding",
    "close",
    "conection",
    "elapsed",
    "encoding",
    "history",
    "iter_content",
    "iter_lines",
    "links",
    "ok",
    "raise_for_status",
    "reason",
    "request",
)


class MldbBaseException(Exception):
    """The base of what the wrapper raises."""


class Response:
    """An answer, with the names of the *requests* library as far as there is something to say."""

    def __init__(self, url: str, raw: dict[str, Any]) -> None:
        self.url = url
        self.raw = raw
        self.status_code: int = raw["statusCode"]
        self.text: str = raw.get("response", "")
        self.headers: dict[str, str] = dict(raw.get("headers", []))
        for name in _UNIMPLEMENTED:
            setattr(self, name, "unimplemented")

    def json(self) -> Any:
        return json.loads(self.text)

    def __str__(self) -> str:
        return self.text


class ResponseException(MldbBaseException):
    """An answer below 200 or from 400 on."""

    def __init__(self, response: Response) -> None:
        super().__init__(response)
        self.response = response

    def __str__(self) -> str:
        return f"Response status code: {self.response.status_code}. Response text: {self.response.text}"


class TestSuiteFailureException(MldbBaseException):
    """A test of `run_tests` failed; `response` is the result of unittest."""

    def __init__(self, result: Any) -> None:
        super().__init__(result)
        self.response = result

    def __str__(self) -> str:
        return f"Test failed: {self.response}"


class TooManyRedirectsException(Exception):
    """More than ten redirects in a row."""


for _kind in (MldbBaseException, ResponseException, TestSuiteFailureException, TooManyRedirectsException):
    _kind.__module__ = "mldb"  # where code imports them from, and so the name that clients find in exception objects


class StepsLogger:
    """Logs the steps of a run as they start, go on and end."""

    def __init__(self, mldb: Any) -> None:
        self._mldb = mldb
        self._done: set[str] = set()

    def log_progress_steps(self, steps: list[dict[str, Any]]) -> None:
        for step in steps:
            name = step.get("name", "")
            told = f"{step.get('type', '')} {step.get('value', '')}"
            if "ended" in step:
                if name not in self._done:
                    self._done.add(name)
                    self._mldb.log(f"{name} completed in {_seconds(step, step['ended'])} seconds - {told}")
            elif "started" in step:
                self._mldb.log(f"{name} running since {_seconds(step, None)} seconds - {told}")


class mldb_wrapper:  # noqa: N801 - the name is the API's
    """A class used as a namespace."""

    MldbBaseException = MldbBaseException
    Response = Response
    ResponseException = ResponseException
    TestSuiteFailureException = TestSuiteFailureException
    TooManyRedirectsException = TooManyRedirectsException
    StepsLogger = StepsLogger

    @staticmethod
    def wrap(mldb: Any) -> Any:
        """The wrapped object: here every object is wrapped already."""
        return mldb


def run_and_track(mldb: Any, payload: dict[str, Any], refresh_seconds: float) -> Response:
    """Create a procedure, run it, and log its progress meanwhile; a failing run's response is returned, not raised."""
    payload.setdefault("params", {})["runOnCreation"] = False
    procedure = quote(mldb.post("/v1/procedures", payload).json()["id"], safe="-_.!~*'()")
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(mldb, procedure, refresh_seconds, ended), daemon=True)
    watcher.start()
    try:
        response: Response = mldb.post(f"/v1/procedures/{procedure}/runs", {})
    except ResponseException as error:
        response = error.response
    finally:
        ended.set()
        watcher.join()
    return response


def _watch(mldb: Any, procedure: str, refresh_seconds: float, ended: threading.Event) -> None:
    logger = StepsLogger(mldb)
    run: str | None = None
    while not ended.wait(refresh_seconds):
        try:
            if run is None:
                runs = mldb.get(f"/v1/procedures/{procedure}/runs").json()
                run = quote(runs[0], safe="-_.!~*'()") if runs else None
            if run is not None:
                status = mldb.get(f"/v1/procedures/{procedure}/runs/{run}").json()
                if status.get("state") == "executing":
                    logger.log_progress_steps(status.get("progress", {}).get("steps", []))
                elif status.get("state") != "initializing":
                    return
        except Exception as error:  # noqa: BLE001 - tracking must not fail the procedure that it tracks; the failure is logged
            mldb.log(str(error))


def _seconds(step: dict[str, Any], end: str | None) -> float:
    import datetime

    started = datetime.datetime.fromisoformat(step["started"])
    ended = datetime.datetime.now(datetime.UTC) if end is None else datetime.datetime.fromisoformat(end)
    return (ended - started).total_seconds()
