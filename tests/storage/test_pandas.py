"""pandas stays out of the server's own processes, and the table engine does not miss it."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """\
import sys
from datapod_server.storage import pandas
pandas.leave_out()
import duckdb, pyarrow
table = pyarrow.table({"x": pyarrow.array([1, 2])})
connection = duckdb.connect()
connection.register("given", table)
print(connection.execute("select sum(x) from given").fetchall(), "pandas" in sys.modules)
try:
    import pandas
except ImportError:
    print("no pandas")
"""


def test_arrow_and_duckdb_work_together_without_pandas() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=False)
    assert (done.stdout.split("\n")[:2], done.stderr) == (["[(3,)] False", "no pandas"], "")
