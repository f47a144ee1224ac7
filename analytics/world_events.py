"""What changed: the recorded events, and those that the instances' requests show by themselves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from analytics.world import Timeline
from causeway.window import MINUTE_NS

COLUMNS = ("time_ns", "kind", "entity", "service", "instance", "reason", "message", "attributes")
# A recorded event this near tells of the same change, so that none is made up beside it.
SAME_CHANGE_NS = 2 * MINUTE_NS
# An instance is gone, or new, when it is silent for this many of its usual gaps, and a minute at least.
SILENT_GAPS = 6.0
SILENT_MIN_NS = MINUTE_NS


def world_events(recorded: pa.Table, keys: pd.MultiIndex, sent: np.ndarray, timeline: Timeline) -> pd.DataFrame:
    """Recorded events and derived ones, by time.

    keys: (service, instance, version); sent: (n, t) spans of each.

    Derived: `deploy` where a version first appears on a service that had another, `restart` where an instance
    falls silent for good or a new one joins. They carry the attribute `causeway.derived` = `true`.
    """
    events = recorded.to_pandas(maps_as_pydicts="strict")[list(COLUMNS)]
    derived = pd.concat([_deploys(keys, sent, timeline), _restarts(keys, sent, timeline)], ignore_index=True)
    news = derived[~_known(derived, events)]
    frames = [frame for frame in (events, news) if len(frame)]
    together = pd.concat(frames, ignore_index=True) if frames else events
    return together.sort_values("time_ns", kind="stable").reset_index(drop=True)


def _deploys(keys: pd.MultiIndex, sent: np.ndarray, timeline: Timeline) -> pd.DataFrame:
    named = keys.to_frame(index=False)
    first, _ = _first_and_last(sent)
    rows = named.assign(first=first)[(first >= 0) & (named["version"] != "").to_numpy()]
    versions = rows.groupby(["service", "version"]).agg({"first": "min"}).reset_index()
    versions = versions.sort_values("first", kind="stable")
    versions["previous"] = versions.groupby("service")["version"].shift()
    news = versions[versions["previous"].notna()]
    news = news[news["first"] > versions.groupby("service")["first"].transform("min").loc[news.index]]
    return _frame(
        timeline.times_ns[news["first"].to_numpy(dtype=np.int64)],
        "deploy",
        news["service"],
        pd.Series("", index=news.index),
        "new_version",
        news["service"] + " " + news["previous"] + " → " + news["version"],
    )


def _restarts(keys: pd.MultiIndex, sent: np.ndarray, timeline: Timeline) -> pd.DataFrame:
    codes = keys.droplevel("version")
    names = codes.unique()
    calls = np.zeros((len(names), len(timeline)), dtype=np.float32)
    np.add.at(calls, names.get_indexer(codes), sent)
    first, last = _first_and_last(calls)
    frame = names.to_frame(index=False).assign(first=first, last=last)
    patience = _patience(calls, first, last, timeline.step_ns)
    present = (first >= 0) & (frame["instance"] != "").to_numpy()
    # Silence counts up to the last slot in which anybody spoke: after that the telemetry itself has ended.
    gone = present & (last.max(initial=-1) - last > patience)
    begun = frame[present].groupby("service")["first"].min()
    since = first - frame["service"].map(begun).fillna(0).to_numpy()
    new = present & (since > patience)
    parts = []
    for chosen, slot, reason in (
        (gone, np.minimum(last + 1, len(timeline) - 1), "instance_gone"),
        (new, first, "instance_new"),
    ):
        named = frame[chosen]
        times = timeline.times_ns[slot[chosen]]
        parts.append(_frame(times, "restart", named["service"], named["instance"], reason, named["instance"]))
    return pd.concat(parts, ignore_index=True)


def _patience(calls: np.ndarray, first: np.ndarray, last: np.ndarray, step_ns: int) -> np.ndarray:
    """(n,) slots of silence that mean something, from how often each instance spoke."""
    active = (calls > 0).sum(axis=1)
    usual_gap = np.maximum(last - first + 1, 1) / np.maximum(active, 1)
    return np.maximum(SILENT_GAPS * usual_gap, SILENT_MIN_NS / step_ns)


def _first_and_last(calls: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n,) the first and last slot with a call; -1 where there is none."""
    some = calls > 0
    any_call = some.any(axis=1)
    slots = calls.shape[1]
    first = np.where(any_call, some.argmax(axis=1), -1)
    last = np.where(any_call, slots - 1 - some[:, ::-1].argmax(axis=1), -1)
    return first, last


def _frame(
    times: np.ndarray, kind: str, service: pd.Series, instance: pd.Series, reason: str, message: pd.Series
) -> pd.DataFrame:
    entity = instance.where(instance != "", service)
    values = {
        "time_ns": times,
        "kind": kind,
        "entity": entity.to_numpy(dtype=object),
        "service": service.to_numpy(dtype=object),
        "instance": instance.to_numpy(dtype=object),
        "reason": reason,
        "message": message.to_numpy(dtype=object),
        "attributes": [{"causeway.derived": "true"} for _ in range(len(times))],
    }
    return pd.DataFrame(values, columns=list(COLUMNS))


def _known(derived: pd.DataFrame, events: pd.DataFrame) -> np.ndarray:
    """(n,) bool: an event of the same kind and service was recorded near that time."""
    if not len(events) or not len(derived):
        return np.zeros(len(derived), dtype=bool)
    near = np.abs(derived["time_ns"].to_numpy()[:, None] - events["time_ns"].to_numpy()[None, :]) <= SAME_CHANGE_NS
    same = derived["kind"].to_numpy()[:, None] == events["kind"].to_numpy()[None, :]
    same &= derived["service"].to_numpy()[:, None] == events["service"].fillna("").to_numpy()[None, :]
    return (near & same).any(axis=1)
