"""The states of a run that the server knows the meaning of. Source: pod-protocol.md, 14.6."""

FINAL = frozenset({"done", "error", "aborted"})
WAITS_FOR_ITS_OWNER = "userActionNeeded"
IDLE = "idle"
ERROR = "error"
ABORTED = "aborted"
STARTS_NOTHING = frozenset({"", "none"})
"""Values of `containerImage`."""
