"""The nodes and edges of a World as frames."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from analytics.world_rollups import QUANTILES, Rollup, call_frame, regrouped

COLUMNS = ("calls", "errors", "error_ratio", "latency_ms_mean", *QUANTILES)


def edge_frame(edges: Rollup, chosen: np.ndarray) -> pd.DataFrame:
    """Edges with a call in the chosen slots ((t,) bool), by key."""
    frame = call_frame(edges, chosen[edges.slot])
    return frame[frame["calls"] > 0].reset_index()


def without_links(edges: Rollup) -> Rollup:
    """Edges along which somebody was asked: a span link says that two traces touch, not that one called the other."""
    return edges.where((edges.keys.get_level_values("kind") != "link")[edges.key])


def node_frame(inbound: Rollup, edges: Rollup, in_window: np.ndarray, services: Iterable[str]) -> pd.DataFrame:
    """The named services and every end of an edge, by id; see `World.nodes`.

    A service's numbers are its inbound requests; a peer's that sends no spans are the calls made to it. A name that
    is both is a service.
    """
    served = call_frame(inbound, in_window[inbound.slot])[list(COLUMNS)]
    served.index = served.index.get_level_values("service")
    peers = regrouped(without_links(edges), ["callee", "callee_type"])
    called = call_frame(peers, in_window[peers.slot]).reset_index().drop_duplicates("callee").set_index("callee")
    callers = edges.keys.to_frame(index=False)
    types = {
        **dict(zip(callers["caller"], callers["caller_type"], strict=True)),
        **dict(zip(callers["callee"], callers["callee_type"], strict=True)),
        **called["callee_type"].to_dict(),
        **dict.fromkeys(services, "service"),
    }
    together = pd.concat([served, called.loc[called.index.difference(served.index), list(COLUMNS)]])
    nodes = together.reindex(pd.Index(sorted(types), name="id", dtype=object))
    nodes[["calls", "errors"]] = nodes[["calls", "errors"]].fillna(0).astype(np.int64)
    nodes.insert(0, "type", [types[name] for name in nodes.index])
    return nodes
