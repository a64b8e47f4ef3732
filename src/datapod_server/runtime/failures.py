"""The exception object: how a failure of code is told. Source: python-runtime.md, 3.4.

Frames of the runtime itself never appear; frames of imported modules do, with their file paths.
"""

from __future__ import annotations

import linecache
import traceback
from pathlib import Path
from typing import Any

_HERE = str(Path(__file__).parents[1])
_CONTEXT = ["Running python script", "Executing Python script"]


def remember_source(uri: str, source: str) -> None:
    """Let tracebacks show lines of code that is in no file."""
    linecache.cache[uri] = (len(source), None, source.splitlines(keepends=True), uri)


def describe(error: BaseException, uri: str) -> dict[str, Any]:
    """The exception object of an error that ended the code of `uri`; empty members are left out."""
    described = _of_syntax(error, uri) if isinstance(error, SyntaxError) and not _frames(error) else _of_frames(error)
    described["context"] = list(_CONTEXT)
    described["type"] = _type_name(type(error))
    message = _message(error)
    if message:
        described["message"] = message
    return {name: _sendable(value) for name, value in described.items()}


def _message(error: BaseException) -> str:
    """Its text. Telling of an error must not fail, whatever class the code made it of."""
    try:
        return str(error)
    except BaseException:  # noqa: BLE001 - user code, as above
        return "<exception str() failed>"


def _sendable(value: Any) -> Any:
    """The value with lone surrogates written as escapes: names of files that are no UTF-8 have them, and JSON cannot."""
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, list):
        return [_sendable(entry) for entry in value]
    if isinstance(value, dict):
        return {name: _sendable(entry) for name, entry in value.items()}
    return value


def _of_syntax(error: SyntaxError, uri: str) -> dict[str, Any]:
    described: dict[str, Any] = {"scriptUri": error.filename or uri}
    where = f"{type(error).__name__}: {error}"
    frame: dict[str, Any] = {"scriptUri": error.filename or uri, "where": where}
    if error.lineno:
        described["lineNumber"] = frame["lineNumber"] = error.lineno
    if error.offset:
        described["columnStart"] = error.offset
    if error.end_offset and error.end_offset > 0:
        described["columnEnd"] = error.end_offset
    if error.text:
        described["lineContents"] = error.text
    described["stack"] = [frame]
    return described


def _of_frames(error: BaseException) -> dict[str, Any]:
    frames = _frames(error)
    if not frames:
        return {}
    stack = [
        {
            "functionName": frame.name,
            "lineNumber": frame.lineno,
            "scriptUri": frame.filename,
            "where": f'File "{frame.filename}", line {frame.lineno}, in {frame.name}',
        }
        for frame in frames
    ]
    innermost = stack[-1]
    described = {"stack": stack, "where": innermost["where"], "scriptUri": innermost["scriptUri"], "lineNumber": innermost["lineNumber"]}
    line = (frames[-1].line or "").strip()
    if line:
        described["lineContents"] = line
    return described


def _frames(error: BaseException) -> list[traceback.FrameSummary]:
    return [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(_HERE)]


def _type_name(kind: type[BaseException]) -> str:
    name = kind.__qualname__
    return name if kind.__module__ == "builtins" else f"{kind.__module__}.{name}"
