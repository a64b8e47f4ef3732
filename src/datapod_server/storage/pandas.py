"""Keeping pandas out of a process of ours where it happens to be installed: the table engine's libraries load it if they find it."""

from __future__ import annotations

import sys


def leave_out() -> None:
    """Let `import pandas` fail in this process, so that the first Arrow array does not load it: 0.3 s and 60 MB for nothing.

    For processes that are ours alone; code in workers has processes of its own, and who embeds a pod may want pandas. Does nothing where
    pandas is loaded already.
    """
    sys.modules.setdefault("pandas", None)  # type: ignore[arg-type]  # None: "this module is not to be found"
