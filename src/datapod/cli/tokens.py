"""`datapod token`: what an owner hands to scripts, notebooks and other devices instead of the keys. Source: pod-protocol.md, 23.8."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from datapod.cli.access import address_of
from datapod.connection import Connection, connect
from datapod.errors import PodError

token_commands = typer.Typer(help="Access tokens: for scripts, notebooks and other devices, instead of your keys.", no_args_is_help=True)
Address = Annotated[str | None, typer.Option("--address", help="Of the pod; http://localhost:3030 or POD_FULL_ADDRESS if left out.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@token_commands.command("new")
def new_token(
    name: Annotated[str, typer.Argument(help="What it is for, as the list shows it.")],
    scope: Annotated[list[str] | None, typer.Option(help="read (default), record, manage, code or admin; repeatable.")] = None,
    permissions: Annotated[Path | None, typer.Option(help="File with a declaration that narrows the token.")] = None,
    days: Annotated[int, typer.Option(help="Until it expires; 0: never.")] = 90,
    address: Address = None,
) -> None:
    """Make a token and print it once. Example: datapod token new notebook --scope read --scope record"""
    body: dict[str, Any] = {"name": name, "scopes": scope or ["read"], "days": days or None}
    if permissions is not None:
        try:
            body["permissions"] = json.loads(permissions.read_text())
        except (OSError, ValueError) as error:
            raise typer.BadParameter(f"{permissions} cannot be read as JSON: {error}", param_hint="--permissions") from error
    with _pod(address) as pod:
        made = _asked(lambda: pod.post("/v1/tokens", body))
    print(made["token"])
    typer.echo(f"Token {made['id']} for {name!r}: {', '.join(made['scopes'])}; {_until(made)}. It is not shown again.", err=True)


@token_commands.command("list")
def list_tokens(address: Address = None, as_json: Json = False) -> None:
    """List tokens with their last use. Example: datapod token list"""
    with _pod(address) as pod:
        tokens = _asked(lambda: pod.get("/v1/tokens"))
    if as_json:
        print(json.dumps(tokens, indent=2))
        return
    for token in tokens:
        used = f"used {_day(token['used'])}" if "used" in token else "never used"
        narrowed = ", narrowed" if "permissions" in token else ""
        print(f"{token['id']}  {token['name']}  {' '.join(token['scopes'])}{narrowed}  {_until(token)}  {used}")


@token_commands.command("revoke")
def revoke_token(token_id: Annotated[str, typer.Argument(help="The ID, as the list shows it.")], address: Address = None) -> None:
    """Make a token useless at once. Example: datapod token revoke 5f2c..."""
    with _pod(address) as pod:
        _asked(lambda: pod.delete(f"/v1/tokens/{token_id.partition('.')[0]}"))
    print(f"Revoked {token_id.partition('.')[0]}")


def _pod(address: str | None) -> Connection:
    return connect(address_of(address))


def _asked(ask: Any) -> Any:
    try:
        return ask()
    except PodError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


def _until(token: dict[str, Any]) -> str:
    return f"expires {_day(token['expires'])}" if "expires" in token else "does not expire"


def _day(milliseconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(milliseconds / 1000))
