"""Every recorded change around the onset and what speaks for or against it; what is believed is `judge`'s answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from analytics.rootcause.evidence.changes import KINDS
from analytics.rootcause.split import Split
from analytics.world import World
from causeway.findings import ChangeSuspect, Hypothesis, Message, MessageValue
from causeway.window import HOUR_NS, MINUTE_NS

CHANGES_MAX = 12
EARLY_NS = 30 * MINUTE_NS  # a change that ran for longer without trouble is seldom the one
_SINCE_NS = 2 * HOUR_NS
_LATE_NS = MINUTE_NS  # clocks differ, and a release finishes after it began
_STANDINGS = ("believed", "possible", "cleared")
_REVISION = "vcs.ref.head.revision"


def considered(
    world: World,
    split: Split,
    suspects: Sequence[Hypothesis],
    told: Sequence[ChangeSuspect],
    judged: Sequence[ChangeSuspect],
) -> tuple[ChangeSuspect, ...]:
    """Deploys, settings, flags and scalings around the onset, and the commits judged and not believed.

    suspects: the hypotheses, likeliest first; a deploy of a version that does worse is believed. told: changes
    already believed, left out here; so are the deploys of a commit that is judged itself. Believed and possible ones
    first, then by nearness to the onset; at most CHANGES_MAX.
    """
    events = world.events.reset_index(drop=True)
    if not len(events):
        return ()
    onset_ns = int(world.timeline.times_ns[split.onset])
    times = events["time_ns"].to_numpy(dtype=np.int64)
    near = (times >= onset_ns - _SINCE_NS) & (times < world.window.end_ns) & events["kind"].isin(KINDS).to_numpy()
    believed = {one.revision for one in told}
    explained = {one.revision for one in (*told, *judged)} - {""}
    names, worse = [one.entity for one in suspects], _worse_versions(suspects)
    versions = _earlier_versions(events)
    found = [
        _believed(_weighed(event, versions.get(place, ""), onset_ns, names), worse)
        for place, event in zip(np.flatnonzero(near).tolist(), _rows(events[near]), strict=True)
        if _about(event).get(_REVISION, "") not in explained
    ]
    found += [one for one in judged if one.revision not in believed]
    found.sort(key=lambda one: (_STANDINGS.index(one.standing), abs(one.time_ns - onset_ns), one.service, one.revision))
    return tuple(found[:CHANGES_MAX])


def _weighed(event: pd.Series, before: str, onset_ns: int, suspects: Sequence[str]) -> ChangeSuspect:
    time_ns, service = int(event["time_ns"]), str(event["service"] or event["entity"])
    place = list(suspects).index(service) if service in suspects else -1
    ahead_ns = onset_ns - time_ns
    if ahead_ns < -_LATE_NS:
        name = "cleared_late"
    elif place < 0:
        name = "cleared_elsewhere"
    else:
        name = "cleared_early" if ahead_ns > EARLY_NS else "possible"
    said = str(event["message"] or event["reason"] or "")
    values: dict[str, MessageValue] = {
        "kind": str(event["kind"]),
        "change": f"{before} → {said}" if before and "→" not in said else said,
        "service": service,
        "time": time_ns,
        "apart": abs(ahead_ns) / 1e9,
        "rank": place + 1,
    }
    return ChangeSuspect(
        revision=_about(event).get(_REVISION, ""),
        kind=str(event["kind"]),
        service=service,
        time_ns=time_ns,
        score=0.0 if name != "possible" else 0.5 ** (max(ahead_ns, 0) / EARLY_NS) / (place + 1),
        reason=Message(f"rootcause.change_{name}", values),
        standing="possible" if name == "possible" else "cleared",
    )


def _worse_versions(suspects: Sequence[Hypothesis]) -> dict[str, Mapping[str, MessageValue]]:
    """By service: the numbers of a new version that does worse than the old one beside it."""
    return {
        one.entity: evidence.reason.values
        for one in suspects
        for evidence in one.evidence_for
        if evidence.reason.id == "rootcause.version_worse"
    }


def _believed(one: ChangeSuspect, worse: Mapping[str, Mapping[str, MessageValue]]) -> ChangeSuspect:
    """A possible deploy as a believed one where the requests themselves show that the version does worse."""
    if one.standing != "possible" or one.kind != "deploy" or one.service not in worse:
        return one
    reason = Message("rootcause.change_worse", {**worse[one.service], **one.reason.values})
    return replace(one, standing="believed", reason=reason)


def _rows(events: pd.DataFrame) -> list[pd.Series]:
    return [event for _, event in events.iterrows()]


def _about(event: pd.Series) -> Mapping[str, str]:
    return event["attributes"] or {}


def _earlier_versions(events: pd.DataFrame) -> dict[int, str]:
    """The version that ran before, by row of each deploy that says its own and has one before it."""
    places = np.flatnonzero((events["kind"] == "deploy").to_numpy())
    places = places[np.argsort(events["time_ns"].to_numpy()[places], kind="stable")]
    running: dict[str, str] = {}
    found: dict[int, str] = {}
    for place, event in zip(places.tolist(), _rows(events.iloc[places]), strict=True):
        service, version = str(event["service"] or event["entity"]), _about(event).get("service.version", "")
        if running.get(service, version) != version:
            found[place] = running[service]
        if version:
            running[service] = version
    return found
