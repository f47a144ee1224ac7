"""The job that tells the outside world: changes of incidents become durable rows, rows are delivered at least once.

* A row is known by its key (`INC-12/firing/CRITICAL`), so that looking twice puts in nothing twice.
* Rows of one incident go out in order: what began while a target was away is still told, then its end.
* A failure is tried again, each time later, for a week; then, or when the target says that this alert can never be
  taken, the row is dead and kept for people to see. One refused alert holds up no other.
* A target that does not answer is left alone for a while instead of being asked for every row.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from causeway.errors import DeliveryFailed
from causeway.findings import Incident, Verdict
from causeway.jobs import JobContext
from causeway.state import Delivery, OutboxRow
from causeway.window import DAY_NS, SECOND_NS
from causeway.wire import from_json, to_json
from forwarders.contract import Alert, AlertStatus, Common, alert_of
from forwarders.targets import Target, common, targets

EVERY_S = 5.0
IDLE_S = 60.0
BACK_OFF_FIRST_S = 2.0
BACK_OFF_MAX_S = 300.0
# A row that somebody began to deliver and did not finish is delivered again after this.
CLAIM_NS = 30 * SECOND_NS
GIVE_UP_NS = 7 * DAY_NS
ROWS_AT_ONCE = 200
INCIDENTS_AT_ONCE = 500
PRUNE_EVERY_NS = 3600 * SECOND_NS


@dataclass(slots=True)
class _Memory:
    """Kept while the process lives."""

    targets: tuple[Target, ...]
    common: Common
    # Jitter only: several processes that lost the same target do not come back in step.
    jitter: random.Random = field(default_factory=random.Random)
    away: dict[str, tuple[int, int]] = field(default_factory=dict)  # target -> (failures, left alone until)
    pruned_ns: int = 0


def check(config: Mapping[str, Any]) -> None:
    """Raises ConfigError for a wrong table `[forward]` or `[[forward.KIND]]`."""
    for target in targets(config):
        target.forwarder.close()


def job(context: JobContext) -> float:
    """Put in what changed, deliver what is due; the seconds until the next look."""
    memory: _Memory | None = context.memory.get("forward")
    if memory is None:
        memory = context.memory["forward"] = _Memory(targets(context.config), common(context.config))
    if not memory.targets:
        return IDLE_S
    for target in memory.targets:
        _enqueue_changes(context, target, memory.common)
        _deliver_due(context, target, memory)
    if context.now_ns - memory.pruned_ns >= PRUNE_EVERY_NS:
        context.state.prune_outbox()
        memory.pruned_ns = context.now_ns
    return EVERY_S


def _enqueue_changes(context: JobContext, target: Target, shared: Common) -> None:
    """Rows for incidents that changed since the last look.

    A new target hears of what is open, not of what is over.
    """
    mark = f"forward/{target.name}"
    since_ns = context.state.last_run(mark)
    changed_ns = context.state.incidents_changed_ns()
    if since_ns is not None and (changed_ns is None or changed_ns < since_ns):
        return
    incidents = context.state.incidents(open_only=since_ns is None, changed_since_ns=since_ns, limit=INCIDENTS_AT_ONCE)
    silenced = {silence.entity for silence in context.state.silences(context.now_ns)}
    held_back = False
    for incident in sorted(incidents, key=lambda one: one.id):
        if incident.entity in silenced and incident.resolved_ns is None:
            held_back = True
            continue
        _enqueue(context, target, incident, shared)
    if not held_back:
        # The same instant is looked at again: another change may carry it. Keys make that harmless.
        newest_ns = max((incident.updated_ns for incident in incidents), default=changed_ns or context.now_ns)
        context.state.note_run(mark, newest_ns + (1 if newest_ns < context.now_ns else 0))


def _enqueue(context: JobContext, target: Target, incident: Incident, shared: Common) -> None:
    topic = f"INC-{incident.id}"
    rows = context.state.outbox_rows(forwarder=target.name, topic=topic)
    alert = alert_of(incident, shared, superseded=_superseded(rows, incident))
    key = f"{topic}/{alert.status.value}/{incident.verdict.value}"
    if not context.state.enqueue(target.name, key, to_json(alert), topic=topic, now_ns=context.now_ns):
        return
    for row in rows:
        # Told at least once, or told better by the new row: only a beginning that nobody heard of yet stays.
        told = row.deliveries > 0 or alert.status is AlertStatus.FIRING
        if row.delivery is Delivery.PENDING and told:
            context.state.mark_superseded(row.id, now_ns=context.now_ns)


def _superseded(rows: list[OutboxRow], incident: Incident) -> tuple[Verdict, ...]:
    """The other verdicts with which the target heard of it."""
    heard = {_alert(row).verdict for row in rows if row.deliveries > 0}
    return tuple(sorted(heard - {incident.verdict}))


def _deliver_due(context: JobContext, target: Target, memory: _Memory) -> None:
    failures, until_ns = memory.away.get(target.name, (0, 0))
    if context.now_ns < until_ns:
        return
    for row in context.state.due(context.now_ns, forwarder=target.name, limit=ROWS_AT_ONCE):
        if not context.leads():
            return
        claim = {"now_ns": context.now_ns, "until_ns": context.now_ns + CLAIM_NS}
        if _waits_for_another(context, row) or not context.state.claim(row.id, **claim):
            continue
        try:
            _deliver(context, target, row, memory.common)
            memory.away.pop(target.name, None)
            failures = 0
        except DeliveryFailed as error:
            if not _failed(context, target, row, error, memory):
                continue
            wait_s = _back_off_s(failures, memory.jitter)
            memory.away[target.name] = (failures + 1, context.now_ns + int(wait_s * SECOND_NS))
            return


def _waits_for_another(context: JobContext, row: OutboxRow) -> bool:
    """Whether an earlier row of the same incident has not been taken yet."""
    waiting = context.state.outbox_rows(forwarder=row.forwarder, topic=row.topic, delivery=Delivery.PENDING)
    return any(other.id < row.id for other in waiting)


def _deliver(context: JobContext, target: Target, row: OutboxRow, shared: Common) -> None:
    alert, again_s = _alert(row), None
    if alert.status is AlertStatus.FIRING:
        incident = context.state.incident(int(row.topic.removeprefix("INC-")))
        if incident is not None and incident.resolved_ns is None:
            alert = alert_of(incident, shared, superseded=alert.superseded)
            again_s = target.forwarder.repeat_s
    target.forwarder.deliver(alert, now_ns=context.now_ns)
    again_ns = None if again_s is None else context.now_ns + int(again_s * SECOND_NS)
    context.state.mark_delivered(row.id, now_ns=context.now_ns, again_ns=again_ns)
    if row.deliveries == 0:
        context.log.info("alert.delivered", target=target.name, key=row.key, attempts=row.attempts + 1)


def _failed(context: JobContext, target: Target, row: OutboxRow, error: DeliveryFailed, memory: _Memory) -> bool:
    """Note the failure; whether it was the target's rather than this alert's."""
    given_up = context.now_ns - row.created_ns > GIVE_UP_NS
    if error.permanent or given_up:
        context.state.mark_dead(row.id, error=str(error), now_ns=context.now_ns)
        context.log.error("alert.dead", target=target.name, key=row.key, error=str(error))
        return not error.permanent
    retry_s = _back_off_s(row.attempts, memory.jitter)
    retry_ns = context.now_ns + int(retry_s * SECOND_NS)
    context.state.mark_failed(row.id, error=str(error), retry_ns=retry_ns, now_ns=context.now_ns)
    if row.attempts == 0:
        context.log.warning("alert.delayed", target=target.name, key=row.key, error=str(error))
    return True


def _back_off_s(failures: int, jitter: random.Random) -> float:
    """Between half of and the whole of 2, 4, 8, ... seconds, at most five minutes."""
    whole = min(BACK_OFF_FIRST_S * 2.0 ** min(failures, 20), BACK_OFF_MAX_S)
    return whole * jitter.uniform(0.5, 1.0)


def _alert(row: OutboxRow) -> Alert:
    payload: Mapping[str, Any] = row.payload
    return from_json(Alert, payload)
