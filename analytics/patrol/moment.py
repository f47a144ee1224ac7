"""One short part of a window on its own: the numbers and verdicts behind a map that is moved through time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd

from analytics.patrol.inspections.error_ratio import ErrorRatioOptions, error_ratio
from analytics.patrol.inspections.latency import latency
from analytics.patrol.numbers import ratio_low
from analytics.patrol.slowness import SlownessOptions, slowness
from analytics.world import Timeline, World
from analytics.world_nodes import edge_frame, node_frame
from analytics.world_rollups import regrouped, rollup
from causeway import records
from causeway.findings import Verdict
from causeway.stores.contract import Reader
from causeway.window import SECOND_NS, Window

EDGE_KEYS = ("caller", "caller_type", "callee", "callee_type", "kind", "protocol")


@dataclass(frozen=True, slots=True)
class Expected:
    """What latency is usual, by service: usual_ms, limit_ms (what a p99 must pass to be slow) and calls of history."""

    limits: pd.DataFrame


@dataclass(frozen=True, slots=True)
class Moment:
    """Requests in one part of a window.

    nodes: indexed by id: the columns of `World.nodes`, calls_per_s and verdict (Verdict), of what was called; by id.
    edges: the columns of `World.edges` and calls_per_s. A verdict is of this part alone, by the thresholds of the
    inspections `error_ratio` and `latency`; UNKNOWN where there were too few calls to tell.
    """

    window: Window
    nodes: pd.DataFrame
    edges: pd.DataFrame


def expected(world: World) -> Expected:
    """What to judge the moments of the World's window against. Cost: as the inspection `latency`."""
    slow = slowness(world.services, world.timeline, _slow_options())
    columns = {"usual_ms": slow.usual_ms, "limit_ms": slow.limit_ms, "calls_before": slow.calls_before}
    return Expected(pd.DataFrame(columns, index=world.services.keys.get_level_values("service")))


def moment(store: Reader, part: Window, usual: Expected) -> Moment:
    """That part (widened to whole rollup slots) as the store knows it. Cost: its rollup rows."""
    part = part.aligned(records.ROLLUP_STEP_NS)
    step_ns = records.ROLLUP_STEP_NS
    times = np.arange(part.start_ns, part.end_ns, step_ns, dtype=np.int64)
    timeline = Timeline(times, np.ones(len(times), dtype=bool), step_ns)
    edges = rollup(store.edges(part, step_ns=step_ns), EDGE_KEYS, timeline)
    outside = (edges.keys.get_level_values("caller_type") == "entry")[edges.key]
    edges = regrouped(edges.where(~outside), EDGE_KEYS)
    operations = rollup(store.operations(part, step_ns=step_ns), ("service",), timeline)
    inbound = regrouped(operations.where(operations.columns["inbound"]), ("service",))
    services = [str(name) for name in inbound.keys.get_level_values("service")]
    nodes = node_frame(inbound, edges, timeline.in_window, services)
    seconds = part.duration_ns / SECOND_NS
    frame = edge_frame(edges, timeline.in_window)
    frame = frame.assign(calls_per_s=frame["calls"] / seconds)
    nodes = nodes.assign(
        calls_per_s=nodes["calls"] / seconds,
        verdict=pd.Series(_verdicts(nodes, usual), index=nodes.index, dtype=object),
    )
    return Moment(part, nodes, frame)


def failing(calls: np.ndarray, errors: np.ndarray) -> list[Verdict]:
    """The verdicts of the inspection `error_ratio` on (n,) counts, with its default thresholds."""
    options = cast("ErrorRatioOptions", error_ratio.options({}))
    return [
        Verdict.UNKNOWN if count < options.calls_min and not failed else options.verdict(ratio_low(failed, count))
        for count, failed in zip(calls.tolist(), errors.tolist(), strict=True)
    ]


def _slow_options() -> SlownessOptions:
    return cast("SlownessOptions", latency.options({}))


def _verdicts(nodes: pd.DataFrame, usual: Expected) -> list[Verdict]:
    """Failing or slow, whichever is worse; latency says nothing where calls or history are too few."""
    options = _slow_options()
    known = usual.limits.reindex(nodes.index)
    p99 = nodes["latency_ms_p99"].to_numpy(dtype=np.float64)
    limit, usually = known["limit_ms"].to_numpy(), known["usual_ms"].to_numpy()
    enough = (nodes["calls"].to_numpy() >= options.calls_min) & (known["calls_before"].to_numpy() >= options.calls_min)
    slow = np.flatnonzero(enough & (p99 > limit))
    found = failing(nodes["calls"].to_numpy(), nodes["errors"].to_numpy())
    for place in slow.tolist():
        verdict = options.verdict(p99[place] / max(usually[place], 1e-6))
        found[place] = max(found[place], verdict, key=lambda one: one.rank)
    return found
