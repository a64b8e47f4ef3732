"""`mldb` as code finds it, with its script, plugin and request objects. Source: python-runtime.md, 5.2, 6.

The injected object, the imported one and the wrapped one are the same: they have all members. Names that old code uses stay here.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from datapod_server.runtime import answer_headers, plain
from datapod_server.runtime.output import Captures
from datapod_server.runtime.recording import DatasetObject, ServerError, dataset_config
from datapod_server.runtime.wire import Answer, Home, Pairs, RequestFacts
from datapod_server.runtime.wrapper import Response, ResponseException, TooManyRedirectsException, run_and_track

_HIDDEN_HEADERS = ("content-type", "content-length", "transfer-encoding")
_NOTHING = object()
_MOST_REDIRECTS = 10


class Link(Protocol):
    """How the objects of this module reach the server and the run they are used in."""

    home: Home
    captures: Captures

    def ask(self, verb: str, path: str, query: Pairs, headers: Pairs, body: bytes) -> Answer: ...

    def serve(self, name: str, arguments: Any) -> Any: ...


class Returned:
    """What a run returns: the last `set_return` wins."""

    def __init__(self) -> None:
        self.value: Any = _NOTHING
        self.status = 200
        self.json = b""
        self.body: bytes | None = None
        self.content_type = ""
        self.headers: Pairs = ()
        self.by_request = False  # set through the request object: a null body is an answer then

    @property
    def given(self) -> bool:
        return self.value is not _NOTHING

    def set(
        self,
        value: Any,
        status: Any = 200,
        *,
        content_type: str | None = None,
        headers: Mapping[str, str] | None = None,
        by_request: bool = False,
    ) -> None:
        """Raises `TypeError` for what cannot be sent (a header included), and for a status that is no whole number from 0 up."""
        if isinstance(status, bool) or not isinstance(status, int) or not 0 <= status < 2**31:
            raise TypeError("the return code must be a positive whole number")
        sent_headers = answer_headers.checked(((str(name), str(text)) for name, text in (headers or {}).items()), content_type or "")
        if content_type is not None and isinstance(value, str | bytes):
            self.body = value.encode() if isinstance(value, str) else value
            self.json = plain.to_json(value if isinstance(value, str) else base64.b64encode(value).decode())
        else:
            self.body, self.json = None, plain.to_json(value)
        self.value, self.status, self.by_request = value, status, by_request
        self.content_type = content_type or ""
        self.headers = sent_headers


class RestRequest:
    """The request that a route or a script answers; read-only but for `remaining`."""

    def __init__(self, facts: RequestFacts, returned: Returned) -> None:
        headers = dict(facts.headers)
        self.verb = facts.verb
        self.resource = facts.resource
        self.remaining = facts.remaining
        self.rest_params = [[name, value] for name, value in facts.query]
        self.payload = facts.body.decode(errors="replace")
        self.payload_bytes = facts.body
        self.headers = {name: value for name, value in facts.headers if name not in _HIDDEN_HEADERS}
        self.content_type = self.contentType = headers.get("content-type", "")
        length = headers.get("content-length", "")
        self.content_length = self.contentLength = int(length) if length.isdigit() else -1
        self._returned = returned

    def set_return(
        self,
        return_val: Any,
        return_code: Any = 200,
        *,
        content_type: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """The answer: JSON, or a text or bytes verbatim with `content_type`."""
        self._returned.set(return_val, return_code, content_type=content_type, headers=headers, by_request=True)


class ScriptObject:
    """`mldb.script`."""

    def __init__(self, mldb: Mldb, arguments: Any) -> None:
        self._mldb = mldb
        self.args = arguments

    def set_return(self, value: Any, code: Any = 200) -> None:
        self._mldb.set_return(value, code)


class PluginObject:
    """`mldb.plugin`."""

    def __init__(self, mldb: Mldb, link: Link, arguments: Any) -> None:
        self._mldb = mldb
        self._link = link
        self.args = arguments
        self.request_handler: Callable[..., Any] | None = None
        self.status_handler: Callable[..., Any] | None = None

    @property
    def rest_params(self) -> RestRequest | None:
        """The request of the route that is running; None outside one."""
        run = self._mldb.current_run()
        return None if run is None else run.request

    def set_return(self, body: Any, code: Any = 200, **more: Any) -> None:
        if code == 0:
            raise ServerError("Return value is required for route handlers but not set")
        self._mldb.set_return(body, code, **more)

    def get_plugin_dir(self) -> str:
        return self._link.home.plugin_directory

    def get_data_dir(self) -> str:
        """A folder that survives reloading."""
        Path(self._link.home.data_directory).mkdir(parents=True, exist_ok=True)
        return self._link.home.data_directory

    def serve_static_folder(self, route: str, directory: str) -> None:
        self._link.serve("static_folder", (str(route), str(directory)))

    def serve_documentation_folder(self, directory: str) -> None:
        self._link.serve("documentation_folder", (str(directory),))

    def set_request_handler(self, handler: Callable[..., Any]) -> None:
        """Have a function answer the requests of a plugin without a routes element."""
        self.request_handler = handler
        self._link.serve("request_handler", ())

    def set_status_handler(self, handler: Callable[..., Any]) -> None:
        self.status_handler = handler
        self._link.serve("status_handler", ())


class Mldb:
    """Everything that code can do with the server."""

    def __init__(self, link: Link) -> None:
        self._link = link
        arguments = plain.from_json(link.home.arguments) if link.home.arguments else None
        self.script = ScriptObject(self, arguments) if link.home.kind == "script" else None
        self.plugin = PluginObject(self, link, arguments) if link.home.kind == "plugin" else None
        self.plugins = self.plugin

    def current_run(self) -> Any:
        capture = self._link.captures.current()
        return None if capture is None else capture.run

    def log(self, *arguments: Any) -> None:
        """One log entry; dicts and lists as JSON indented by 4."""
        capture = self._link.captures.current()
        if capture is not None:
            capture.log(" ".join(_log_text(argument) for argument in arguments))

    def set_return(self, value: Any, code: Any = 200, **more: Any) -> None:
        """The result of the script, or the answer of the route that is running. Main has neither: what it returns is ignored."""
        run = self.current_run()
        if run is not None:
            run.returned.set(value, code, **more)

    def perform(self, verb: str, resource: str, params: Any = None, payload: Any = None, header: Any = None) -> dict[str, Any]:
        """Carry out one request; errors are answers."""
        if not isinstance(verb, str) or not isinstance(resource, str):
            raise TypeError("verb and resource must be texts")
        path, _, query = resource.partition("?")
        pairs = (*_split_query(query), *_pairs(params)) if query else _pairs(params)
        headers = tuple((_ascii(name).lower(), _ascii(value)) for name, value in _pairs(header))
        answer = self._link.ask(verb, _percent_encoded(path), pairs, headers, plain.to_json(payload) + b"\n")
        return _answer_dict(answer)

    def create_dataset(self, config: Any) -> DatasetObject:
        """Make a dataset and return the object to record into."""
        answer = self._link.ask("POST", "/v1/datasets", (), (("x-datapod-create", "1"),), dataset_config(config))
        content = json.loads(answer.body) if answer.body else {}
        if answer.status == 409 and self._link.home.restarted and self._is_same_dataset(config):
            return DatasetObject(self._link.serve, self._commit, config["id"], config["type"])
        if answer.status >= 400:
            raise ServerError(str(content.get("error", answer.body.decode(errors="replace"))), answer.status, content.get("details"))
        return DatasetObject(self._link.serve, self._commit, str(content["id"]), str(content.get("type", config.get("type", ""))))

    createdataset = create_dataset

    def read_lines(self, path: str, max_lines: int = -1) -> list[str]:
        lines: list[str] = self._link.serve("read_lines", (str(path), int(max_lines)))
        return lines

    def ls(self, path: str) -> dict[str, Any]:
        listing: dict[str, Any] = self._link.serve("ls", (str(path),))
        return listing

    def debugSetPathOptimizationLevel(self, level: str) -> None:  # noqa: N802 - the name is the API's
        self._link.serve("optimization_level", (str(level),))

    def get_http_bound_address(self) -> str:
        return self._link.home.bound_address

    def get_python_executable(self) -> str:
        return self._link.home.python

    def get(self, url: str, data: Any = None, **params: Any) -> Response:
        query = [(name, json.dumps(value) if isinstance(value, dict | list) else str(value)) for name, value in params.items()]
        return self._checked("GET", url, query, data, ())

    def put(self, url: str, data: Any = None) -> Response:
        return self._checked("PUT", url, (), data, ())

    def post(self, url: str, data: Any = None) -> Response:
        return self._checked("POST", url, (), data, ())

    def delete(self, url: str) -> Response:
        return self._checked("DELETE", url, (), None, ())

    def put_async(self, url: str, data: Any = None) -> Response:
        return self._checked("PUT", url, (), data, (("async", "true"),))

    def post_async(self, url: str, data: Any = None) -> Response:
        return self._checked("POST", url, (), data, (("async", "true"),))

    def delete_async(self, url: str) -> Response:
        return self._checked("DELETE", url, (), {}, (("async", "true"),))

    def query(self, sql: str) -> list[list[Any]]:
        """Rows of a query, the header first."""
        rows: list[list[Any]] = self.get("/v1/query", data={"q": sql, "format": "table"}).json()
        return rows

    def post_run_and_track_procedure(self, payload: Any, refresh_rate_sec: float = 10) -> Response:
        return run_and_track(self, payload, refresh_rate_sec)

    def run_tests(self) -> str:
        from datapod_server.runtime.unit_tests import run_tests

        return run_tests(self)

    def _checked(self, verb: str, url: str, params: Any, data: Any, headers: Any) -> Response:
        """Perform, follow redirects with GET, raise `ResponseException` for what is no success."""
        response = Response(url, self.perform(verb, url, params, data, headers))
        for _ in range(_MOST_REDIRECTS + 1):
            if response.status_code < 200 or response.status_code >= 400:
                raise ResponseException(response)
            if response.status_code < 300:
                return response
            target = response.headers.get("location")
            if target is None:
                return response
            response = Response(target, self.perform("GET", target))
        raise TooManyRedirectsException("Too many redirects")

    def _commit(self, dataset_id: str) -> None:
        answer = self._link.ask("POST", f"/v1/datasets/{_quoted(dataset_id)}/commit", (), (), b"null\n")
        if answer.status >= 400:
            content = json.loads(answer.body) if answer.body else {}
            raise ServerError(str(content.get("error", "")), answer.status, content.get("details"))

    def _is_same_dataset(self, config: Any) -> bool:
        answer = self._link.ask("GET", f"/v1/datasets/{_quoted(str(config.get('id', '')))}", (), (), b"null\n")
        return answer.status == 200 and json.loads(answer.body).get("config", {}).get("params", {}) == config.get("params", {})


def _answer_dict(answer: Answer) -> dict[str, Any]:
    result: dict[str, Any] = {"statusCode": answer.status}
    others = []
    for name, value in answer.headers:
        if name.lower() == "content-type":
            result["contentType"] = value
        else:
            others.append([name, value])
    if others:
        result["headers"] = others
    if answer.body:
        result["response"] = answer.body.decode(errors="replace")
    return result


def _log_text(argument: Any) -> str:
    if type(argument) in (dict, list):
        return json.dumps(argument, indent=4, ensure_ascii=False)
    return argument if isinstance(argument, str) else str(argument)


def _pairs(params: Any) -> Pairs:
    if params is None:
        return ()
    entries: Iterable[Sequence[Any]] = tuple(params.items()) if isinstance(params, dict) else params
    pairs = []
    for entry in entries:
        if not isinstance(entry, list | tuple) or len(entry) != 2:
            raise TypeError("parameters and headers are pairs of name and value")
        pairs.append((str(entry[0]), entry[1] if isinstance(entry[1], str) else plain.to_json(entry[1]).decode()))
    return tuple(pairs)


def _split_query(query: str) -> Pairs:
    from urllib.parse import parse_qsl

    return tuple(parse_qsl(query, keep_blank_values=True))


def _percent_encoded(path: str) -> str:
    if path.isascii():
        return path
    return "".join(char if char.isascii() else "".join(f"%{byte:02X}" for byte in char.encode()) for char in path)


def _quoted(element: str) -> str:
    from urllib.parse import quote

    return quote(element, safe="-_.!~*'()")


def _ascii(text: str) -> str:
    if not text.isascii():
        raise TypeError(f"headers are ASCII only: {text!r}")
    return text
