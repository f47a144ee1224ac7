"""What changed between two windows: edges that came, went, or carry another rate, share of errors or latency."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analytics.callgraph import significance
from analytics.callgraph.first_seen import LOOK_BACK_NS, sightings
from analytics.callgraph.level import WITHIN, Level
from analytics.callgraph.side import Side, side_of
from analytics.frames import records_of
from causeway.stores.contract import Reader
from causeway.window import Window, iso

# Of all changes that are named, at most this share may be chance.
FALSE_DISCOVERIES = 0.01
# With fewer calls than this in a window nothing is said about errors and latency.
CALLS_MIN = 20
# How large a change must be to matter; there is no published scale.
RATE_RATIO_MIN = 1.5
ERROR_RATIO_STEP_MIN = 0.005
LATENCY_RATIO_MIN = 1.2
LATENCY_STEP_MS_MIN = 1.0
# What may have changed about an edge, in the order of the answer.
ASPECTS = ("rate", "errors", "latency")
STATUSES = ("new", "removed", "changed", "same", "too_few")
MEASURES = (
    "calls",
    "calls_per_s",
    "errors",
    "error_ratio",
    "latency_ms_mean",
    "latency_ms_p50",
    "latency_ms_p95",
)


@dataclass(frozen=True, slots=True)
class GraphDiff:
    """The calls of `after` against those of `before`, at one level. Nothing in it may be changed.

    edges: one row per (caller, callee, kind) of either window, in that order: caller_service, callee_service, status
      (STATUSES), certain, changes (tuple of ASPECTS), each of MEASURES with `_before` and `_after` (quantiles: NaN but
      between services), p_rate, p_errors, p_latency (NaN where not tested), first_seen_ns, first_seen_earlier,
      first_seen_within_ns, last_seen_ns. `certain` is False where an edge that came or went had so few calls that it
      may be chance. Times are Unix ns or None: see `first_seen.Sightings`; they look back from the later end of both.
    nodes: id, service, status (new, removed, same), by id: nodes that calls begin or end at.
    looked: the time looked through for first and last calls.
    traffic_ratio: all calls after over all before, per second; None without any before.
    """

    before: Window
    after: Window
    level: Level
    edges: pd.DataFrame
    nodes: pd.DataFrame
    looked: Window
    traffic_ratio: float | None
    sampled: bool

    @property
    def differs(self) -> pd.DataFrame:
        """The edges that came, went or changed."""
        return self.edges[self.edges["status"].isin(("new", "removed", "changed"))]

    def counts(self) -> dict[str, int]:
        """How many edges there are of each status, in the order of STATUSES."""
        found = self.edges["status"].value_counts()
        return {status: int(found.get(status, 0)) for status in STATUSES}

    def to_json(self) -> dict[str, Any]:
        """The stable shape of `causeway graph --diff --format json`, see docs/json.md."""
        edges = [
            {**row, "changes": list(row["changes"]), **{name: _iso(row[f"{name}_ns"]) for name in _SEEN}}
            for row in records_of(self.edges)
        ]
        return {
            "before": self.before.as_json(),
            "after": self.after.as_json(),
            "level": str(self.level),
            "counts": self.counts(),
            "traffic_ratio": self.traffic_ratio,
            "sampled": self.sampled,
            "looked": self.looked.as_json(),
            "edges": edges,
            "nodes": records_of(self.nodes),
        }


_SEEN = ("first_seen", "last_seen")


def graph_diff(
    reader: Reader,
    before: Window,
    after: Window,
    *,
    level: Level = Level.SERVICE,
    look_back_ns: int = LOOK_BACK_NS,
) -> GraphDiff:
    """What the calls of `after` have that those of `before` had not, and the other way round.

    Windows may have different lengths: calls are compared per second. A change is named when it is larger than the
    noise (`significance`, false discoveries at most FALSE_DISCOVERIES over all edges) and large enough to matter. Both
    windows are moved to whole slots (ten seconds between services, else minutes). Cost: the rollup rows of both
    windows and one look back in some 200 steps, whatever the number of spans.
    """
    one, other = side_of(reader, level, before), side_of(reader, level, after)
    keys = one.keys.union(other.keys).sort_values()
    one, other = one.reindexed(keys), other.reindexed(keys)
    edges = pd.concat([_ends(keys), _measured(one, "before"), _measured(other, "after")], axis=1)
    edges = edges.join(_judged(one, other))
    until_ns = max(before.end_ns, after.end_ns)
    wanted = keys[edges["status"].isin(("new", "removed", "changed")).to_numpy()]
    seen = sightings(reader, level, until_ns, wanted, look_back_ns=look_back_ns)
    edges = edges.assign(**_seen(seen.frame, keys)).reset_index()
    return GraphDiff(
        before=before,
        after=after,
        level=level,
        edges=edges,
        nodes=_nodes(one, other),
        looked=seen.looked,
        traffic_ratio=_traffic_ratio(one, other),
        sampled=one.sampled or other.sampled,
    )


def _ends(keys: pd.MultiIndex) -> pd.DataFrame:
    ends = keys.to_frame()
    services = {f"{end}_service": [_service(name) for name in ends[end]] for end in ("caller", "callee")}
    return pd.DataFrame(services, index=keys)


def _service(node: str) -> str:
    return node.split(WITHIN, 1)[0]


def _measured(side: Side, when: str) -> pd.DataFrame:
    frame = side.measures()[list(MEASURES)]
    return frame.rename(columns={name: f"{name}_{when}" for name in MEASURES})


def _judged(before: Side, after: Side) -> pd.DataFrame:
    """status, certain, changes and the p-values, by key."""
    old, new = before.measures(), after.measures()
    enough = (old["calls"].to_numpy() >= CALLS_MIN) & (new["calls"].to_numpy() >= CALLS_MIN)
    some = np.maximum(old["calls"].to_numpy(), new["calls"].to_numpy()) >= CALLS_MIN
    both = (old["calls"].to_numpy() > 0) & (new["calls"].to_numpy() > 0)
    p_rate = significance.rate_p(before.estimated, after.estimated)
    tested = {
        "rate": np.where(some & both, p_rate, np.nan),
        "errors": np.where(
            enough, significance.share_p(before.errors, before.calls, after.errors, after.calls), np.nan
        ),
        "latency": np.where(enough, before.latency_p(after), np.nan),
    }
    large = _large(old, new)
    found = significance.discoveries(np.concatenate([tested[name] for name in ASPECTS]), FALSE_DISCOVERIES)
    differs = found.reshape(len(ASPECTS), -1) & np.stack([large[name] for name in ASPECTS])
    status = np.select(
        [~(old["calls"].to_numpy() > 0), ~(new["calls"].to_numpy() > 0), differs.any(axis=0), ~enough & ~some, ~enough],
        ["new", "removed", "changed", "too_few", "too_few"],
        "same",
    )
    frame = pd.DataFrame({"status": status.astype(object)}, index=before.keys)
    frame["certain"] = both | (p_rate <= FALSE_DISCOVERIES)
    frame["changes"] = pd.Series(
        [tuple(itertools.compress(ASPECTS, column)) if both[i] else () for i, column in enumerate(differs.T)],
        index=frame.index,
        dtype=object,
    )
    return frame.assign(**{f"p_{name}": values for name, values in tested.items()})


def _large(old: pd.DataFrame, new: pd.DataFrame) -> dict[str, np.ndarray]:
    """(n,) bool by aspect: whether the change is large enough to matter."""
    step = (new["error_ratio"] - old["error_ratio"]).abs().to_numpy()
    latency = np.zeros(len(old), dtype=bool)
    for name in ("latency_ms_mean", "latency_ms_p50", "latency_ms_p95"):
        gap = (new[name] - old[name]).abs().to_numpy()
        latency |= (_times(old[name], new[name]) >= LATENCY_RATIO_MIN) & (gap >= LATENCY_STEP_MS_MIN)
    return {
        "rate": _times(old["calls_per_s"], new["calls_per_s"]) >= RATE_RATIO_MIN,
        "errors": np.nan_to_num(step) >= ERROR_RATIO_STEP_MIN,
        "latency": latency,
    }


def _times(old: pd.Series, new: pd.Series) -> np.ndarray:
    """(n,) the larger over the smaller; 0 where one is missing."""
    one, other = old.to_numpy(dtype=float), new.to_numpy(dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num(np.maximum(one, other) / np.minimum(one, other), nan=0.0, posinf=0.0)


def _seen(frame: pd.DataFrame, keys: pd.MultiIndex) -> dict[str, Any]:
    known = frame.reindex(keys)
    there = known["first_seen_ns"].notna().to_numpy()
    renamed = {"first_seen_ns": "first_seen_ns", "within_ns": "first_seen_within_ns", "last_seen_ns": "last_seen_ns"}
    columns: dict[str, Any] = {}
    for name, shown in renamed.items():
        values = [int(value) if known_ else None for value, known_ in zip(known[name], there, strict=True)]
        columns[shown] = pd.Series(values, index=keys, dtype=object)
    earlier = [bool(value) for value in known["first_seen_earlier"].fillna(value=True)]
    columns["first_seen_earlier"] = pd.Series(earlier, index=keys, dtype=bool)
    return columns


def _nodes(before: Side, after: Side) -> pd.DataFrame:
    here, there = before.nodes(), after.nodes()
    names = sorted(here | there)
    status = ["same" if name in here and name in there else "new" if name in there else "removed" for name in names]
    return pd.DataFrame({"id": names, "service": [_service(name) for name in names], "status": status}, dtype=object)


def _traffic_ratio(before: Side, after: Side) -> float | None:
    old, new = (float(side.measures()["calls_per_s"].sum()) for side in (before, after))
    return new / old if old > 0 else None


def _iso(time_ns: int | None) -> str | None:
    return None if time_ns is None else iso(time_ns)


def statuses(diff: GraphDiff, chosen: Sequence[str] = ("new", "removed", "changed")) -> pd.DataFrame:
    """The edges of those statuses, in the order of `chosen`, each by caller and callee."""
    order = {status: place for place, status in enumerate(chosen)}
    edges = diff.edges[diff.edges["status"].isin(chosen)]
    return edges.iloc[np.argsort(edges["status"].map(order).to_numpy(), kind="stable")].reset_index(drop=True)
