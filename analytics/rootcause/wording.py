"""The evidence for and against one entity, picked from everything observed."""

from __future__ import annotations

import numpy as np

from analytics.rootcause.evidence.changes import FAMILY as CHANGES
from analytics.rootcause.evidence.families import FAMILIES
from analytics.rootcause.explain import CHAIN_MIN
from analytics.rootcause.judged import Judged
from causeway.findings import Evidence, Message

FOR_PER_FAMILY_MAX = 3
ROWS_MAX = 12  # looked through for that many that differ
P_FOR = 0.05
P_WORSE = 0.01  # of a new version, from which it names the fault
P_AGAINST = 0.2


def telling_family(judged: Judged, node: int) -> str:
    """The family that names the kind of fault: the strongest, but a new version that does worse before all others,
    for its errors and log lines are what it does, and the version is what can be taken back."""
    strength = judged.explained.strength[node]
    names = [registered.name for registered in FAMILIES]
    changes = names.index(CHANGES)
    if strength[changes] > 0 and np.nan_to_num(judged.found.p[node, changes], nan=1.0) < P_WORSE:
        return CHANGES
    return names[int(np.argmax(strength))]


def evidence_for(judged: Judged, node: int) -> tuple[Evidence, ...]:
    """What speaks for it: the most telling rows of each family, strongest family first; then changes, callees."""
    found = judged.found
    told: list[Evidence] = []
    for family in np.argsort(-judged.explained.strength[node], kind="stable"):
        if np.nan_to_num(found.p[node, family], nan=1.0) < P_FOR:
            told.extend(_rows(judged, node, int(family)))
    told.extend(judged.changes.get(str(found.entities[node]), []))
    quiet = _quiet_callees(judged, node)
    return (*told, quiet) if quiet is not None else tuple(told)


def evidence_against(judged: Judged, node: int) -> tuple[Evidence, ...]:
    """What speaks against it: families that saw it and found nothing, and a node behind it that would explain it."""
    found = judged.found
    name = str(found.entities[node])
    told = [
        Evidence(
            registered.name,
            name,
            Message(f"rootcause.usual_{registered.name}", {"entity": name, "count": int(found.rows[node, i])}),
            p=float(found.p[node, i]),
        )
        for i, registered in enumerate(FAMILIES)
        if found.rows[node, i] and np.nan_to_num(found.p[node, i], nan=0.0) > P_AGAINST
    ]
    if judged.explained.by[node] >= 0 and judged.explained.discount[node] > CHAIN_MIN:
        cause = str(found.entities[judged.explained.root(node)])
        family = FAMILIES[int(np.argmax(found.strength[node]))].name
        told.append(Evidence(family, name, Message("rootcause.explained", {"entity": name, "cause": cause})))
    return tuple(told)


def _rows(judged: Judged, node: int, family: int) -> list[Evidence]:
    seen = judged.observed[family]
    mine = np.flatnonzero((seen.entities == judged.found.entities[node]) & (np.nan_to_num(seen.p, nan=1.0) < P_FOR))
    told: list[Evidence] = []
    for row in mine[np.argsort(seen.p[mine], kind="stable")][:ROWS_MAX]:
        one = seen.tell(int(row))
        if one.reason not in [other.reason for other in told]:  # a bad edge speaks for its end on more than one side
            told.append(one)
        if len(told) == FOR_PER_FAMILY_MAX:
            break
    return told


def _quiet_callees(judged: Judged, node: int) -> Evidence | None:
    callees = judged.graph.callees[node]
    limit = 0.25 * judged.scores[node]
    if not callees or any(judged.scores[callee] > limit for callee in callees):
        return None
    name = str(judged.found.entities[node])
    return Evidence("self_time", name, Message("rootcause.quiet_callees", {"entity": name, "count": len(callees)}))
