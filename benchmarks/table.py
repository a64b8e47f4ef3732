"""What a benchmark reports: rows with a measured value, the same work done by a peer, their ratio and the bar it should reach."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Literal, NamedTuple


class Row(NamedTuple):
    """One measured path.

    Attributes:
        name: What was done, in a few words that stand alone: `search by property among 100,000 items`.
        measured: Datapod's value in `unit`.
        unit: `rows/s`, `ms`, `µs`, `MB` ...
        peer: What it is compared with and that one's value: `raw SQLite 210,000 rows/s`; empty without one.
        ratio: Datapod relative to the peer (rates: measured / peer's; times: measured / peer's); without peer, relative to the bar.
        bar: The ratio to reach, from the design's list, or None where there is none.
        better: Whether a higher or a lower ratio is better.
    """

    name: str
    measured: float
    unit: str
    peer: str
    ratio: float
    bar: float | None
    better: Literal["higher", "lower"] = "lower"

    @property
    def met(self) -> bool | None:
        """Whether the bar is reached; None without a bar."""
        if self.bar is None:
            return None
        return self.ratio >= self.bar if self.better == "higher" else self.ratio <= self.bar


def median_seconds(work: Callable[[], object], *, repeats: int = 5, warm_up: int = 1) -> float:
    """The median duration of `work`, after `warm_up` calls that do not count."""
    for _ in range(warm_up):
        work()
    durations = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        durations.append(time.perf_counter() - start)
    return statistics.median(durations)
