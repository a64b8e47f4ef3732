"""The `network` right of a declaration, and what a backend says that cannot keep a run to it. Source: pod-protocol.md, 23.2 and 23.4."""

from __future__ import annotations

import functools
import ipaddress
import subprocess
import sys
from urllib.parse import urlsplit

import msgspec

from datapod_server.errors import Invalid
from datapod_server.rights import Named
from datapod_server.runners.backend import Launch

# Without the working folder on its search path: what lies there is the plugins'.
_LAUNCHER = (sys.executable, "-P", "-m", "datapod_server.runtime.confined")
_PROBE_SECONDS = 10.0
_DEFAULT_WEB_PORT = 8080


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


def check_confinement(network: Named, callback_address: str) -> None:
    """Whether a process of this machine can be kept to these connections; raises `Invalid`."""
    if network.chosen is None:
        return
    if network.chosen:
        raise cannot_enforce("process", network, ways_out='or "none"')
    obstacle = _obstacle(callback_address)
    if obstacle is not None:
        raise cannot_enforce("process", network, where=f" ({obstacle})", ways_out="or run it as a container on an internal network")


def confined(command: list[str], launch: Launch) -> list[str]:
    """The command, behind the program that keeps it from the network if the run may not have it."""
    if launch.network is None or launch.network.chosen is None:
        return command
    address = urlsplit(launch.variables["POD_FULL_ADDRESS"])
    return [*_LAUNCHER, f"{address.hostname}:{_port_of(address.scheme, address.port)}", str(_web_port(launch)), "--", *command]


def _obstacle(callback_address: str) -> str | None:
    """Why the pod could not be reached from a network of its own, or why there can be none; None if all is well."""
    host = urlsplit(callback_address).hostname or ""
    if host != "localhost":
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return f"the pod is reached by the name {host}"
        if address.version == 6 and not address.is_loopback:
            return f"the pod is reached at {host}"
    return missing_means()


@functools.cache
def missing_means() -> str | None:
    """What this system lacks to give a process a network of its own; found out by trying."""
    try:
        probe = subprocess.run([*_LAUNCHER, "--probe"], capture_output=True, text=True, timeout=_PROBE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return None if probe.returncode == 0 else probe.stderr.strip().rpartition("\n")[2]


def _port_of(scheme: str, port: int | None) -> int:
    return port or (443 if scheme == "https" else 80)


def _web_port(launch: Launch) -> int:
    """Where the plugin's web server will listen: the run's `webserverPort`, which it learns the same way."""
    target = msgspec.json.decode(launch.variables["POD_TARGET_ITEM"])
    return int(target.get("webserverPort") or _DEFAULT_WEB_PORT)
