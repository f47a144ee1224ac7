"""Network gap: the part of a call that neither side accounts for, credited to the node its bad edges share.

A slow network (or a starved process) shows on all edges into a node, on all edges out of it, or on both. Each of the
three is looked at: how much of that side's traffic crosses bad edges, and how much of all lost time lies there. So a
node is preferred over one of its neighbours when it accounts for all bad edges, and over its only caller by a little.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analytics.rootcause.calibration import calibrate
from analytics.rootcause.evidence.observations import Look, Observations, chart, level, no_look, number, usual_level
from analytics.rootcause.split import Split
from analytics.world import World
from causeway.findings import Evidence, Message

FAMILY = "network_gap"
_FLOOR_MS = 0.5  # gaps below this are noise of two clocks
_SPREAD_FLOOR = 0.1
_BAD_P = 0.01
_WORSE_MIN = 0.1  # of the worst growth of a gap: an edge that grew by less is not one of the bad ones
_SIDES = (("callee", 1.0), ("caller", 0.8), ("both", 0.95))  # of two ends of one bad edge, the callee is the likelier


@dataclass(frozen=True, slots=True)
class _Edges:
    """Edges with known gaps: names (n,), gaps and calls (n, t), p of a rise, lost ms after the onset, bad (n,)."""

    caller: np.ndarray
    callee: np.ndarray
    gaps: np.ndarray
    calls: np.ndarray
    rise: np.ndarray
    excess: np.ndarray
    bad: np.ndarray


def prepare(world: World, first: Split) -> Look:
    """One row per node and side: its worst edge's p, as far as its traffic on that side crosses bad edges."""
    series = world.edge_series
    if series.gap_ms is None or not np.isfinite(series.gap_ms).any():
        return no_look(FAMILY)
    known = np.flatnonzero(np.isfinite(series.gap_ms).any(axis=1))
    gaps = series.gap_ms[known].astype(np.float64)
    calls = np.where(np.isfinite(gaps), series.calls[known], 0.0).astype(np.float64)
    logs = np.log(np.maximum(gaps, 0.0) + _FLOOR_MS)
    noise = calibrate(logs, first.before, weights=calls, scale_floor=_SPREAD_FLOOR)
    names = series.keys[known]
    callers = names.get_level_values("caller").to_numpy(dtype=object)
    callees = names.get_level_values("callee").to_numpy(dtype=object)

    def look(split: Split) -> Observations:
        shifts, rise, _ = noise.tails(split)
        growth = np.nan_to_num(np.maximum(np.exp(shifts.after) - np.exp(shifts.before), 0.0))
        certain = np.nan_to_num(rise, nan=1.0) < _BAD_P
        bad = certain & (growth >= _WORSE_MIN * float(growth[certain].max(initial=0.0)))
        excess = growth * calls[:, split.after].sum(axis=1)
        return _observed(world, split, _Edges(callers, callees, gaps, calls, rise, excess, bad))

    return look


def _observed(world: World, split: Split, edges: _Edges) -> Observations:
    rows = pd.concat([_side(edges, split, side, trust) for side, trust in _SIDES], ignore_index=True)
    worst = rows["edge"].to_numpy()

    def tell(row: int) -> Evidence:
        return _tell(world, split, str(rows["node"].iloc[row]), edges, int(worst[row]))

    p, share = edges.rise[worst], rows["share"].to_numpy()
    p = np.power(np.where(np.isfinite(p), np.maximum(p, 1e-300), np.nan), np.maximum(share, 0.05))
    return Observations(FAMILY, rows["node"].to_numpy(dtype=object), p, rows["excess"].to_numpy(), "ms", tell)


def _side(edges: _Edges, split: Split, side: str, trust: float) -> pd.DataFrame:
    """One row per node: node, edge (its worst), share (of its calls on bad edges, by trust), excess (ms lost there)."""
    through = edges.calls[:, split.after].sum(axis=1)
    ends = [edges.callee, edges.caller] if side == "both" else [edges.callee if side == "callee" else edges.caller]
    places = np.tile(np.arange(len(through)), len(ends))
    frame = pd.DataFrame({"node": np.concatenate(ends), "edge": places})
    frame["calls"] = through[places]
    frame["hit"] = np.where(edges.bad, through, 0.0)[places]
    frame["excess"] = np.where(edges.bad, edges.excess, 0.0)[places]
    frame["p"] = np.nan_to_num(edges.rise, nan=2.0)[places]
    frame = frame.sort_values(["node", "p"], kind="stable")
    found = frame.groupby("node", sort=True).agg(
        edge=("edge", "first"), calls=("calls", "sum"), hit=("hit", "sum"), excess=("excess", "sum")
    )
    found["share"] = trust * found["hit"] / found["calls"].where(found["calls"] > 0)
    return found.fillna({"share": 0.0}).reset_index()


def _tell(world: World, split: Split, entity: str, edges: _Edges, edge: int) -> Evidence:
    gap_ms, calls, p = edges.gaps[edge], edges.calls[edge], float(edges.rise[edge])
    values = {
        "caller": str(edges.caller[edge]),
        "callee": str(edges.callee[edge]),
        "now": number(level(gap_ms, split.after, calls)),
        "usual": number(usual_level(gap_ms, split.before)),
    }
    return Evidence(
        FAMILY,
        entity,
        Message("rootcause.gap", values),
        p=p if np.isfinite(p) else None,
        chart=chart(Message("rootcause.chart_gap", values), "ms", world.timeline, gap_ms, split),
    )
