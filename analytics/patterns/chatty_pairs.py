"""Chatty pairs: two services that talk very often within one trace, about several things."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analytics.patterns.calls import Calls
from analytics.patterns.pattern import Limits, finding, grouped, verdict
from causeway.findings import Finding, MessageValue


def chatty_pairs(calls: Calls, limits: Limits) -> Iterator[Finding]:
    """One finding per pair of services. One operation called over and over is `repeated_calls` and not meant here."""
    forest = calls.forest
    rows = np.flatnonzero(forest.remote & forest.waited)
    if not len(rows):
        return
    caller, callee = forest.service.code[forest.parent[rows]], forest.service.code[rows]
    talks = grouped(forest.trace[rows], caller, callee)
    operations = talks.distinct(forest.name[rows])
    diverse = operations >= limits.chatty_operations
    first = talks.first
    pairs = grouped(caller[first], callee[first])
    count, enough = pairs.mean(talks.rows.astype(np.float64)), pairs.total(diverse.astype(np.float64))
    for pair in np.flatnonzero((count >= limits.chatty_calls[0]) & (enough >= limits.traces_min)).tolist():
        mine = np.flatnonzero(pairs.of == pair)
        worst = int(mine[np.argmax(talks.rows[mine])])
        names = [forest.service.values[side[first[worst]]] for side in (caller, callee)]
        values: dict[str, MessageValue] = {
            "caller": names[0],
            "callee": names[1],
            "calls": float(count[pair]),
            "most": int(talks.rows[worst]),
            "operations": int(operations[mine].max()),
            "traces": len(mine),
            "example": forest.example(int(rows[first[worst]])),
        }
        judged = verdict(float(count[pair]), limits.chatty_calls)
        yield finding(
            "chatty_pairs", names[0], judged, values, value=float(count[pair]), threshold=limits.chatty_calls[0]
        )
