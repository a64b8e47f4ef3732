"""The `network` right of a declaration, and what a backend says that cannot keep a run to it. Source: pod-protocol.md, 23.2 and 23.4."""

from __future__ import annotations

from datapod_server.errors import Invalid
from datapod_server.rights import Named


def describe(network: Named) -> str:
    """The right as it stands in a declaration, in one line.

    >>> describe(Named()), describe(Named(None)), describe(Named(frozenset({"imap.example.org:993"})))
    ('none', 'outbound', 'imap.example.org:993')
    """
    if network.chosen is None:
        return "outbound"
    return ", ".join(sorted(network.chosen)) or "none"


def cannot_enforce(runner: str, network: Named, *, where: str = "", ways_out: str) -> Invalid:
    """The refusal of a right that would otherwise be given silently.

    Args:
        where: What stands in the way, such as ` on network host`.
        ways_out: What may be done beside declaring `outbound`.
    """
    return Invalid(f'Runner {runner} cannot enforce network {describe(network)}{where}: declare "outbound", {ways_out}')
