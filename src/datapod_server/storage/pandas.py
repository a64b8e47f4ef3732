"""Keeping pandas out of a process of ours where it happens to be installed: Arrow loads it if it finds it."""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder


class _NotThere(MetaPathFinder):
    """Says that there is no pandas. Not `sys.modules["pandas"] = None`: DuckDB looks there, and stumbles over it."""

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("pandas is left out of this process", name=name)


def leave_out() -> None:
    """Let `import pandas` fail in this process, so that the first Arrow array does not load it: 0.3 s and 60 MB for nothing.

    For processes that are ours alone; code in workers has processes of its own, and who embeds a pod may want pandas. Does nothing where
    pandas is loaded already.
    """
    if not any(isinstance(finder, _NotThere) for finder in sys.meta_path):
        sys.meta_path.insert(0, _NotThere())
