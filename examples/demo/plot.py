"""Bars on the terminal, and a picture of the network."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

WIDTH = 44


def bars(rows: Sequence[dict[str, Any]], label: str, value: str) -> list[str]:
    """One line per row; the longest bar fills `WIDTH` characters, negative values are drawn hollow."""
    longest = max(abs(row[value]) for row in rows)
    width = max(len(row[label]) for row in rows)
    return [
        f"{row[label]:<{width}}  {('█' if row[value] >= 0 else '░') * max(1, round(WIDTH * abs(row[value]) / longest))} {row[value]:.1f}"
        for row in rows
    ]


def draw(carriers: Sequence[dict[str, Any]], destinations: Sequence[dict[str, Any]], path: Path) -> Path:
    """Draw mean delays by carrier and a map of the destinations; returns the picture's path."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(14, 5.5), width_ratios=(1, 1.5), layout="constrained")
    ordered = sorted(carriers, key=lambda row: row["delay"])
    left.barh([row["name"] for row in ordered], [row["delay"] for row in ordered], color="#c8553d")
    left.set(title="Mean delay at arrival by carrier", xlabel="minutes")
    mainland = [row for row in destinations if row["longitude"] > -130]
    points = right.scatter(
        [row["longitude"] for row in mainland],
        [row["latitude"] for row in mainland],
        s=[row["flights"] / 40 for row in mainland],
        c=[row["delay"] for row in mainland],
        cmap="coolwarm",
        edgecolors="#444444",
        linewidths=0.4,
    )
    for row in mainland[:12]:
        right.annotate(row["faa"], (row["longitude"], row["latitude"]), fontsize=7, ha="center", va="center")
    right.set(title="Destinations from New York City, 2013: area = flights, colour = mean delay", xlabel="longitude", ylabel="latitude")
    figure.colorbar(points, ax=right, label="minutes")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
    return path
