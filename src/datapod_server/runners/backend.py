"""The contract of a backend: the few things that a way of starting plugins must offer.

Every backend passes the suite in `tests/contracts/test_runner_backends.py`.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from typing import Protocol

from msgspec import Struct

from datapod_server.rights import Named

Output = Callable[[bytes], None]
"""Takes the next piece of what a run printed, standard output and error mixed as they came. Called from any thread."""


class Launch(Struct, frozen=True):
    """What a backend needs to know to start one run; nothing in it is a secret but the environment.

    Attributes:
        image: The run's `containerImage`.
        variables: Those of the protocol; a backend adds what else its programs need.
        name: What `Backend.container_name` said before the commit; None where the backend has no names.
        network: What the run may reach besides the pod, as `Backend.check_network` accepted it; None: nothing limits it.
    """

    image: str
    run_id: str
    owner_key: str
    variables: Mapping[str, str]
    name: str | None = None
    network: Named | None = None


class Exit(Struct, frozen=True):
    """How a run ended: by an exit code or by a signal, the other one is None. `text` is what the backend knows beyond that."""

    code: int | None = None
    signal_number: int | None = None
    text: str | None = None

    @property
    def succeeded(self) -> bool:
        return self.code == 0

    def reason(self) -> str:
        """One line for the run's `error`. Source: pod-protocol.md, 14.7.

        >>> Exit(code=137).reason(), Exit(signal_number=9).reason()
        ('The plugin ended with exit code 137', 'The plugin ended by signal SIGKILL')
        """
        if self.text is not None:
            return self.text
        if self.signal_number is None:
            return f"The plugin ended with exit code {self.code}"
        try:
            name = signal.Signals(self.signal_number).name
        except ValueError:
            name = str(self.signal_number)  # a real-time signal has no name
        return f"The plugin ended by signal {name}"


class Running(Protocol):
    """One started run. The thread that supervises it is the only caller, but for `host`."""

    def wait(self, timeout_seconds: float) -> Exit | None:
        """How it ended, or None if it is still alive when the time is over. After the end always the same answer, at once."""
        ...

    def host(self) -> str | None:
        """Where the run's web server can be reached from here, as a host name or address; None while or where nobody can tell.

        The one method that any thread may call, at any time, also after the end; it may take seconds. Source: pod-protocol.md, 15.1.
        """
        ...

    def memory_mb(self) -> float:
        """Resident memory of everything that belongs to the run, in MiB; 0 where the backend cannot tell or it has ended."""
        ...

    def terminate(self) -> None:
        """Ask everything that belongs to the run to end. Does nothing after the end."""
        ...

    def kill(self) -> None:
        """End everything that belongs to the run, unasked. Does nothing after the end."""
        ...

    def cleanup(self) -> None:
        """Called once after the end: end what the run left behind, and return when all of its output was delivered."""
        ...


class Backend(Protocol):
    """One way to start runs. Stateless between runs, used from several threads."""

    @property
    def shares_network(self) -> bool:
        """Whether runs listen on the server's own network, so that each needs a port of its own."""
        ...

    def check(self, image: str, properties: Mapping[str, object]) -> None:
        """Called inside the transaction that creates the run, before anything is started; must not block for long.

        Raises:
            Invalid: The run lacks a property that this backend needs.
            MissingProgram: What would be executed is not there or not executable.
        """
        ...

    def check_network(self, network: Named) -> None:
        """Called inside the transaction for a run with a declaration: can this backend keep it to these connections?

        Args:
            network: Patterns of `host:port` besides the pod; all of them (`outbound`), or none.

        Raises:
            Invalid: It cannot; the text names the ways out. Source: pod-protocol.md, 23.4.
        """
        ...

    def container_name(self, owner_key: str, image: str, run_id: str) -> str | None:
        """Called inside the transaction, and again before a restart: the name under which the run will be known outside of the server.

        Stored as the run's `containerId` and given back in `Launch.name`; None where runs have no such name. Source: pod-protocol.md, 14.3.
        """
        ...

    def start(self, launch: Launch, output: Output) -> Running:
        """Called after the commit, in the thread that supervises the run.

        Raises:
            StartFailed: It could not be started; the run ends with that reason.
        """
        ...


class MissingProgram(Exception):
    """The program of a backend cannot be executed. Becomes the 500 of pod-protocol.md, 14.6, and stores nothing."""

    def __init__(self, program: str, reason: str) -> None:
        super().__init__(f"{program}: {reason}")
        self.program = program
        self.reason = reason


class StartFailed(Exception):
    """A run whose item is already stored could not be started; the text becomes its `error`."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Failed to start: {reason}")
