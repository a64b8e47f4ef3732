"""States of a plugin run. `done`, `error` and `aborted` are final. Source: plugin-sdk.md, 8.4."""

from __future__ import annotations

RUN_IDLE = "idle"
RUN_INITIALIZED = "initialized"
RUN_STARTED = "started"
RUN_USER_ACTION_NEEDED = "userActionNeeded"
RUN_USER_ACTION_COMPLETED = "ready"
RUN_AUTHENTICATED = "authenticated"
RUN_COMPLETED = "done"
RUN_FAILED = "error"
RUN_ABORTED = "aborted"
RUN_DAEMON = "daemon"

FINAL_STATES = frozenset({RUN_COMPLETED, RUN_FAILED, RUN_ABORTED})

_FOUNDING_SPELLINGS = {"start": RUN_STARTED, "initilized": RUN_INITIALIZED}


def canonical_state(state: str | None) -> str | None:
    """A state as it is written today; the two spellings of 2021 are understood.

    >>> canonical_state("initilized"), canonical_state("done"), canonical_state(None)
    ('initialized', 'done', None)
    """
    return _FOUNDING_SPELLINGS.get(state, state) if state is not None else None
