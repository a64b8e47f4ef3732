"""The groups `datapod schema` and `datapod dataset`, as Typer sees them; what they do stands in schema.py and dataset.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

schema_commands = typer.Typer(help="What item classes tell a pod.", no_args_is_help=True)
dataset_commands = typer.Typer(help="Bring data out of a pod.", no_args_is_help=True)

Place = Annotated[str, typer.Argument(help="MODULE or MODULE:CLASS.")]


@schema_commands.command("show")
def show_schema(place: Place) -> None:
    """Print what item classes tell a pod, as JSON. Example: datapod schema show datapod.examples.example_schema"""
    from datapod.cli.schema import item_classes, show

    print(show(item_classes(place)))


@schema_commands.command("check")
def check_schema(
    place: Place,
    since: Annotated[Path | None, typer.Option(help="What `schema show` printed for an earlier release; not compared if left out.")] = None,
) -> None:
    """Check, without a pod, that one would take the declarations. Example: datapod schema check datapod.examples.example_schema"""
    from datapod.cli.schema import check_classes, item_classes

    print(f"{check_classes(item_classes(place), since)} item types are fine.")


@schema_commands.command("push")
def push_schema(place: Place) -> None:
    """Register item classes with the pod of the key file. Example: datapod schema push datapod.examples.example_schema"""
    from datapod.cli.schema import item_classes, push

    print(f"{push(item_classes(place))} item types registered.")


@dataset_commands.callback()
def _datasets() -> None:
    """Bring data out of a pod."""


@dataset_commands.command("export")
def export(
    out: Annotated[Path, typer.Option(help="File to write: .csv or .json.")],
    name: Annotated[str | None, typer.Argument(help="A dataset of /v1; not with --items.")] = None,
    items: Annotated[str | None, typer.Option(help="Name of a data set of items.")] = None,
    columns: Annotated[str | None, typer.Option(help="Columns to keep, separated by commas; all if left out.")] = None,
    all_rows: Annotated[bool, typer.Option(help="With --items: also entries in which something is missing.")] = False,
) -> None:
    """Write a data set to a file. Example: datapod dataset export --items labels --columns data.content --out labels.csv"""
    from datapod.cli.dataset import export_items, export_rows

    wanted = [column.strip() for column in columns.split(",")] if columns else None
    if items is not None and name is None:
        rows = export_items(items, wanted, out, all_rows=all_rows)
    elif name is not None and items is None:
        rows = export_rows(name, wanted, out)
    else:
        raise typer.BadParameter("name either a dataset or --items NAME")
    print(f"{rows} rows written to {out}")
