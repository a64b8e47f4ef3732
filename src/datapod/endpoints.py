"""Plugin functions that a pod may call over HTTP, and the small server that answers. Source: plugin-sdk.md, 13.1 and 13.2."""

from __future__ import annotations

import inspect
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar, get_type_hints
from urllib.parse import parse_qsl, urlsplit

import msgspec

Function = TypeVar("Function", bound=Callable[..., Any])

DEFAULT_PORT = 8080
ENDPOINT_METADATA = "__endpoint_metadata__"
"""Attribute of an exposed function: its path and method."""
_SCALARS = (str, int, float, bool)


def register_endpoint(endpoint_name: str, method: str) -> Callable[[Function], Function]:
    """Decorator: expose a plugin's method under a path.

    Raises:
        RuntimeError: The method takes `*args` or `**kwargs`, lacks an annotation, or is exposed already.
    """

    def decorate(function: Function) -> Function:
        parameters = list(inspect.signature(function).parameters.values())
        if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
            raise RuntimeError("passed function cannot have *args")
        if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            raise RuntimeError("passed function cannot have **kwargs")
        bare = [entry.name for entry in parameters if entry.name != "self" and entry.annotation is entry.empty]
        if bare:
            raise RuntimeError(f"arguments: {bare} does not have type annotation")
        if hasattr(function, ENDPOINT_METADATA):
            raise RuntimeError(f"Trying to register function {function.__name__} twice")
        setattr(function, ENDPOINT_METADATA, (endpoint_name, method.upper()))
        return function

    return decorate


class Endpoints:
    """The exposed functions of one plugin, by path and method."""

    def __init__(self) -> None:
        self.functions: dict[tuple[str, str], Callable[..., Any]] = {}
        self.needs_server = False

    def add(self, path: str, method: str, function: Callable[..., Any]) -> None:
        """Raises RuntimeError when path and method are taken."""
        if (path, method) in self.functions:
            raise RuntimeError(f"endpoint {path} with method {method} is already registered")
        self.functions[path, method] = function

    def describe(self) -> dict[str, Any]:
        """Path to method and argument types; a further method on the same path stands under `METHOD path`."""
        result: dict[str, Any] = {}
        for (path, method), function in self.functions.items():
            kinds = {name: getattr(kind, "__name__", str(kind)) for name, kind in _arguments(function).items()}
            result[path if path not in result else f"{method} {path}"] = {"method": method, "args": kinds}
        return result

    def serve(self, plugin: Any) -> EndpointServer:
        """Start answering in the background, on the run's port; port 0 takes a free one and notes it in the run."""
        run = plugin.pluginRun
        port = DEFAULT_PORT if run is None or run.webserverPort is None else int(run.webserverPort)
        local = urlsplit(plugin.client.url).hostname in ("localhost", "127.0.0.1", "::1") and "PLUGIN_DNS" not in os.environ
        server = EndpointServer("127.0.0.1" if local else "0.0.0.0", port, self)  # noqa: S104 - the pod calls from another host
        if port == 0 and run is not None:
            run.webserverPort = server.port
            plugin.client.update_item(run)
        return server


def endpoints_of(plugin: Any) -> Endpoints:
    """Health and description, which every plugin has, and the methods decorated with `register_endpoint`."""
    endpoints = Endpoints()
    endpoints.add("/v1/health", "GET", lambda: plugin._status)
    endpoints.add("/v1/api", "GET", endpoints.describe)
    for name, function in inspect.getmembers(type(plugin), inspect.isfunction):
        metadata = getattr(function, ENDPOINT_METADATA, None)
        if metadata is not None:
            path, method = metadata
            endpoints.add(path, method, getattr(plugin, name))
            endpoints.needs_server = True
    return endpoints


class EndpointServer:
    """A listening socket with threads of its own; none of them keeps the process alive."""

    def __init__(self, host: str, port: int, endpoints: Endpoints) -> None:
        self._server = ThreadingHTTPServer((host, port), _handler(endpoints))
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, name="plugin endpoints", daemon=True).start()

    def shutdown(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(endpoints: Endpoints) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            path, _, query = self.path.partition("?")
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, content = call(endpoints, self.command, path, dict(parse_qsl(query)), body)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - names of the library

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            """Say nothing: standard output belongs to the plugin."""

    return Handler


def call(endpoints: Endpoints, method: str, path: str, query: dict[str, str], body: bytes) -> tuple[int, bytes]:
    """Call one exposed function; scalars come from the query, compound arguments from the JSON body.

    Returns:
        Status and JSON: 404 unknown path, 405 wrong method, 422 bad input.
    """
    function = endpoints.functions.get((path, method))
    if function is None:
        known = any(taken == path for taken, _ in endpoints.functions)
        return (405, b'{"detail":"Method Not Allowed"}') if known else (404, b'{"detail":"Not Found"}')
    try:
        arguments = dict(_read_arguments(function, query, body))
    except (msgspec.DecodeError, msgspec.ValidationError, KeyError) as error:
        return 422, msgspec.json.encode({"detail": str(error)})
    return 200, msgspec.json.encode(function(**arguments))


def _arguments(function: Callable[..., Any]) -> dict[str, Any]:
    hints = get_type_hints(function)
    return {name: hints.get(name, Any) for name in inspect.signature(function).parameters}


def _read_arguments(function: Callable[..., Any], query: dict[str, str], body: bytes) -> Iterator[tuple[str, Any]]:
    parameters = inspect.signature(function).parameters
    kinds = _arguments(function)
    compound = [name for name, kind in kinds.items() if kind not in _SCALARS]
    content = msgspec.json.decode(body) if body and compound else {}
    for name, kind in kinds.items():
        if name in compound:
            value = content if len(compound) == 1 else content[name]
            yield name, value if kind is Any else msgspec.convert(value, kind, from_attributes=True)
        elif name in query:
            yield name, msgspec.convert(query[name], kind, strict=False)
        elif parameters[name].default is inspect.Parameter.empty:
            raise KeyError(f"missing argument {name}")
