"""What of `/v1` is open to somebody with narrowed rights: queries, and the datasets that were granted.

Source: pod-protocol.md, 23.2, 23.7.
"""

from __future__ import annotations

from datapod_server.api.router import decode_segment
from datapod_server.errors import EntryNotFound, NotFound
from datapod_server.messages import Request
from datapod_server.pod import Pod
from datapod_server.principal import Principal
from datapod_server.rights import missing

_OPEN = frozenset({"/v1/query", "/v1/datasets", "/v1/redirect/get", "/v1/help", "/", "/ping", "/info"})
_READING = frozenset({"GET", "HEAD"})


def check_rights(pod: Pod, request: Request) -> None:
    """Raises `NotFound` for what the asker may not see, `Forbidden` for what he may see but not change; notes what a run touches."""
    principal = request.principal
    dataset = _dataset(request.path)
    if dataset is None:
        if principal.rights is not None and request.path not in _OPEN and not request.path.startswith("/v1/types"):
            raise NotFound(f"unknown resource {request.verb} {request.path}")
        return
    direction = "read" if request.verb in _READING else "write"
    if principal.rights is not None:
        reads, writes = (rights.include(dataset) for rights in (principal.rights.datasets_read, principal.rights.datasets_write))
        if not (reads if direction == "read" else reads or writes):
            raise EntryNotFound("datasets", dataset)
        if direction == "write" and not writes:
            raise missing(f"datasets write {dataset}")
    pod.items.audit.note(principal, "dataset", dataset, direction)


def visible_datasets(ids: list[str], principal: Principal) -> list[str]:
    rights = principal.rights
    return ids if rights is None else [name for name in ids if rights.datasets_read.include(name)]


def _dataset(path: str) -> str | None:
    segments = path.split("/")
    return decode_segment(segments[3]) if segments[1:3] == ["v1", "datasets"] and len(segments) > 3 else None
