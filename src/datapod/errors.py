"""What can go wrong between a plugin and its pod.

Exception
├── PodError                    the pod answered something else than 200; `status` and `message`
│   ├── PodConnectionError      the pod cannot be reached (also a ConnectionError)
│   ├── CredentialsEnded        421: the credentials of a plugin are no longer valid; only the end of the process helps
│   └── RefusedSchema           the pod has other types for these names (also a SchemaConflict)
├── ValidationError             a value or keyword does not fit an item class (a ValueError and TypeError)
├── UnknownEdge                 an item class has no edge of that name (a NameError and ValueError)
├── SchemaConflict              two declarations give one property two types (a ValueError)
└── PluginError                 a plugin failed; its traceback was printed
"""

from __future__ import annotations


class PodError(Exception):
    """The pod refused a request, or answered with another status than 200."""

    def __init__(self, status: int | None = None, message: str | None = None) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message

    def __str__(self) -> str:
        return " ".join(str(part) for part in (self.status, self.message) if part not in (None, ""))


class PodConnectionError(PodError, ConnectionError):
    """No pod answers at this address; start it, or correct the address.

    `may_have_arrived`: the connection broke after the request had left, so the pod may have carried it out.
    """

    def __init__(self, address: str, reason: str, *, may_have_arrived: bool = False) -> None:
        advice = (
            "The connection broke before the answer; look at what is there before you repeat the request."
            if may_have_arrived
            else "Is it running? Start it with `datapod serve`, or name another address (`url=`, environment POD_ADDRESS)."
        )
        PodError.__init__(self, None, f"Could not connect to the pod at {address}: {reason}. {advice}")
        self.address = address
        self.may_have_arrived = may_have_arrived


class CredentialsEnded(PodError):
    """The pod restarted, or the run of these credentials ended or was revoked; a plugin can only end itself."""


class ValidationError(ValueError, TypeError):
    """A keyword or value that the item class does not take; the message names both."""


class UnknownEdge(NameError, ValueError):
    """The item class declares no edge of that name."""


class SchemaConflict(ValueError):
    """One property name with two value types; a pod knows one type per name, so one of them needs another name."""


class RefusedSchema(PodError, SchemaConflict):
    """The pod knows one of these properties with another type, which never changes; nothing of the registration is stored."""


class PluginError(Exception):
    """A plugin run failed. The reason stands in the run's `error` and was printed."""
