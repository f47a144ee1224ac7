"""The cheap look before a diagnosis: do users' requests fail more, or take longer, than they usually do?

Only rollup rows of entry operations are read. What it finds is a suspicion; the diagnosis decides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from analytics.patrol.numbers import ratio_low
from causeway.latency import bucket_middle_ms
from causeway.stores.contract import Reader
from causeway.window import MINUTE_NS, Window

KEYS = ["service", "operation"]
# Fewer requests say nothing about an entry point, now or before.
CALLS_MIN = 8
USUAL_CALLS_MIN = 30
# The highest of the usual minutes, but for one in twenty.
_HIGH = 0.95


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """What a rise must exceed: of the failing share; of latency, as a factor and in milliseconds."""

    failing_min: float
    slower_min: float
    slower_ms_min: float


# What wakes somebody, and the lower bar that an incident must get below to be over: so it does not flap between.
OPENING = Sensitivity(failing_min=0.005, slower_min=1.5, slower_ms_min=8.0)
CLOSING = Sensitivity(failing_min=0.0, slower_min=1.3, slower_ms_min=4.0)


@dataclass(frozen=True, slots=True)
class Usual:
    """How entry operations usually do. frame: by (service, operation).

    Calls, error_ratio, level_ms, high_ms.
    """

    window: Window
    frame: pd.DataFrame

    @property
    def known(self) -> bool:
        """Whether there is any history to compare with."""
        return bool((self.frame["calls"] >= USUAL_CALLS_MIN).any()) if len(self.frame) else False


@dataclass(frozen=True, slots=True)
class Look:
    """What the last minutes showed. calls: all entry requests in it.

    Suspects: entry services, worst first.
    """

    calls: int
    suspects: tuple[str, ...]


def usual(reader: Reader, window: Window) -> Usual:
    """The Usual over that window; one row per minute and operation is compared."""
    rows = _entry_rows(reader.operations(window, step_ns=MINUTE_NS))
    minutes = _measures(rows, [*KEYS, "slot_ns"])
    if minutes.empty:
        return Usual(window, pd.DataFrame(columns=["calls", "error_ratio", "level_ms", "high_ms"]))
    grouped = minutes.groupby(level=KEYS)
    frame = grouped[["calls", "errors"]].sum()
    frame["error_ratio"] = frame["errors"] / frame["calls"]
    frame["level_ms"] = grouped["level_ms"].median()
    frame["high_ms"] = grouped["level_ms"].quantile(_HIGH)
    return Usual(window, frame.drop(columns="errors"))


def look(reader: Reader, window: Window, before: Usual, sensitivity: Sensitivity = OPENING) -> Look:
    """The Look at a short window, compared with what is usual."""
    now = _measures(_entry_rows(reader.operations(window)), KEYS)
    if now.empty:
        return Look(0, ())
    joined = now.join(before.frame.add_suffix("_usual"))
    joined = joined[(joined["calls"] >= CALLS_MIN) & (joined["calls_usual"] >= USUAL_CALLS_MIN)]
    columns = ("calls", "errors", "level_ms", "calls_usual", "error_ratio_usual", "level_ms_usual", "high_ms_usual")
    found: dict[str, float] = {}
    for key, row in zip(joined.index, joined[list(columns)].to_numpy(dtype=np.float64), strict=True):
        calls, errors, level_ms, calls_usual, error_ratio, level_usual_ms, high_ms = row.tolist()
        failing = _failing(errors, calls, error_ratio, calls_usual, sensitivity)
        worth = max(failing, _slower(level_ms, level_usual_ms, high_ms, sensitivity))
        if worth > 0:
            found[str(key[0])] = max(worth, found.get(str(key[0]), 0.0))
    return Look(int(now["calls"].sum()), tuple(sorted(found, key=lambda name: (-found[name], name))))


def _failing(errors: float, calls: float, usual_ratio: float, usual_calls: float, sensitivity: Sensitivity) -> float:
    """How much the failing share rose for certain; 0 where it did not."""
    # The usual share is itself uncertain: one more failure than was seen might have come.
    rise = ratio_low(errors, calls) - usual_ratio - 1.0 / usual_calls
    return rise if rise > sensitivity.failing_min else 0.0


def _slower(level_ms: float, usual_ms: float, high_ms: float, sensitivity: Sensitivity) -> float:
    """By what factor it got slower, less one; 0 where it did not, compared with the slowest usual minutes."""
    limit = max(usual_ms * sensitivity.slower_min, usual_ms + sensitivity.slower_ms_min, high_ms)
    return level_ms / usual_ms - 1.0 if level_ms > limit else 0.0


def _entry_rows(table: pa.Table) -> pd.DataFrame:
    """Rows of requests that nobody inside calls; of all inbound requests where no entry is known."""
    names = [*KEYS, "entry", "inbound", "latency_bucket", "calls", "errors", "duration_ns_sum"]
    frame = table.select([name for name in (*names, "slot_ns") if name in table.column_names]).to_pandas()
    entry = frame["entry"].fillna(value=False).astype(bool)
    return frame[entry] if entry.any() else frame[frame["inbound"].fillna(value=False).astype(bool)]


def _measures(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """By keys: calls, errors, level_ms (the geometric middle of mean and median, as the diagnosis has it)."""
    if rows.empty:
        return pd.DataFrame(columns=["calls", "errors", "level_ms"])
    buckets = rows.groupby([*keys, "latency_bucket"], sort=True)[["calls", "errors", "duration_ns_sum"]].sum()
    whole = buckets.groupby(level=keys)
    frame = whole.sum()
    frame = frame[frame["calls"] > 0]
    running = whole["calls"].cumsum()
    half = whole["calls"].transform("sum") / 2
    at_half = running[running >= half].reset_index("latency_bucket")
    lowest = at_half.groupby(level=keys)["latency_bucket"].min()
    median = pd.Series(bucket_middle_ms(lowest.to_numpy()), index=lowest.index)
    mean_ms = frame["duration_ns_sum"] / frame["calls"] / 1e6
    frame["level_ms"] = np.sqrt(np.maximum(mean_ms, 1e-6) * median.reindex(frame.index))
    return frame[["calls", "errors", "level_ms"]]
