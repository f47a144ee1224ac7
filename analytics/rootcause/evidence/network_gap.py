"""Network gap: the part of a call that neither side accounts for, credited to the node its bad edges share."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analytics.rootcause.calibration import calibrated_p
from analytics.rootcause.evidence.observations import Observations, chart, level, nothing, number, usual_level
from analytics.rootcause.split import Split
from analytics.world import CallSeries, World
from causeway.findings import Evidence, Message

FAMILY = "network_gap"
_FLOOR_MS = 0.5  # gaps below this are noise of two clocks
_SPREAD_FLOOR = 0.1
_BAD_P = 0.01
_CALLER_SHARE = 0.8  # of two nodes at the end of one bad edge, the callee is the likelier


def observe(world: World, split: Split) -> Observations:
    """Rows for both ends of each edge, and one per callee over all its callers.

    How much of a node's traffic crosses bad edges weighs its p and its excess.
    """
    series = world.edge_series
    if series.gap_ms is None or not np.isfinite(series.gap_ms).any():
        return nothing(FAMILY)
    ends, gaps, calls = _edges_and_callees(series)
    logs = np.log(np.maximum(gaps, 0.0) + _FLOOR_MS)
    shifts, rise, _ = calibrated_p(logs, split, weights=calls, scale_floor=_SPREAD_FLOOR)
    through = calls[:, split.after].sum(axis=1)
    excess = np.nan_to_num(np.maximum(np.exp(shifts.after) - np.exp(shifts.before), 0.0)) * through
    single = np.array([caller != "" for caller, _ in ends])
    bad = np.nan_to_num(rise, nan=1.0) < _BAD_P
    shared = _bad_share([end for end, one in zip(ends, single, strict=True) if one], bad[single], through[single])
    at_callee = np.array([shared.get(callee, 0.0) for _, callee in ends])
    at_caller = np.array([shared.get(caller, 0.0) for caller, _ in ends])[single] * _CALLER_SHARE
    credit = np.concatenate([at_callee, at_caller])
    row_of = np.concatenate([np.arange(len(ends)), np.flatnonzero(single)])
    entities = np.array([ends[row][1 if i < len(ends) else 0] for i, row in enumerate(row_of)], dtype=object)

    def tell(row: int) -> Evidence:
        edge = int(row_of[row])
        return _tell(world, split, str(entities[row]), ends[edge], gaps[edge], calls[edge], float(rise[edge]))

    # A callee's own row repeats its edges: it lends its p, they lend their excess.
    lent = np.where(np.concatenate([single, np.ones(len(at_caller), dtype=bool)]), credit, 0.0)
    p = np.power(rise[row_of], np.where(credit > 0, credit, 0.1))
    return Observations(FAMILY, entities, p, excess[row_of] * lent, "ms", tell)


def _edges_and_callees(series: CallSeries) -> tuple[list[tuple[str, str]], np.ndarray, np.ndarray]:
    """(caller, callee), mean gap and calls (n, t): of each edge with known gaps, then of each callee ("", callee)."""
    assert series.gap_ms is not None
    known = np.flatnonzero(np.isfinite(series.gap_ms).any(axis=1))
    gaps = series.gap_ms[known].astype(np.float64)
    calls = np.where(np.isfinite(gaps), series.calls[known], 0.0).astype(np.float64)
    ends = [(str(caller), str(callee)) for caller, callee in series.keys[known]]
    codes, names = pd.factorize(np.array([callee for _, callee in ends], dtype=object))
    several = np.flatnonzero(np.bincount(codes, minlength=len(names)) > 1)
    total, spent = np.zeros((len(names), gaps.shape[1])), np.zeros((len(names), gaps.shape[1]))
    np.add.at(total, codes, calls)
    np.add.at(spent, codes, np.nan_to_num(gaps) * calls)
    mean = np.divide(spent, total, out=np.full(total.shape, np.nan), where=total > 0)
    ends += [("", str(names[i])) for i in several]
    return ends, np.vstack([gaps, mean[several]]), np.vstack([calls, total[several]])


def _bad_share(ends: list[tuple[str, str]], bad: np.ndarray, calls: np.ndarray) -> dict[str, float]:
    """Node -> share of the calls over its edges that cross a bad one."""
    total: dict[str, float] = {}
    hit: dict[str, float] = {}
    for both, is_bad, count in zip(ends, bad, calls, strict=True):
        for name in both:
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
        "usual": number(usual_level(gap_ms, split.before)),
    }
    name = "gap" if ends[0] else "gap_all"
    title = Message(f"rootcause.chart_{name}", values)
    return Evidence(
        FAMILY,
        entity,
        Message(f"rootcause.{name}", values),
        p=p if np.isfinite(p) else None,
        chart=chart(title, "ms", world.timeline, gap_ms, split),
    )
