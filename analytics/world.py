"""The frozen snapshot that every analysis reads: one window, one baseline, all signals as matrices.

`build_world` (in `analytics.world_build`) makes it from a store; everything downstream is a pure function of
it. A matrix is (things, slots) float32 with NaN for missing. Slots are the baseline's, then the window's,
each `step_ns` long, by time; the two need not touch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
import pyarrow as pa

from causeway.window import Window


@dataclass(frozen=True, slots=True)
class Timeline:
    """The slots of all matrices. times_ns: (t,) their starts, ascending; in_window: (t,) bool."""

    times_ns: np.ndarray
    in_window: np.ndarray
    step_ns: int

    def __len__(self) -> int:
        return len(self.times_ns)


@dataclass(frozen=True, slots=True)
class CallSeries:
    """Requests of some things over time; `keys[i]` names row i of each matrix, `keys.names` its columns.

    calls, errors: counts, 0 where nothing came. latency_ms_*: NaN where nothing came.
    self_ms: mean own time per call (operations only); gap_ms: mean network gap (edges only); else None.
    """

    keys: pd.MultiIndex
    calls: np.ndarray
    errors: np.ndarray
    latency_ms_mean: np.ndarray
    latency_ms_p50: np.ndarray
    latency_ms_p99: np.ndarray
    self_ms: np.ndarray | None = None
    gap_ms: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class MetricSeries:
    """Resource and other metrics, by (service, instance, name, attributes). values: (n, t).

    meta: one row per row of `values`: series_id, service, instance, name, unit, type, attributes (as one
    text). Monotonic sums and deltas are rates per second and their unit says so (`By/s`). A histogram has two
    rows: `NAME.rate` (points per second) and `NAME.mean`. A value holds for 1.5 of its own intervals, at most
    90 s.
    """

    meta: pd.DataFrame
    values: np.ndarray


class Templates(Protocol):
    """What tells the template of a line. Ids may be given anew while lines are read: `now` has the last word."""

    def ids(self, bodies: pa.ChunkedArray) -> np.ndarray:
        """(n,) int64 template ids of (n,) texts without nulls."""
        ...

    def now(self, ids: np.ndarray) -> np.ndarray:
        """(n,) the ids as they are after all lines were read."""
        ...

    def texts(self, ids: np.ndarray) -> Mapping[int, str]:
        """The text of each of the ids."""
        ...


@dataclass(frozen=True, slots=True)
class LogSeries:
    """Log lines by (service, template_id).

    counts: (n, t), 0 where no line came, NaN where lines were not read because of a cap.
    meta: service, template_id, template (text), severity and severity_number (the worst seen).
    told: what told the templates where lines had to be read; None where they are stored with their template's id.
    """

    meta: pd.DataFrame
    counts: np.ndarray
    told: Templates | None = None


@dataclass(frozen=True, slots=True)
class World:
    """Everything known about one window and its baseline. Nothing in it may be changed.

    nodes: indexed by id: type (records.NODE_TYPES), calls, errors, error_ratio and
      latency_ms_mean/p50/p95/p99 of inbound requests in the window. Every service that any signal names is
      there, with 0 calls if it served none.
    edges: caller, caller_type, callee, callee_type, kind, protocol, calls, errors, error_ratio,
      latency_ms_mean/p50/p95/p99, gap_ms_mean, in the window; `edges_baseline` the same over the baseline.
    services: keyed (service), inbound requests. operations: keyed (service, operation, kind).
    inbound: keyed (service, operation): the requests of `services` by what they ask for.
    entries: keyed (service, operation): requests that nobody inside calls.
    edge_series: keyed (caller, callee), span links left out. instances: keyed (service, instance, version).
    events: records.EVENTS as pandas, by time, attributes as dict. Those that the telemetry itself shows (a
    new
      version, an instance gone or new) have the attribute `causeway.derived`.
    coverage: service, spans, roots, linked, orphans, skewed in the window, spans_baseline.
    seen: signal (spans, samples, logs, events) -> rows in (baseline, window), so that "no data" can be told
      from "all quiet". `logs_capped` and `series_left_out` are there only when a cap was reached.
    """

    window: Window
    baseline: Window
    timeline: Timeline
    nodes: pd.DataFrame
    edges: pd.DataFrame
    edges_baseline: pd.DataFrame
    services: CallSeries
    inbound: CallSeries
    entries: CallSeries
    operations: CallSeries
    edge_series: CallSeries
    instances: CallSeries
    metrics: MetricSeries
    logs: LogSeries
    events: pd.DataFrame
    coverage: pd.DataFrame
    seen: Mapping[str, tuple[int, int]]

    @property
    def asked(self) -> pd.DataFrame:
        """The edges along which somebody was asked: all but span links, which say only that two traces touch."""
        return self.edges[self.edges["kind"] != "link"]
