"""The `network` right of a declaration, and what a backend says that cannot keep a run to it. Source: pod-protocol.md, 23.2 and 23.4."""

from __future__ import annotations

import functools
import re
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
_MOST_PLACES = 200
_PLACE = re.compile(r"[A-Za-z0-9._-]+:[0-9]{1,5}")


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
    vague = [place for place in network.chosen if not _is_exact(place)]
    if vague or len(network.chosen) > _MOST_PLACES:
        where = " (only hosts that are named, or have an IPv4 address, with a port)"
        raise cannot_enforce("process", network, where=where, ways_out="name each host")
    obstacle = missing_means()
    if obstacle is None and _is_far_ipv6(_pod_of(callback_address)):
        obstacle = f"the pod is reached at {callback_address}"
    if obstacle is not None:
        raise cannot_enforce("process", network, where=f" ({obstacle})", ways_out="or run it as a container on an internal network")


def confined(command: list[str], launch: Launch) -> list[str]:
    """The command, behind the program that keeps it to its connections if it may not have all."""
    if launch.network is None or launch.network.chosen is None:
        return command
    places = [_pod_of(launch.variables["POD_FULL_ADDRESS"]), *sorted(launch.network.chosen)]
    return [*_LAUNCHER, str(_web_port(launch)), *dict.fromkeys(place.lower() for place in places), "--", *command]


def _pod_of(callback_address: str) -> str:
    """Host and port of the pod, an IPv6 address in brackets."""
    address = urlsplit(callback_address)
    host = address.hostname or ""
    port = address.port or (443 if address.scheme == "https" else 80)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _is_exact(place: str) -> bool:
    return _PLACE.fullmatch(place) is not None and 0 < int(place.rpartition(":")[2]) < 2**16


def _is_far_ipv6(place: str) -> bool:
    """The loopback of a network can be given other addresses of IPv4 only."""
    return place.startswith("[") and not place.startswith("[::1]")


@functools.cache
def missing_means() -> str | None:
    """What this system lacks to give a process a network of its own; found out by trying."""
    try:
        probe = subprocess.run([*_LAUNCHER, "--probe"], capture_output=True, text=True, timeout=_PROBE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return None if probe.returncode == 0 else probe.stderr.strip().rpartition("\n")[2]


def _web_port(launch: Launch) -> int:
    """Where the plugin's web server will listen: the run's `webserverPort`, which it learns the same way."""
    target = msgspec.json.decode(launch.variables["POD_TARGET_ITEM"])
    return int(target.get("webserverPort") or _DEFAULT_WEB_PORT)
