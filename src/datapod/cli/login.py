"""`datapod plugin login`: the owner's end of the dialogues in which plugins ask for logins. Source: plugin-sdk.md, 9, 16.2.

The plugin asks by the status `userActionNeeded`; what it asks for shows in the run's `authUrl` and in its view. The answer goes into the
account first and then into the run's status, so that the plugin never reads stale credentials.
"""

from __future__ import annotations

import getpass
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import typer

from datapod.errors import PodError
from datapod.states import FINAL_STATES, RUN_USER_ACTION_COMPLETED, RUN_USER_ACTION_NEEDED, canonical_state

if TYPE_CHECKING:
    from datapod.client import PodClient

_LOOPBACK = frozenset({"localhost", "127.0.0.1"})
_PAUSE_SECONDS = 0.5
_NOT_A_CODE = "This is neither a code nor an address with a code in it"


def log_in(client: PodClient, run_id: str, *, paste: bool = False, wait_seconds: float = 600) -> str:
    """Walk the owner through whatever the run waits for; the status that it has afterwards.

    Args:
        paste: Ask for the code of an OAuth login also where a redirect to this machine could be caught.
        wait_seconds: How long the plugin may take between two steps.

    Raises:
        ValueError: There is no such run.
        TimeoutError: The plugin did not go on.
    """
    asked = False
    while True:
        run: Any = client.get(run_id)
        status = canonical_state(run.status)
        if status != RUN_USER_ACTION_NEEDED:
            if not asked and status not in FINAL_STATES:
                typer.echo(f"The run is {status}: it does not wait for a login.")
            return str(status)
        if asked and run.account and run.account[0].errorMessage:
            typer.echo(f"The plugin says: {run.account[0].errorMessage}", err=True)
        _answer(client, run, paste)
        asked = True
        _wait_for_plugin(client, run_id, wait_seconds)


def _answer(client: PodClient, run: Any, paste: bool) -> None:
    if not run.account:
        raise ValueError("The run has no account to log in with")
    account = run.account[0]
    views = " ".join(str(view.name or "") for view in run.view)
    if "email" in views:
        _write(client, run, account, authEmail=_ask("E-mail address for the link to the QR code"))
    elif run.authUrl and "qr" in views:
        typer.echo(f"Open {run.authUrl} and scan the code with the app of the service.")
        typer.prompt("Press Enter when it is done", default="", show_default=False)
        _write(client, run, account)
    elif run.authUrl:
        _write(client, run, account, code=_code(str(run.authUrl), paste))
    else:
        service = account.service or run.pluginName or "the service"
        identifier = _ask(f"User name at {service}")
        _write(client, run, account, identifier=identifier, secret=_ask_secret("Password"))


def _write(client: PodClient, run: Any, account: Any, **values: Any) -> None:
    for name, value in values.items():
        setattr(account, name, value)
    run.status = RUN_USER_ACTION_COMPLETED
    if (values and not client.update_item(account)) or not client.update_item(run):
        raise PodError(None, f"The pod did not take the answer: {client.last_error}")


def _wait_for_plugin(client: PodClient, run_id: str, wait_seconds: float) -> None:
    """Until the plugin has taken the answer: it goes on, asks again, or ends."""
    deadline = time.monotonic() + wait_seconds
    pause = threading.Event()
    while time.monotonic() < deadline:
        run: Any = client.get(run_id, expanded=False)
        if canonical_state(run.status) != RUN_USER_ACTION_COMPLETED:
            return
        pause.wait(_PAUSE_SECONDS)
    raise TimeoutError("The plugin does not go on; `datapod plugin logs` may say why")


def _code(url: str, paste: bool) -> str:
    typer.echo(f"Open this address and log in:\n\n  {url}\n")
    query = parse_qs(urlsplit(url).query)
    redirect = urlsplit(next(iter(query.get("redirect_uri", [])), ""))
    if not paste and redirect.scheme == "http" and redirect.hostname in _LOOPBACK and redirect.port:
        try:
            return _caught(redirect.port, next(iter(query.get("state", [])), ""))
        except OSError as error:
            typer.echo(f"The way back to port {redirect.port} is taken ({error.strerror}): paste the address instead.", err=True)
    while True:
        code = _code_in(_ask("Code, or the address you were sent to"))
        if code:
            return code
        typer.echo(_NOT_A_CODE, err=True)


def _caught(port: int, state: str) -> str:
    """The code of the redirect that arrives at this machine; any page of the web can send one here, only ours has our `state`.

    Raises:
        OSError: Something else listens on that port.
        ValueError: The service says that there was no login.
    """
    codes: list[str] = []
    refusals: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            ours = not state or query.get("state") == [state]
            code = query.get("code", [""])[0] if ours else ""
            text = "The login is done; this page can be closed." if code else "This address has no code of the login that was begun."
            if ours and query.get("error"):
                refusals.append(query.get("error_description", query["error"])[0])
                text = "The service did not log in; this page can be closed."
            self.send_response(200 if code else 400)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())
            if code:
                codes.append(code)

        def log_message(self, *arguments: Any) -> None:
            """Nothing: the address holds the code."""

    with HTTPServer(("127.0.0.1", port), Handler) as server:
        typer.echo(f"Waiting for the way back to port {port}; Ctrl+C gives up.")
        while not codes and not refusals:
            server.handle_request()
    if not codes:
        raise ValueError(f"The service says: {refusals[0]}")
    return codes[0]


def _code_in(text: str) -> str:
    if "://" in text:
        return next(iter(parse_qs(urlsplit(text).query).get("code", [])), "")
    return text if text and not any(character.isspace() for character in text) else ""


def _ask(question: str) -> str:
    return str(typer.prompt(question)).strip()


def _ask_secret(question: str) -> str:
    """Without echo on a terminal; a line of a pipe otherwise."""
    if sys.stdin.isatty():
        return getpass.getpass(f"{question}: ")
    typer.echo(f"{question}: ", nl=False)
    return sys.stdin.readline().rstrip("\n")
