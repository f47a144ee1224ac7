"""Own time: operations that take longer by themselves, and uninstrumented nodes that answer later."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analytics.rootcause.calibration import calibrate
from analytics.rootcause.evidence.observations import Look, Observations, chart, level, no_look, number, usual_level
from analytics.rootcause.evidence.successors import trust_in_usual
from analytics.rootcause.split import Split
from analytics.world import World
from causeway.findings import Evidence, Message

FAMILY = "self_time"
VIRTUAL_TYPES = ("database", "queue", "external")
_WAITING_KINDS = ("CLIENT", "PRODUCER")  # their own time is the peer's, or the network's
_FLOOR_MS = 0.1  # times below this are noise of the clock
_SPREAD_FLOOR = 0.08  # of a log mean between slots: 8 %


def prepare(world: World, first: Split) -> Look:
    """One row per operation (its own time) and per edge to a virtual node (the caller's wait)."""
    rows = [part for part in (_operations(world), _virtual_edges(world)) if len(part[0])]
    if not rows:
        return no_look(FAMILY)
    keys = pd.concat([part[0] for part in rows], ignore_index=True)
    times_ms = np.vstack([part[1] for part in rows]).astype(np.float64)
    calls = np.vstack([part[2] for part in rows]).astype(np.float64)
    logs = np.log(np.maximum(times_ms, 0.0) + _FLOOR_MS)
    noise = calibrate(logs, first.before, weights=calls, scale_floor=_SPREAD_FLOOR)

    def look(split: Split) -> Observations:
        shifts, rise, _ = noise.tails(split)
        slower_ms = np.exp(shifts.after) - np.exp(shifts.before)
        excess = np.nan_to_num(np.maximum(slower_ms, 0.0)) * calls[:, split.after].sum(axis=1)
        own = _own_part(world, split, keys, excess)
        trust = trust_in_usual(world, split, keys["entity"].to_numpy())
        p, kept = np.power(rise, np.maximum(own, 0.05) * trust), excess * own

        def tell(row: int) -> Evidence:
            return _tell(world, split, keys.iloc[row], times_ms[row], calls[row], float(p[row]))

        return Observations(FAMILY, keys["entity"].to_numpy(), p, kept, "ms", tell)

    return look


def _operations(world: World) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    series = world.operations
    keys = series.keys.to_frame(index=False)
    own = series.self_ms if series.self_ms is not None else np.full(series.calls.shape, np.nan)
    working = ~keys["kind"].isin(_WAITING_KINDS).to_numpy()
    frame = keys.loc[working, ["service", "operation"]].rename(columns={"service": "entity"})
    return frame.assign(caller="").reset_index(drop=True), own[working], series.calls[working]


def _virtual_edges(world: World) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    series = world.edge_series
    keys = series.keys.to_frame(index=False)
    virtual = set(world.nodes.index[world.nodes["type"].isin(VIRTUAL_TYPES)])
    chosen = keys["callee"].isin(virtual).to_numpy()
    frame = pd.DataFrame({"entity": keys["callee"][chosen], "operation": "", "caller": keys["caller"][chosen]})
    return frame.reset_index(drop=True), series.latency_ms_mean[chosen], series.calls[chosen]


def _own_part(world: World, split: Split, keys: pd.DataFrame, excess: np.ndarray) -> np.ndarray:
    """(n,) what part of the excess is not the network's: own time holds its gaps where client spans name no kind."""
    gaps = world.edge_series.gap_ms
    kinds = world.operations.keys.to_frame(index=False)
    with_clients = set(kinds.loc[kinds["kind"].isin(_WAITING_KINDS), "service"])
    if gaps is None or not len(gaps):
        return np.ones(len(excess))
    later = np.array([level(g, split.after) - level(g, split.before) for g in gaps.astype(np.float64)])
    extra = np.nan_to_num(np.maximum(later, 0.0)) * world.edge_series.calls[:, split.after].sum(axis=1)
    network = pd.Series(extra).groupby(world.edge_series.keys.get_level_values("caller").to_numpy()).sum()
    own = pd.Series(excess).groupby(keys["entity"].to_numpy()).sum()
    left = (1.0 - network.reindex(own.index, fill_value=0.0) / own.where(own > 0)).clip(0.0, 1.0).fillna(1.0)
    left[left.index.isin(with_clients)] = 1.0
    return left.reindex(keys["entity"]).to_numpy()


def _tell(world: World, split: Split, key: pd.Series, times_ms: np.ndarray, calls: np.ndarray, p: float) -> Evidence:
    values = {
        "entity": key["entity"],
        "operation": key["operation"],
        "caller": key["caller"],
        "now": number(level(times_ms, split.after, calls)),
        "usual": number(usual_level(times_ms, split.before)),
    }
    name = "answers_later" if key["caller"] else "own_time"
    title = Message(f"rootcause.chart_{name}", values)
    return Evidence(
        FAMILY,
        key["entity"],
        Message(f"rootcause.{name}", values),
        p=p if np.isfinite(p) else None,
        chart=chart(title, "ms", world.timeline, times_ms, split),
    )
