"""The address at which a plugin run reaches the server."""

from __future__ import annotations

import ipaddress
from typing import Literal


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
