"""Network gap: the part of a call that neither side accounts for, credited to the node its bad edges share."""

from __future__ import annotations

import numpy as np

from analytics.rootcause.calibration import calibrated_p
from analytics.rootcause.evidence.observations import Observations, chart, level, nothing, number
from analytics.rootcause.split import Split
from analytics.world import World
from causeway.findings import Evidence, Message

FAMILY = "network_gap"
_FLOOR_MS = 0.5  # gaps below this are noise of two clocks
_SPREAD_FLOOR = 0.1
_BAD_P = 0.01
_CALLER_SHARE = 0.8  # of two nodes at the end of one bad edge, the callee is the likelier


def observe(world: World, split: Split) -> Observations:
    """Two rows per edge, one for each end: how much of that end's traffic crosses bad edges weighs its p."""
    series = world.edge_series
    if series.gap_ms is None or not np.isfinite(series.gap_ms).any():
        return nothing(FAMILY)
    known = np.flatnonzero(np.isfinite(series.gap_ms).any(axis=1))
    gaps = series.gap_ms[known].astype(np.float64)
    calls = series.calls[known].astype(np.float64)
    logs = np.log(np.maximum(gaps, 0.0) + _FLOOR_MS)
    shifts, rise, _ = calibrated_p(logs, split, weights=calls, scale_floor=_SPREAD_FLOOR)
    through = calls[:, split.after].sum(axis=1)
    excess = np.nan_to_num(np.maximum(np.exp(shifts.after) - np.exp(shifts.before), 0.0)) * through
    callers = series.keys.get_level_values("caller").to_numpy()[known]
    callees = series.keys.get_level_values("callee").to_numpy()[known]
    shared = _bad_share(callers, callees, np.nan_to_num(rise, nan=1.0) < _BAD_P, through)
    at_callee = np.array([shared.get(name, 0.0) for name in callees])
    at_caller = np.array([shared.get(name, 0.0) for name in callers]) * _CALLER_SHARE
    credit = np.concatenate([at_callee, at_caller])
    both = np.tile(rise, 2)

    def tell(row: int) -> Evidence:
        edge = row % len(known)
        ends = (str(callers[edge]), str(callees[edge]))
        entity = ends[1] if row < len(known) else ends[0]
        return _tell(world, split, entity, ends, gaps[edge], calls[edge], float(both[row]))

    return Observations(
        FAMILY,
        np.concatenate([callees, callers]),
        np.power(both, np.where(credit > 0, credit, 0.1)),
        np.tile(excess, 2) * credit,
        "ms",
        tell,
    )


def _bad_share(callers: np.ndarray, callees: np.ndarray, bad: np.ndarray, calls: np.ndarray) -> dict[str, float]:
    """Node -> share of the calls over its edges that cross a bad one."""
    total: dict[str, float] = {}
    hit: dict[str, float] = {}
    for caller, callee, is_bad, count in zip(callers, callees, bad, calls, strict=True):
        for name in (caller, callee):
            total[name] = total.get(name, 0.0) + count
            hit[name] = hit.get(name, 0.0) + (count if is_bad else 0.0)
    return {name: hit[name] / total[name] for name in total if total[name] > 0}


def _tell(
    world: World,
    split: Split,
    entity: str,
    ends: tuple[str, str],
    gap_ms: np.ndarray,
    calls: np.ndarray,
    p: float,
) -> Evidence:
    values = {
        "caller": ends[0],
        "callee": ends[1],
        "now": number(level(gap_ms, split.after, calls)),
        "usual": number(level(gap_ms, split.before, calls)),
    }
    title = Message("rootcause.chart_gap", values)
    return Evidence(
        FAMILY,
        entity,
        Message("rootcause.gap", values),
        p=p if np.isfinite(p) else None,
        chart=chart(title, "ms", world.timeline, gap_ms, split),
    )
