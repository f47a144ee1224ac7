"""The job that rolls spans up, where the store leaves that to analyzers: each minute by whoever comes first.

Every few seconds the last two hours are compared with what was computed, and everything there is when spans of an older
time were added (or removed), and now and then. A minute is leased in the state before it is computed, so that any
number of analyzers share the work; when one dies, its leases run out and another takes over.
"""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from causeway.config import parse
from causeway.jobs import JobContext, Place
from causeway.stores.elasticsearch.minutes import Due, MinuteWorker, open_worker
from causeway.window import MINUTE_NS, SECOND_NS, Window

PLACE = Place.EVERYWHERE
IDLE_S = 60.0
# Clocks of senders may be ahead so far.
_AHEAD_NS = 10 * MINUTE_NS
# So many minutes at a time, newest first: a crash leaves few to be waited for.
_MINUTES_AT_ONCE = 4
# A minute that takes long to compute is left alone for a few times as long, however it grows.
_REST_FACTOR = 3.0
_RESTS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class RollupOptions:
    """The table `[rollup]`. Times in seconds.

    every_s: between looks. lookback_s: what each look compares. whole_every_s: between looks at everything. lease_s: a
    minute whose analyzer went away is taken over after this. turn_s: a turn of work ends after this.
    """

    every_s: float = 5.0
    lookback_s: float = 7200.0
    whole_every_s: float = 600.0
    lease_s: float = 30.0
    turn_s: float = 10.0

    def __post_init__(self) -> None:
        for name in ("every_s", "lookback_s", "whole_every_s", "lease_s", "turn_s"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be more than 0")


@dataclass(slots=True)
class _Memory:
    """Kept while the process lives. rests: minute -> not to be computed before (s on `timer`).

    At the last look at everything, `old` spans were of the time before `old_ns`.
    """

    worker: MinuteWorker
    owner: str
    whole_ns: int = 0
    old_ns: int = 0
    old: int = 0
    rests: dict[int, float] = field(default_factory=dict)
    cost_s: float = 0.0


def check(config: Mapping[str, Any]) -> None:
    """Raises ConfigError for a wrong table `[rollup]`."""
    parse(RollupOptions, config.get("rollup", {}), where="rollup")


def job(context: JobContext) -> float:
    """Compute what is due for one turn; the seconds until the next."""
    settings = context.deployment.store
    if settings is None:
        return IDLE_S  # the embedded store rolls up what it writes
    options = parse(RollupOptions, context.table("rollup"), where="rollup")
    memory: _Memory | None = context.memory.get("rollup")
    if memory is None:
        owner = f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:8]}"
        memory = context.memory["rollup"] = _Memory(open_worker(settings), owner)
    return turn(context, options, memory)


def turn(
    context: JobContext, options: RollupOptions, memory: _Memory, *, timer: Callable[[], float] = time.monotonic
) -> float:
    """One turn with a worker: 0 when more is due, else the seconds until the next look."""
    began_s, done, left = timer(), 0, _due(context, options, memory, timer())
    if memory.whole_ns == context.now_ns and len(left) > 2:
        context.log.info("rollup.due", minutes=len(left))
    while left and timer() - began_s < options.turn_s:
        leased = _lease(context, options, memory, [due.minute_ns for due in left])
        if not leased:
            break  # others have the rest
        marked = {due.minute_ns for due in left if due.marked}
        left = [due for due in left if due.minute_ns not in leased]
        done += _compute(context, memory, [Due(at, at in marked) for at in leased], timer)
    if done:
        memory.worker.show()
    return 0.0 if left else options.every_s


def _due(context: JobContext, options: RollupOptions, memory: _Memory, now_s: float) -> list[Due]:
    """What is to be computed, newest first."""
    store, now_ns = context.deployment.location, context.now_ns
    marked = set(context.state.rollup_waiting(store, now_ns=now_ns))
    lookback = Window(now_ns - int(options.lookback_s * SECOND_NS), now_ns + _AHEAD_NS)
    grown = {due.minute_ns for due in memory.worker.due(lookback)}
    if _whole_due(memory, now_ns, options):
        memory.old_ns = max(lookback.start_ns, 1)
        memory.old = memory.worker.stored_before(memory.old_ns)
        whole = _whole(context)
        grown |= {due.minute_ns for due in memory.worker.due(whole, shrunk=False)} if whole else set()
        memory.whole_ns = now_ns
    memory.rests = {at: until_s for at, until_s in memory.rests.items() if until_s > now_s}
    found = [Due(at, at in marked) for at in grown | marked if at in marked or at not in memory.rests]
    return sorted(found, key=lambda due: due.minute_ns, reverse=True)


def _whole_due(memory: _Memory, now_ns: int, options: RollupOptions) -> bool:
    if now_ns - memory.whole_ns >= options.whole_every_s * SECOND_NS:
        return True
    return memory.worker.stored_before(memory.old_ns) != memory.old


def _whole(context: JobContext) -> Window | None:
    """All there is."""
    held = context.reader.status().table("spans")
    if held.first_ns is None or held.last_ns is None:
        return None
    return Window(held.first_ns, held.last_ns + MINUTE_NS)


def _lease(context: JobContext, options: RollupOptions, memory: _Memory, minutes: list[int]) -> list[int]:
    # Long enough for the dearest minute so far; whatever happens twice comes to the same.
    now_ns = time.time_ns()
    held_s = max(options.lease_s, 2 * _MINUTES_AT_ONCE * memory.cost_s)
    return context.state.lease_minutes(
        context.deployment.location,
        minutes,
        owner=memory.owner,
        now_ns=now_ns,
        until_ns=now_ns + int(held_s * SECOND_NS),
        limit=_MINUTES_AT_ONCE,
    )


def _compute(context: JobContext, memory: _Memory, due: list[Due], timer: Callable[[], float]) -> int:
    """Compute leased minutes and give each back; how many were written."""
    store, state, written = context.deployment.location, context.state, 0
    waiting = [one.minute_ns for one in due]
    try:
        for one in due:
            began_s = timer()
            done = memory.worker.compute(one)
            state.mark_minutes(store, done.again)
            state.release_minutes(store, [one.minute_ns], owner=memory.owner)
            waiting.remove(one.minute_ns)
            if done.spans is not None:
                written += 1
                _rest(memory, one.minute_ns, timer(), timer() - began_s)
                context.log.debug("rollup.minute", minute_ns=one.minute_ns, spans=done.spans, again=len(done.again))
    finally:
        if waiting:
            state.release_minutes(store, waiting, owner=memory.owner, done=False)
    return written


def _rest(memory: _Memory, minute_ns: int, now_s: float, cost_s: float) -> None:
    memory.cost_s = max(cost_s, memory.cost_s * 0.9)
    if len(memory.rests) < _RESTS_MAX:
        memory.rests[minute_ns] = now_s + cost_s * _REST_FACTOR
