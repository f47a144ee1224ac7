"""Changes: deploys, settings and flags before the onset, and a new version that does worse than the old one."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np

from analytics.anomalies.counts import dispersion, rate_shift_p
from analytics.rootcause.evidence.observations import Observations, chart, nothing, number
from analytics.rootcause.split import Split
from analytics.world import World
from causeway.findings import Evidence, Message, MessageValue
from causeway.window import MINUTE_NS

FAMILY = "changes"
KINDS = ("deploy", "config", "flag", "scale")
_BEFORE_NS = 30 * MINUTE_NS  # how long before the onset a change may have been made
_AFTER_NS = MINUTE_NS  # clocks differ, and a release finishes after it began


def observe(world: World, split: Split) -> Observations:
    """One row per version that first served after the split's baseline and fails more than those beside it."""
    rows = _new_versions(world, split)
    if not rows:
        return nothing(FAMILY)

    def tell(row: int) -> Evidence:
        return rows[row][0]

    return Observations(
        FAMILY,
        np.array([evidence.entity for evidence, _ in rows], dtype=object),
        np.array([evidence.p for evidence, _ in rows], dtype=np.float64),
        np.array([excess for _, excess in rows]),
        "errors",
        tell,
    )


def recent_changes(world: World, onset_ns: int) -> dict[str, list[Evidence]]:
    """Recorded changes by service, from half an hour before the onset until a minute after it."""
    found: dict[str, list[Evidence]] = defaultdict(list)
    events = world.events
    if not len(events):
        return found
    times = events["time_ns"].to_numpy(dtype=np.int64)
    near = (times >= onset_ns - _BEFORE_NS) & (times <= onset_ns + _AFTER_NS)
    for row in np.flatnonzero(near & events["kind"].isin(KINDS).to_numpy()):
        event = {name: str(events[name].iloc[row] or "") for name in ("kind", "service", "entity", "message", "reason")}
        service = event["service"] or event["entity"]
        ahead_s = (onset_ns - int(times[row])) / 1e9
        values: dict[str, MessageValue] = {
            "entity": service,
            "kind": event["kind"],
            "time": int(times[row]),
            "apart": max(ahead_s, 0.0),
            "message": event["message"] or event["reason"] or event["kind"],
        }
        found[service].append(
            Evidence(
                FAMILY,
                service,
                Message(f"rootcause.changed_{'before' if ahead_s >= 1 else 'about'}_{event['kind']}", values),
            )
        )
    return found


def alerted(world: World) -> set[str]:
    """The services whose own monitors raised an alert within the window, as recorded events tell."""
    events = world.events
    if not len(events):
        return set()
    times = events["time_ns"].to_numpy(dtype=np.int64)
    within = (times >= world.window.start_ns) & (times < world.window.end_ns)
    rows = events[within & (events["kind"] == "alert").to_numpy()]
    return {str(service or entity) for service, entity in zip(rows["service"], rows["entity"], strict=True)}


def _new_versions(world: World, split: Split) -> list[tuple[Evidence, float]]:
    keys = world.instances.keys.to_frame(index=False)
    calls = np.nan_to_num(world.instances.calls.astype(np.float64))
    errors = np.nan_to_num(world.instances.errors.astype(np.float64))
    groups = keys.groupby(["service", "version"], sort=True).ngroup().to_numpy()
    rows = []
    for service, members in keys.groupby("service", sort=True).indices.items():
        versions = np.unique(groups[members])
        if len(versions) < 2:
            continue
        for version in versions:
            mine = np.asarray(members)[groups[members] == version]
            others = np.asarray(members)[groups[members] != version]
            if calls[mine][:, split.before].sum() == 0 and calls[mine][:, split.after].sum() > 0:
                name = str(keys["version"].iloc[mine[0]])
                rows.append(_compare(world, split, (str(service), name), (calls, errors), (mine, others)))
    return rows


def _compare(
    world: World,
    split: Split,
    named: tuple[str, str],
    counts: tuple[np.ndarray, np.ndarray],
    members: tuple[np.ndarray, np.ndarray],
) -> tuple[Evidence, float]:
    """The new version against the old ones in the same slots, or before where none runs beside it."""
    calls, errors = counts
    mine, others = members
    beside = split.after if calls[others][:, split.after].sum() > 0 else split.before
    new_calls, new_errors = calls[mine].sum(axis=0), errors[mine].sum(axis=0)
    old_calls, old_errors = calls[others].sum(axis=0), errors[others].sum(axis=0)
    bursts = dispersion(old_errors[None, split.before], old_calls[None, split.before])
    rise, _ = rate_shift_p(
        np.array([old_errors[beside].sum()]),
        np.array([new_errors[split.after].sum()]),
        np.array([old_calls[beside].sum()]),
        np.array([new_calls[split.after].sum()]),
        bursts=bursts,
    )
    new = new_errors[split.after].sum() / max(new_calls[split.after].sum(), 1.0)
    old = old_errors[beside].sum() / max(old_calls[beside].sum(), 1.0)
    values = {"entity": named[0], "version": named[1], "now": number(new), "usual": number(old)}
    ratio = np.divide(new_errors, new_calls, out=np.full(len(new_calls), np.nan), where=new_calls > 0)
    worse = new > old
    evidence = Evidence(
        FAMILY,
        named[0],
        Message("rootcause.version_worse" if worse else "rootcause.version_same", values),
        p=float(rise[0]),
        chart=replace(
            chart(Message("rootcause.chart_version", values), "ratio", world.timeline, ratio), low=0.0, high=number(old)
        ),
    )
    return evidence, float(max(new - old, 0.0) * new_calls[split.after].sum())
