"""What a diagnosis could not look at: signals that are missing, cut short, or have no history to compare with."""

from __future__ import annotations

import numpy as np

from analytics.world import World
from causeway.findings import Message

SIGNALS = ("spans", "samples", "logs")
ORPHANS_MIN = 0.02  # of the spans without their parent, from which the paths through them are uncertain
HISTORY_SHORT_S = 300.0
_VIRTUAL_TYPES = ("database", "queue", "external")


def lacking(world: World) -> tuple[Message, ...]:
    """What was missing of the whole window, in sentences; empty where every signal was there throughout."""
    told = [message for signal in SIGNALS if (message := _signal(world, signal)) is not None]
    told += [Message(f"rootcause.lacking_{name}") for name in ("logs_capped", "series_left_out") if name in world.seen]
    spans = float(world.coverage["spans"].sum()) if len(world.coverage) else 0.0
    orphans = float(world.coverage["orphans"].sum()) if spans else 0.0
    if spans and orphans / spans >= ORPHANS_MIN:
        told.append(Message("rootcause.lacking_parents", {"share": orphans / spans}))
    history_s = world.baseline.duration_ns / 1e9
    if history_s < HISTORY_SHORT_S:
        told.append(Message("rootcause.lacking_history", {"history": history_s}))
    return tuple(told)


def lacking_of(world: World, entity: str) -> tuple[Message, ...]:
    """Which of the signals that others sent are missing of this one."""
    kind = str(world.nodes["type"].get(entity, "service"))
    if kind in _VIRTUAL_TYPES:
        return (Message("rootcause.unseen_itself", {"entity": entity}),)
    there = {
        "spans": _served(world, entity),
        "samples": bool((world.metrics.meta["service"] == entity).any()),
        "logs": bool((world.logs.meta["service"] == entity).any()),
    }
    return tuple(
        Message(f"rootcause.unseen_{signal}", {"entity": entity})
        for signal in SIGNALS
        if not there[signal] and any(world.seen.get(signal, (0, 0)))
    )


def _signal(world: World, signal: str) -> Message | None:
    before, inside = world.seen.get(signal, (0, 0))
    if before and inside:
        return None
    how = "stopped" if before else "new" if inside else "none"
    return Message(f"rootcause.lacking_{signal}_{how}")


def _served(world: World, entity: str) -> bool:
    rows = world.operations.keys.get_level_values("service") == entity
    return bool(np.nan_to_num(world.operations.calls[rows]).sum() > 0)
