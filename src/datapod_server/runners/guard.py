"""Ends a process group when the server dies, however it dies.

The kernel offers a signal at the parent's death only to direct children, and only at the death of the *thread* that forked them; a
plugin may be a shell script with children of its own. So beside each group waits a shell of a few hundred kilobytes that reads
from a pipe whose other end only the server holds: when the server is gone, by `kill -9` too, the pipe ends and the shell
kills the group. In good order it is told that the group has ended, and does nothing.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

# First line: the number of the group; second line: the group ended. End of input instead: the server is gone.
_SCRIPT = 'read -r group || exit 0; read -r ended && exit 0; kill -KILL "-$group"; [ $# -gt 0 ] && exec "$@"'


class GroupGuard:
    """Waits in a session of its own, so that no signal meant for the server or the plugin reaches it."""

    def __init__(self, afterwards: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> None:
        """Start waiting.

        Args:
            afterwards: A command that is executed after the group was killed, for what does not belong to the group.
            environment: For that command.
        """
        read_end, self._pipe = os.pipe()  # neither end is inherited by other children
        try:
            # Started before the group it guards, so that no run is ever without one. It gets no environment that it does not need:
            # there are secrets in the server's.
            self._shell = subprocess.Popen(
                ["/bin/sh", "-c", _SCRIPT, "guard", *afterwards],
                stdin=read_end,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=dict(environment or {}),
                cwd="/",
                start_new_session=True,
            )
        except BaseException:
            os.close(self._pipe)
            raise
        finally:
            os.close(read_end)

    def watch(self, group: int) -> None:
        """Kill this group if the server dies from now on."""
        self._tell(f"{group}\n")

    def release(self) -> None:
        """The group has ended, or was never started."""
        self._tell("ended\n")
        os.close(self._pipe)
        self._shell.wait()

    def _tell(self, line: str) -> None:
        try:
            os.write(self._pipe, line.encode())
        except BrokenPipeError:  # somebody killed the guard; its group is still ended by the supervision
            return
