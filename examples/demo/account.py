"""The printed account: a title and a time for each step, tables and progress in between."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table


class Account:
    """Prints what happens and how long it took."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._count = 0
        self._started = time.perf_counter()

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """One numbered step; its time stands below it."""
        self._count += 1
        self._console.print(f"\n[bold]{self._count}  {title}[/]")
        start = time.perf_counter()
        yield
        self._console.print(f"   [dim]{time.perf_counter() - start:.2f} s[/]")

    def say(self, text: str) -> None:
        self._console.print("   " + text, markup=False, soft_wrap=True)

    def table(self, rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> None:
        """Rows as a table; numbers to the right, fractions with one digit."""
        table = Table(box=None, padding=(0, 2, 0, 3), header_style="dim")
        for column in columns:
            numeric = all(isinstance(row[column], (int, float)) for row in rows)
            table.add_column(column, justify="right" if numeric else "left")
        for row in rows:
            table.add_row(*(_text(row[column]) for column in columns))
        self._console.print(table)

    @contextmanager
    def progress(self, title: str) -> Iterator[Progress]:
        """A bar from 0 to 1 for the one task `0`."""
        columns = (TextColumn("  "), TextColumn("{task.description}"), BarColumn(40), TaskProgressColumn())
        with Progress(*columns, console=self._console) as progress:
            progress.add_task(title, total=1.0)
            yield progress

    def finish(self, text: str) -> None:
        self._console.print(f"\n[bold green]{text}[/] All in {time.perf_counter() - self._started:.1f} s.")


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
