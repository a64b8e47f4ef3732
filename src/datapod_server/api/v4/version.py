"""Which server this is. Source: pod-protocol.md, 2."""

from __future__ import annotations

from importlib.metadata import version

import msgspec

from datapod_server.messages import Response

# Clients of the protocol look at `cargo`; Datapod's own SDK tells by the key `datapod` what it need not send.
_PROTOCOL_VERSION = "0.4.4"
_TEXT = msgspec.json.encode({"cargo": _PROTOCOL_VERSION, "datapod": version("datapod"), "git_describe": None}).decode()


def get_version() -> Response:
    return Response.text(_TEXT)
