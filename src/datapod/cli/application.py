"""The client's side of the `datapod` program, as a Typer application. Imported only for commands that are not sent straight to a module."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from datapod.cli.data_commands import dataset_commands, schema_commands
from datapod.cli.main import SERVER_COMMANDS
from datapod.cli.options import configure_logging
from datapod.cli.tokens import token_commands

_FORWARDED: dict[str, Any] = {"allow_extra_args": True, "ignore_unknown_options": True}

application = typer.Typer(help="Datapod: a data server that you extend in Python.", no_args_is_help=True, add_completion=False)
plugin_commands = typer.Typer(help="Run, start and look after plugins.", no_args_is_help=True)
key_commands = typer.Typer(help="The keys of your pod.", no_args_is_help=True)
application.add_typer(plugin_commands, name="plugin")
application.add_typer(key_commands, name="keys")
application.add_typer(token_commands, name="token")
application.add_typer(schema_commands, name="schema")
application.add_typer(dataset_commands, name="dataset")

RunId = Annotated[str, typer.Argument(help="Id of the run.")]


def _forward(module: str) -> Callable[[typer.Context], None]:
    def forward(context: typer.Context) -> None:
        raise typer.Exit(importlib.import_module(module).command(context.args))

    return forward


def _forward_to_server(name: str) -> Callable[[typer.Context], None]:
    def forward(context: typer.Context) -> None:
        from datapod.cli.main import main

        raise typer.Exit(main([name, *context.args]))

    return forward


for _name, _module, _summary in (
    ("run", "datapod.cli.run_plugin", "Run a plugin in this process: that of module:Class, of a run, or of a description."),
    ("start", "datapod.cli.start", "Ask the pod to start a plugin."),
    ("credentials", "datapod.cli.credentials", "Enter user name and password for a waiting run."),
    ("new", "datapod.cli.new_plugin", "Make a plugin project that works, with tests that pass."),
    ("config", "datapod.cli.form", "Write the form for a plugin's configuration."),
):
    plugin_commands.command(_name, help=_summary, context_settings=_FORWARDED, add_help_option=False)(_forward(_module))
key_commands.command("store", help="Make keys and keep them in a file.", context_settings=_FORWARDED, add_help_option=False)(
    _forward("datapod.cli.keys")
)
for _name, _summary in SERVER_COMMANDS.items():
    application.command(_name, help=_summary, context_settings=_FORWARDED, add_help_option=False)(_forward_to_server(_name))


@application.command()
def version() -> None:
    """Print the version. Example: datapod version"""
    import datapod

    print(datapod.__version__)


@key_commands.command("show")
def show_keys(path: Annotated[str | None, typer.Option(help="Key file; that of all commands if left out.")] = None) -> None:
    """Print the owner key; the database key stays in its file. Example: datapod keys show"""
    from datapod.cli.keys import show_keys as show

    show(path)


@plugin_commands.command("status")
def status(
    run_ids: Annotated[list[str] | None, typer.Argument(help="Runs; all of them if left out.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list instead of a table.")] = False,
) -> None:
    """List runs with their state, rights and schedule. Example: datapod plugin status"""
    from datapod.cli.runs import describe_runs, owner_client, table_of_runs

    runs = describe_runs(owner_client(), run_ids or [])
    print(json.dumps(runs, indent=2, ensure_ascii=False) if as_json else "\n".join(table_of_runs(runs)))


@plugin_commands.command("abort")
def abort(run_id: RunId) -> None:
    """Stop a run and wait for its end. Example: datapod plugin abort 0123456789abcdef"""
    from datapod.cli.runs import abort_run, owner_client

    print(abort_run(owner_client(), run_id))


@plugin_commands.command("logs")
def logs(run_id: RunId, follow: Annotated[bool, typer.Option("-f", help="Go on until the run is over.")] = False) -> None:
    """Print what a run printed. Example: datapod plugin logs -f 0123456789abcdef"""
    from datapod.cli.runs import follow_log, owner_client

    follow_log(owner_client(), run_id, follow)


@plugin_commands.command("oauth-code")
def oauth_code(
    run_id: Annotated[str, typer.Option(help="Id of the waiting run.")], code: Annotated[str, typer.Option(help="Code from the service.")]
) -> None:
    """Bring the code of an OAuth login back to the run. Example: datapod plugin oauth-code --run-id 0123456789abcdef --code abc"""
    from datapod.cli.runs import enter_code, owner_client

    enter_code(owner_client(), run_id, code)


@plugin_commands.command("login")
def login(
    run_id: RunId,
    paste: Annotated[bool, typer.Option("--paste", help="Paste the code of an OAuth login instead of catching it.")] = False,
) -> None:
    """Log in for a run that waits for it. Example: datapod plugin login 0123456789abcdef"""
    from datapod.cli.login import log_in
    from datapod.cli.runs import owner_client
    from datapod.states import RUN_FAILED

    try:
        status = log_in(owner_client(), run_id, paste=paste)
    except TimeoutError as error:
        raise SystemExit(str(error)) from error
    print(status)
    if status == RUN_FAILED:
        raise typer.Exit(1)


@plugin_commands.command("audit")
def audit(run_id: RunId, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Print what a run was granted, touched and refused. Example: datapod plugin audit 0123456789abcdef"""
    from datapod.cli import rights
    from datapod.cli.runs import owner_client

    report = rights.audit(owner_client(), run_id)
    print(json.dumps(report, indent=2) if as_json else "\n".join(rights.audit_lines(report)))


@plugin_commands.command("grant")
def grant(
    plugin: Annotated[str, typer.Argument(help="An image, or module:Class.")],
    file: Annotated[Path | None, typer.Argument(help="JSON file with a declaration of rights.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the grant back.")] = False,
) -> None:
    """Narrow all runs of an image or a class to a declaration. Example: datapod plugin grant boats.imports:Logbook rights.json"""
    from datapod.cli import rights
    from datapod.cli.runs import owner_client

    if remove is (file is not None):
        raise typer.BadParameter("give a file with a declaration, or --remove")
    rights.grant(owner_client(), plugin, file)
    print(f"Took back the grant of {plugin}" if remove else f"All runs of {plugin} are narrowed to {file}")


def run(arguments: list[str]) -> int:
    """Carry out one command line; the exit status."""
    configure_logging()
    command = typer.main.get_command(application)
    assert isinstance(command, TyperGroup)  # noqa: S101 - an application with more than one command is a group
    try:
        result = command.main(args=arguments, prog_name="datapod", standalone_mode=False)
    except typer.Exit as ending:
        return int(ending.exit_code)
    except typer.Abort:
        return 130
    except SystemExit as ending:
        if isinstance(ending.code, str):
            typer.echo(ending.code, err=True)
            return 1
        return int(ending.code or 0)
    except Exception as error:
        if hasattr(error, "show") and hasattr(error, "exit_code"):  # wrong usage, as click says it
            error.show()
            return int(error.exit_code)
        if isinstance(error, (ValueError, OSError)) or type(error).__module__ == "datapod.errors":
            typer.echo(str(error), err=True)
            return 1
        raise
    return result if isinstance(result, int) else 0
