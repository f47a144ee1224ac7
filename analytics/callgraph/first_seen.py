"""Since when each edge is known, and when it was last seen: a bounded look back through the rollups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from analytics.callgraph.level import Level
from analytics.callgraph.rows import KEYS, call_rows, slot_step_ns
from causeway.stores.contract import Reader
from causeway.window import DAY_NS, Window

LOOK_BACK_NS = 7 * DAY_NS
# The look back is read in about this many steps, and the steps that matter again in fine ones.
STEPS_MAX = 200
FINE_READS_MAX = 24
# Where the data begins in the last quarter of the look back, it is read again in shorter steps.
YOUNG = 4


@dataclass(frozen=True, slots=True)
class Sightings:
    """looked: the time that was looked through, from the first stored call on.

    frame: indexed by (caller, callee, kind): first_seen_ns, first_seen_earlier (True: the calls reach back to where
    the look began, so it was then or earlier), last_seen_ns (the last slot with a call), and within_ns: how exact the
    first one is (the first call came at first_seen_ns or up to that much later).
    """

    looked: Window
    frame: pd.DataFrame


def sightings(
    reader: Reader, level: Level, until_ns: int, wanted: pd.MultiIndex, *, look_back_ns: int = LOOK_BACK_NS
) -> Sightings:
    """When the edges were first and last seen in the time before `until_ns`; those of `wanted` to the slot.

    Edges that were never seen there are left out. Cost: one query in some 200 steps, and up to FINE_READS_MAX short
    ones; where more would be needed, `within_ns` of the rest is a step.
    """
    looked, step, frame = _coarse(reader, level, Window(until_ns - look_back_ns, until_ns))
    if not len(frame):
        return Sightings(looked, frame.assign(within_ns=step, first_seen_earlier=pd.Series(dtype=bool)))
    began = int(frame["first_seen_ns"].min())
    frame = frame.assign(within_ns=step, first_seen_earlier=frame["first_seen_ns"] == began)
    _refine(reader, level, frame, frame.index.isin(wanted), step)
    return Sightings(Window(began, looked.end_ns), frame.sort_index())


def _coarse(reader: Reader, level: Level, asked: Window) -> tuple[Window, int, pd.DataFrame]:
    """The first and last step with a call of every edge; in shorter steps where only the end of the time has calls."""
    fine = slot_step_ns(level)
    while True:
        step = max(fine, asked.duration_ns // STEPS_MAX // fine * fine)
        looked = asked.aligned(step)
        frame = _seen(reader, level, looked, step)
        if step == fine or not len(frame):
            return looked, step, frame
        held = Window(int(frame["first_seen_ns"].min()), looked.end_ns)
        if held.duration_ns * YOUNG > asked.duration_ns:
            return looked, step, frame
        asked = held


def _seen(reader: Reader, level: Level, window: Window, step_ns: int) -> pd.DataFrame:
    """first_seen_ns and last_seen_ns of every edge with a call, indexed by its key, in slots of that step."""
    rows = call_rows(reader, level, window, step_ns=step_ns)
    sums = rows.group_by([*KEYS, "slot_ns"]).aggregate([("calls", "sum")])
    sums = sums.filter(pc.greater(sums["calls_sum"], 0))
    found = sums.group_by(list(KEYS)).aggregate([("slot_ns", "min"), ("slot_ns", "max")]).to_pandas()
    return found.rename(columns={"slot_ns_min": "first_seen_ns", "slot_ns_max": "last_seen_ns"}).set_index(list(KEYS))


def _refine(reader: Reader, level: Level, frame: pd.DataFrame, wanted: np.ndarray, step: int) -> None:
    """Put the exact slots in place of the steps, for the wanted edges, newest steps first."""
    fine = slot_step_ns(level)
    if step == fine:
        return
    firsts = frame["first_seen_ns"].to_numpy()[wanted & ~frame["first_seen_earlier"].to_numpy()]
    lasts = frame["last_seen_ns"].to_numpy()[wanted]
    chosen = np.unique(np.concatenate([firsts, lasts]))[::-1][:FINE_READS_MAX].tolist()
    for slot in chosen:
        exact = _seen(reader, level, Window(slot, slot + step), fine).reindex(frame.index)
        seen = wanted & exact["first_seen_ns"].notna().to_numpy()
        ends = seen & (frame["last_seen_ns"] == slot).to_numpy()
        begins = seen & (frame["first_seen_ns"] == slot).to_numpy() & ~frame["first_seen_earlier"].to_numpy()
        frame.loc[ends, "last_seen_ns"] = exact.loc[ends, "last_seen_ns"].astype(np.int64)
        frame.loc[begins, "first_seen_ns"] = exact.loc[begins, "first_seen_ns"].astype(np.int64)
        frame.loc[begins, "within_ns"] = fine
