"""Silence: an instance that served steadily and stopped, and what the platform said about it."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pandas as pd

from analytics.anomalies.counts import dispersion
from analytics.rootcause.calibration import p_floor
from analytics.rootcause.evidence.observations import Observations, chart, nothing, number
from analytics.rootcause.evidence.successors import HANDOVER_SLOTS
from analytics.rootcause.split import GUARD_SLOTS, Split
from analytics.world import World
from causeway.findings import Evidence, Message

FAMILY = "silence"
_STEADY = 0.5  # share of the slots with requests in which an instance must have been seen to be missed
_SILENT_SLOTS_MIN = 3
_UNMISSED = 0.3  # exponent of p where nobody fails for want of the silent one
_REPORTED_P = {"oom": 1e-6, "restart": 1e-4, "probe": 1e-4}  # what the platform itself reports needs no statistics


def observe(world: World, split: Split) -> Observations:
    """One row per instance that fell silent for good after the onset, and one per reported death."""
    rows = [*_silent(world, split), *_reported(world, split)]
    if not rows:
        return nothing(FAMILY)

    def tell(row: int) -> Evidence:
        return rows[row]

    return Observations(
        FAMILY,
        np.array([evidence.entity for evidence in rows], dtype=object),
        np.array([evidence.p for evidence in rows], dtype=np.float64),
        np.full(len(rows), np.nan),
        "",
        tell,
    )


def _silent(world: World, split: Split) -> list[Evidence]:
    names, calls, services = _by_instance(world)
    if not len(names):
        return []
    last = np.array([np.flatnonzero(row)[-1] if row.any() else -1 for row in calls])
    slots = np.arange(calls.shape[1])
    usual = calls[:, split.before]
    total = _of_service(services, calls)
    busy = total[:, split.before] > 0
    steady = ((usual > 0) & busy).sum(axis=1) >= _STEADY * np.maximum(busy.sum(axis=1), 1)
    share = usual.sum(axis=1) / np.maximum(total[:, split.before].sum(axis=1), 1.0)
    silent = slots[None, :] > last[:, None]
    alone = pd.Series(services).map(pd.Series(services).value_counts()).to_numpy() == 1
    asked = np.where(alone[:, None], _asked(world, services, split), total)
    most = total[:, split.before].mean(axis=1, keepdims=True)
    missed = (share[:, None] * np.minimum(asked, most) * silent).sum(axis=1)
    bursts = dispersion(usual, asked[:, split.before])
    p = np.maximum(np.exp(-missed / bursts), p_floor(split.before.sum() + silent.sum(axis=1)))
    p = np.where(alone & ~_callers_fail(world, services, silent, split), np.power(p, _UNMISSED), p)
    recent = last >= split.onset - GUARD_SLOTS - 2
    long_enough = silent.sum(axis=1) >= _SILENT_SLOTS_MIN
    gone = steady & recent & long_enough & (usual.sum(axis=1) > 0) & ~_replaced(world, services, last)
    return [
        _tell(world, split, str(services[i]), str(names[i]), calls[i], int(last[i]), float(p[i]))
        for i in np.flatnonzero(gone)
    ]


def _by_instance(world: World) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    keys = world.instances.keys.to_frame(index=False)
    named = (keys["instance"] != "").to_numpy()
    keys, rows = keys[named], np.nan_to_num(world.instances.calls[named].astype(np.float64))
    groups = keys.groupby(["service", "instance"], sort=True).ngroup().to_numpy()
    size = int(groups.max()) + 1 if len(groups) else 0
    calls = np.zeros((size, rows.shape[1]))
    np.add.at(calls, groups, rows)
    first = keys.assign(group=groups).drop_duplicates("group").sort_values("group")
    return first["instance"].to_numpy(), calls, first["service"].to_numpy()


def _of_service(services: np.ndarray, calls: np.ndarray) -> np.ndarray:
    codes, names = pd.factorize(services)
    total = np.zeros((len(names), calls.shape[1]))
    np.add.at(total, codes, calls)
    return total[codes]


def _callers_fail(world: World, services: np.ndarray, silent: np.ndarray, split: Split) -> np.ndarray:
    """(n,) whether the callers fail more while a service is silent: else they may have stopped asking."""
    index = world.services.keys.get_level_values("service")
    errors = np.nan_to_num(world.services.errors.astype(np.float64))
    edge_errors = np.nan_to_num(world.edge_series.errors.astype(np.float64))
    callees = world.edge_series.keys.get_level_values("callee").to_numpy()
    callers = index.get_indexer(world.edge_series.keys.get_level_values("caller"))
    fails = np.ones(len(services), dtype=bool)
    for i, service in enumerate(services):
        rows = np.flatnonzero((callees == service) & (callers >= 0))
        if len(rows):
            seen = edge_errors[rows].sum(axis=0) + errors[np.unique(callers[rows])].sum(axis=0)
            fails[i] = seen[silent[i]].sum() > 2.0 + 2.0 * seen[split.before].mean() * silent[i].sum()
    return fails


def _asked(world: World, services: np.ndarray, split: Split) -> np.ndarray:
    """(n, t) calls expected from what the callers serve; from all entry requests where there is no caller.

    A service whose callers have gone quiet is not missed.
    """
    index = world.services.keys.get_level_values("service")
    served = np.nan_to_num(world.services.calls.astype(np.float64))
    entries = np.nan_to_num(world.entries.calls.astype(np.float64)).sum(axis=0)
    edges = world.edge_series
    edge_calls = np.nan_to_num(edges.calls.astype(np.float64))
    callers = index.get_indexer(edges.keys.get_level_values("caller"))
    callees = edges.keys.get_level_values("callee").to_numpy()
    expected = np.zeros((len(services), len(entries)))
    for i, service in enumerate(services):
        rows = np.flatnonzero((callees == service) & (callers >= 0))
        source = served[callers[rows]] if len(rows) else entries[None, :]
        calls = edge_calls[rows] if len(rows) else _own(index, served, service)
        usual = source[:, split.before].sum(axis=1)
        ratio = np.divide(calls[:, split.before].sum(axis=1), usual, out=np.zeros(len(usual)), where=usual > 0)
        expected[i] = ratio @ source
    return expected


def _own(index: pd.Index, served: np.ndarray, service: str) -> np.ndarray:
    place = index.get_indexer(pd.Index([service]))[0]
    return served[place][None, :] if place >= 0 else np.zeros((1, served.shape[1]))


def _replaced(world: World, services: np.ndarray, last: np.ndarray) -> np.ndarray:
    """(n,) whether a new instance of the service took over about when this one stopped.

    Slots in which nobody asked anything of anyone do not count: a pod replaced overnight is no failure by morning.
    """
    keys = world.instances.keys.to_frame(index=False)
    some = np.nan_to_num(world.instances.calls) > 0
    busy = np.cumsum(some.any(axis=0))
    first = np.where(some.any(axis=1), some.argmax(axis=1), 0)
    starts: dict[str, list[int]] = defaultdict(list)
    for service, start in zip(keys["service"], first.tolist(), strict=True):
        if start > 0:
            starts[str(service)].append(start)
    near = [
        any(abs(busy[start] - busy[stop]) <= HANDOVER_SLOTS for start in starts[str(service)])
        for service, stop in zip(services, last.tolist(), strict=True)
    ]
    return np.array(near, dtype=bool)


def _reported(world: World, split: Split) -> list[Evidence]:
    """Deaths that the platform reported, not those derived from the very silence above."""
    events = world.events
    if not len(events):
        return []
    since = world.timeline.times_ns[max(split.onset - GUARD_SLOTS - 2, 0)]
    chosen = events[events["kind"].isin(_REPORTED_P) & (events["time_ns"] >= since)]
    return [
        Evidence(
            FAMILY,
            str(row.service or row.entity),
            Message(
                "rootcause.reported",
                {"entity": str(row.instance or row.entity), "message": str(row.message or row.reason)},
            ),
            p=_REPORTED_P[row.kind],
        )
        for row in chosen.itertuples()
        if "causeway.derived" not in dict(row.attributes or {})
    ]


def _tell(world: World, split: Split, service: str, instance: str, calls: np.ndarray, last: int, p: float) -> Evidence:
    timeline = world.timeline
    values = {
        "entity": service,
        "instance": instance,
        "usual": number(calls[split.before].mean() / (timeline.step_ns / 1e9)),
        "silent": float((len(timeline) - 1 - last) * timeline.step_ns / 1e9),
    }
    title = Message("rootcause.chart_silence", values)
    return Evidence(
        FAMILY,
        service,
        Message("rootcause.silent", values),
        p=p,
        chart=chart(title, "", timeline, calls, split),
    )
