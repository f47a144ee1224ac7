"""Call graphs made by hand, for tests of what only needs the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from analytics.callgraph.coverage import Coverage
from analytics.callgraph.graph import CallGraph, cycles_of
from causeway.window import MINUTE_NS, Window

WINDOW = Window(0, 10 * MINUTE_NS)


def graph_of(
    edges: Sequence[tuple[str, str, int]],
    entries: Mapping[str, int],
    *,
    alone: Sequence[str] = (),
) -> CallGraph:
    """A graph of (caller, callee, calls), with entry requests per service and nodes that touch no edge."""
    names = sorted({name for caller, callee, _ in edges for name in (caller, callee)} | {*entries, *alone})
    served = {name: entries.get(name, 0) + sum(n for _, callee, n in edges if callee == name) for name in names}
    nodes = pd.DataFrame({"id": names, "type": "service", "entry": [name in entries for name in names]})
    nodes["calls"] = [served[name] for name in names]
    frame = pd.DataFrame(edges, columns=["caller", "callee", "calls"])
    total = max(sum(entries.values()), 1)
    points = pd.DataFrame(
        {
            "service": pd.Series(list(entries), dtype=object),
            "operation": "GET /",
            "calls": np.array(list(entries.values()), dtype=np.int64),
            "share": np.array([calls / total for calls in entries.values()]),
        }
    )
    coverage = Coverage(0, 0, 0, 0, 0, None, (), pd.DataFrame())
    return CallGraph(WINDOW, WINDOW.before(MINUTE_NS), nodes, frame, points, cycles_of(frame), coverage)
