"""Where an open file really is.

Code inside the server may swap a folder for a link between the look at a path and its opening. A descriptor cannot be swapped, so what
must not be shown is judged by it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def real_path(descriptor: int, opened: Path) -> Path:
    """The place of an open file, links followed. `opened` is the path that was opened, for systems that cannot tell from the descriptor."""
    if sys.platform != "linux":
        return opened.resolve()
    return Path(os.readlink(f"/proc/self/fd/{descriptor}"))  # noqa: PTH115 - the text as it is, also of what is no path
