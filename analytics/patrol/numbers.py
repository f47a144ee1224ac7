"""Numbers that several inspections share: sums over a window, sustained levels, honest bounds, charts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from analytics.world import CallSeries, Timeline, World
from causeway.findings import Chart, Message
from causeway.window import SECOND_NS

CHART_POINTS_MAX = 120
# One-sided 95 %.
_Z = 1.645


class Coverage(NamedTuple):
    """What a service's spans in the window tell about the telemetry itself."""

    service: str
    spans: int
    orphans: int
    linked: int
    skewed: int


def coverage(world: World) -> Iterator[Coverage]:
    """One row per service with spans in the window."""
    frame = world.coverage
    counts = frame[["spans", "orphans", "linked", "skewed"]].to_numpy(dtype=np.int64)
    for name, row in zip(frame["service"], counts.tolist(), strict=True):
        if row[0] > 0:
            yield Coverage(str(name), *row)


def services(world: World) -> list[str]:
    """Every service of the World, by name; not databases, queues and externals."""
    return sorted(str(name) for name in world.nodes.index[world.nodes["type"] == "service"])


def by_service(series: CallSeries) -> Iterator[tuple[str, int]]:
    """(service, row) of a CallSeries keyed by service."""
    for row, name in enumerate(series.keys.get_level_values("service")):
        yield str(name), row


def window_sum(matrix: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(n, t), (t,) bool -> (n,) sums of the chosen slots, missing ones left out."""
    return np.asarray(np.nansum(matrix[:, mask], axis=1, dtype=np.float64))


def slots_of(timeline: Timeline, seconds: float) -> int:
    """How many slots cover that long, at least one."""
    return max(1, math.ceil(seconds * SECOND_NS / timeline.step_ns))


def sustained(matrix: np.ndarray, slots: int) -> np.ndarray:
    """(n, t) running median of the last `slots`; NaN where fewer than half of them hold a value.

    A single spike does not raise it; a level that lasts does.
    """
    if slots == 1 or not matrix.size:
        return matrix.astype(np.float64)
    frame = pd.DataFrame(matrix.T.astype(np.float64))
    return frame.rolling(slots, min_periods=max(1, slots // 2)).median().to_numpy().T


def row_quantile(matrix: np.ndarray, quantile: float) -> np.ndarray:
    """(n, t) -> (n,) quantile of the values of each row; NaN where a row has none."""
    found = np.full(matrix.shape[0], np.nan)
    some = np.isfinite(matrix).any(axis=1) if matrix.size else np.zeros(matrix.shape[0], dtype=bool)
    if some.any():
        found[some] = np.nanquantile(matrix[some], quantile, axis=1)
    return found


def ratio_low(hits: float, total: float) -> float:
    """The share that is at least this with 95 % confidence: Wilson's lower bound; 0 without trials."""
    if total <= 0:
        return 0.0
    share, z2 = hits / total, _Z * _Z
    middle = share + z2 / (2 * total)
    spread = _Z * math.sqrt(share * (1 - share) / total + z2 / (4 * total * total))
    return max(0.0, (middle - spread) / (1 + z2 / total))


def chart(
    title: Message,
    unit: str,
    timeline: Timeline,
    values: np.ndarray,
    *,
    low: float | None = None,
    high: float | None = None,
) -> Chart:
    """A line of at most 120 points (means of neighbouring slots), with its usual range. values: (t,)."""
    size = -(-len(values) // CHART_POINTS_MAX)
    padded = np.full(-(-len(values) // size) * size, np.nan)
    padded[: len(values)] = values
    blocks = padded.reshape(-1, size)
    count = np.isfinite(blocks).sum(axis=1)
    total = np.nansum(blocks, axis=1)
    points = [float(f"{part / n:.5g}") if n else None for part, n in zip(total, count, strict=True)]
    return Chart(title, unit, tuple(int(time) for time in timeline.times_ns[::size]), tuple(points), low, high)
