"""Run every benchmark and print one table of ratios: `python -m benchmarks [NAME ...] [--full]`."""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

import benchmarks
from benchmarks.table import Row

_NOT_BENCHMARKS = {"__main__", "asking", "table"}


def module_names() -> list[str]:
    """The benchmark modules in this folder, in alphabetical order."""
    return sorted(module.name for module in pkgutil.iter_modules(benchmarks.__path__) if module.name not in _NOT_BENCHMARKS)


def main() -> int:
    arguments = _parse()
    console = Console()
    table = Table("what", "measured", "compared with", "ratio", "bar", "", title="Datapod benchmarks")
    results: list[dict[str, object]] = []
    failures: list[str] = []
    for name in arguments.names or module_names():
        start = time.perf_counter()
        try:
            rows: list[Row] = importlib.import_module(f"benchmarks.{name}").run(quick=not arguments.full)
        except Exception as error:  # noqa: BLE001 - a benchmark that fails is a result to show beside the others
            failures.append(f"{name}: {type(error).__name__}: {error}")
            continue
        console.print(f"{name}: {time.perf_counter() - start:.1f} s", style="dim")
        for row in rows:
            table.add_row(*_texts(row))
            results.append(row._asdict() | {"module": name, "met": row.met})
    console.print(table)
    for failure in failures:
        console.print(f"failed: {failure}", style="red", markup=False)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    return 1 if failures else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure Datapod beside its peers.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"all if left out; one of {', '.join(module_names())}")
    parser.add_argument("--full", action="store_true", help="the sizes that the bars are stated for; small inputs if left out")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows there as JSON")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(module_names()))
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(module_names())}")
    return arguments


def _texts(row: Row) -> tuple[str, ...]:
    sign = {"higher": "≥", "lower": "≤"}[row.better]
    verdict = {None: "", True: "[green]met[/]", False: "[red]not met[/]"}[row.met]
    bar = "" if row.bar is None else f"{sign} {row.bar:g}"
    return row.name, f"{_short(row.measured)} {row.unit}", row.peer, f"{row.ratio:.2f}", bar, verdict


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    sys.exit(main())
