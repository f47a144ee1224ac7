"""The signs of a cause outside, one by one: what `outside_share` sums up, for people to check."""

from __future__ import annotations

import numpy as np

from analytics.rootcause.changes.outside import BEFORE_NS, EXPIRY, SEVERITY_MIN, SIGNS
from analytics.rootcause.evidence.metrics import unit_of
from analytics.rootcause.split import Split
from analytics.world import World
from causeway.findings import Evidence, Message, MessageValue
from causeway.messages import quantity

SIGNS_MAX = 4
TEMPLATE_TEXT_MAX = 160


def outside_signs(world: World, split: Split) -> tuple[Evidence, ...]:
    """What providers reported, what expired, then the error lines that name somebody else, most frequent first."""
    found = [*_reported(world, split), *_expired(world, split), *_lines(world, split)]
    return tuple(found[:SIGNS_MAX])


def _reported(world: World, split: Split) -> list[Evidence]:
    events = world.events
    if not len(events):
        return []
    onset_ns = int(world.timeline.times_ns[split.onset])
    times = events["time_ns"].to_numpy(dtype=np.int64)
    near = (times >= onset_ns - BEFORE_NS) & (times < world.window.end_ns + BEFORE_NS)
    chosen = events[near & (events["reason"] == "status").to_numpy() & (events["kind"] == "other").to_numpy()]
    told = zip(chosen["time_ns"].tolist(), chosen["entity"].astype(str), chosen["message"].astype(str), strict=True)
    found = []
    for time_ns, entity, message in told:
        values: dict[str, MessageValue] = {"entity": entity, "time": time_ns, "message": message[:TEMPLATE_TEXT_MAX]}
        found.append(Evidence("changes", entity, Message("rootcause.outside_reported", values)))
    return found


def _expired(world: World, split: Split) -> list[Evidence]:
    meta, values = world.metrics.meta, world.metrics.values
    found = []
    for row in np.flatnonzero(meta["name"].astype(str).str.contains(EXPIRY).to_numpy(dtype=bool)):
        left = values[row][split.after]
        left = left[np.isfinite(left)]
        if len(left) and left.min() <= 0:
            about = meta.iloc[row]
            left_now = quantity(float(left.min()), unit_of(str(about["name"]), str(about["unit"] or "")))
            told = {"entity": str(about["service"]), "metric": str(about["name"]), "now": left_now}
            found.append(Evidence("metrics", str(about["service"]), Message("rootcause.outside_expired", told)))
    return found


def _lines(world: World, split: Split) -> list[Evidence]:
    meta = world.logs.meta
    if not len(meta):
        return []
    lines = np.nansum(world.logs.counts[:, split.after], axis=1)
    signs = meta["template"].astype(str).str.contains(SIGNS).to_numpy(dtype=bool)
    signs = signs & (meta["severity_number"] >= SEVERITY_MIN).to_numpy(dtype=bool) & (lines > 0)
    order = np.flatnonzero(signs)[np.argsort(-lines[signs], kind="stable")]
    return [
        Evidence(
            "logs",
            str(meta["service"].iloc[row]),
            Message(
                "rootcause.outside_line",
                {
                    "entity": str(meta["service"].iloc[row]),
                    "count": int(lines[row]),
                    "template": str(meta["template"].iloc[row])[:TEMPLATE_TEXT_MAX],
                },
            ),
        )
        for row in order[:SIGNS_MAX]
    ]
