"""`mock`: takes its time and reports progress; for those who write clients. Source: datasets-and-procedures.md, 7.3."""

from __future__ import annotations

import threading
import time
from typing import Any

from msgspec import Struct

from datapod_server.errors import Invalid
from datapod_server.messages import Cancellation, Report
from datapod_server.procedures.kind import ProcedureKind, Types
from datapod_server.procedures.progress import now_text
from datapod_server.procedures.workbench import Workbench

NAME = "mock"


class MockParams(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Source: datasets-and-procedures.md, 7.3."""

    duration_ms: int = 5000
    refresh_rate_ms: int = 50
    run_on_creation: bool | int = True  # 0 and 1 are accepted too


class Mock:
    """One procedure of the type."""

    def __init__(self, params: MockParams, workbench: Workbench) -> None:
        _check(params)

    def run(self, params: MockParams, report: Report, cancellation: Cancellation) -> tuple[None, None]:
        """Two equal halves, one step each; a step counts its reports. No results."""
        _check(params)
        steps: list[dict[str, Any]] = [{"name": name, "type": "counter", "value": 0} for name in ("step 1", "step 2")]
        stopped = threading.Event()
        cancellation.on_request(stopped.set)
        for step in steps:
            step["started"] = now_text()
            end = time.monotonic() + params.duration_ms / 2000
            while (left := end - time.monotonic()) > 0:
                report({"steps": [dict(each) for each in steps]})
                stopped.wait(min(left, params.refresh_rate_ms / 1000))
                cancellation.check()
                step["value"] += 1
            step["ended"] = now_text()
        report({"steps": steps})
        return None, None


def _check(params: MockParams) -> None:
    for name, value in (("durationMs", params.duration_ms), ("refreshRateMs", params.refresh_rate_ms)):
        if value < 1:
            raise Invalid(f"{name} must be >= 1")


def register(types: Types) -> None:
    types.add(ProcedureKind(NAME, MockParams, Mock, "Wait and report progress"))
