"""The map at one moment: which moments a window has, and the drawing with the numbers of one of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from analytics.patrol.moment import Moment
from causeway.findings import Verdict
from causeway.records import ROLLUP_STEP_NS
from causeway.window import Window
from dashboards.topology.drawing import OFF, Drawing, floats

# Stops of the slider: finer than this one cannot aim.
MOMENTS_MAX = 60


@dataclass(frozen=True, slots=True)
class Moments:
    """Stops of the slider: `count` parts of `step_ns` from `start_ns` on, the last one whole."""

    start_ns: int
    step_ns: int
    count: int

    def part(self, time_ns: int) -> Window | None:
        """The part which holds that instant; None outside."""
        place = (time_ns - self.start_ns) // self.step_ns
        if not 0 <= place < self.count:
            return None
        start = self.start_ns + place * self.step_ns
        return Window(start, start + self.step_ns)


def moments_of(window: Window) -> Moments:
    """At most MOMENTS_MAX parts of whole rollup slots; a rest at the end that fills no part is left out."""
    slots = max(1, -(-window.duration_ns // (MOMENTS_MAX * ROLLUP_STEP_NS)))
    step_ns = slots * ROLLUP_STEP_NS
    start_ns = -(-window.start_ns // ROLLUP_STEP_NS) * ROLLUP_STEP_NS
    return Moments(start_ns, step_ns, max(1, (window.end_ns - start_ns) // step_ns))


def at_moment(drawing: Drawing, moment: Moment) -> Drawing:
    """The same boxes and arrows with the numbers and verdicts of that moment.

    What was not called then has a rate of 0 and nothing else: UNKNOWN for a service, quiet for the rest.
    """
    boxes, arrows = drawing.boxes, drawing.arrows
    nodes = moment.nodes.reindex(boxes.name)
    unknown = Verdict.UNKNOWN.rank
    rank = np.array([one.rank if isinstance(one, Verdict) else unknown for one in nodes["verdict"]], dtype=np.int8)
    rank[(rank == unknown) & (boxes.type != "service")] = Verdict.OK.rank
    then = replace(
        boxes,
        rank=rank,
        calls_per_s=np.nan_to_num(floats(nodes["calls_per_s"])),
        error_ratio=floats(nodes["error_ratio"]),
        p99_ms=floats(nodes["latency_ms_p99"]),
    )
    keys = ["caller", "callee", "kind", "protocol"]
    called = moment.edges.assign(protocol=moment.edges["protocol"].fillna("")).set_index(keys)
    called = called[~called.index.duplicated()]
    ends = [boxes.name[arrows.caller], boxes.name[arrows.callee], arrows.kind, arrows.protocol]
    edges = called.reindex(pd.MultiIndex.from_arrays(ends, names=keys)) if len(arrows) else called.iloc[:0]
    failed = floats(edges["error_ratio"])
    off = np.where((rank[arrows.callee] >= OFF) & (floats(edges["calls"]) > 0), rank[arrows.callee], 0)
    return Drawing(
        then,
        replace(
            arrows,
            calls_per_s=np.nan_to_num(floats(edges["calls_per_s"])),
            error_ratio=failed,
            p50_ms=floats(edges["latency_ms_p50"]),
            p99_ms=floats(edges["latency_ms_p99"]),
            rank=off.astype(np.int8),
        ),
    )
