"""The address at which a plugin run reaches the server."""

from __future__ import annotations

import ipaddress
from typing import Literal


def container_callback_address(explicit: str | None, *, scheme: Literal["http", "https"], port: int, system: str) -> str | None:
    """Where containers reach the server, if that is not where processes do.

    Args:
        system: As `sys.platform` names it; containers live in a virtual machine wherever that is not Linux.

    >>> container_callback_address(None, scheme="http", port=3030, system="darwin")
    'http://host.docker.internal:3030'
    """
    return None if explicit or system == "linux" else f"{scheme}://host.docker.internal:{port}"


def callback_address(explicit: str | None, *, scheme: Literal["http", "https"], host: str, port: int) -> str:
    """What goes into `POD_FULL_ADDRESS` of runs on this machine.

    Args:
        explicit: The operator's choice; taken unchanged if there is one.
        host: The address the server listens on.

    Source: pod-protocol.md, 14.4.

    >>> callback_address(None, scheme="http", host="0.0.0.0", port=3030)
    'http://localhost:3030'
    >>> callback_address(None, scheme="https", host="192.168.1.7", port=3030)
    'https://192.168.1.7:3030'
    """
    if explicit:
        return explicit
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"{scheme}://{host}:{port}"
    if address.is_loopback or address.is_unspecified:
        return f"{scheme}://localhost:{port}"
    return f"{scheme}://[{host}]:{port}" if address.version == 6 else f"{scheme}://{host}:{port}"
