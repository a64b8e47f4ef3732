"""Run the demo: `python -m examples.demo [--keep]`."""

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from examples.demo import steps
from examples.demo.account import Account
from examples.demo.pod import Refused
from examples.demo.server import Server, ServerFailed
from examples.flight_data import MissingData

# What the demo reports instead of a traceback; anything else is a fault of the demo and shows as one.
FAILURES = (MissingData, Refused, ServerFailed, steps.NotAsExpected)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m examples.demo", description="Show Datapod from an empty pod to a plot.")
    parser.add_argument("--keep", action="store_true", help="keep the data folder; removed at the end if left out")
    parser.add_argument("--out", type=Path, default=Path("demo-out"), help="folder for the plot; demo-out if left out")
    arguments = parser.parse_args()
    console = Console(highlight=False)
    work = Path(tempfile.mkdtemp(prefix="datapod-demo-"))
    # The demo's keys stay in its own folder: those of the person who runs it are not touched.
    os.environ["DATAPOD_HOME"] = str(work / "home")
    server = Server(work)
    account = Account(console)
    try:
        steps.tell(account, server, work, arguments.out)
    except FAILURES as failure:
        console.print(f"\nThe demo stopped: {failure}", style="bold red", markup=False)
        if tail := server.log_tail():
            console.print("The server's last words:\n" + tail, style="dim", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("\nInterrupted.", style="red")
        return 130
    finally:
        server.kill()
        if arguments.keep:
            console.print(f"Kept: {work}", markup=False)
        else:
            shutil.rmtree(work, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
