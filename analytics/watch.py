"""The job that watches: it opens an incident when users suffer, keeps its diagnosis up to date, and
resolves it.

Every quarter of a minute a cheap look at the entry operations (`watch_check`); a diagnosis only when two
looks in a
row are suspicious, or every few minutes for what users do not notice yet. While an incident lasts, its
baseline stays
the one before it began, and its first onset stays; it is resolved when two minutes were as usual.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analytics.callgraph.graph import call_graph
from analytics.impact.scores import impact_scores
from analytics.rootcause.diagnose import diagnose
from analytics.watch_check import CLOSING, Look, Usual, look, usual
from analytics.world_build import build_world
from causeway.config import parse
from causeway.findings import Diagnosis, DiagnosisVerdict, Incident, Symptom, Verdict
from causeway.jobs import LAG_NS, JobContext
from causeway.window import MINUTE_NS, SECOND_NS, Window

# How often a lasting incident is diagnosed again: (time since it was noticed, seconds between). Afterwards not any
# more.
_AGAIN = ((2 * MINUTE_NS, 15.0), (10 * MINUTE_NS, 60.0), (30 * MINUTE_NS, 300.0))
_USUAL_FOR_NS = 5 * MINUTE_NS
_DISABLED_S = 60.0
# What diagnoses without a suspicion may cost.
_SHARE_OF_CORE = 0.02


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """The table `[watch]`. Times in seconds.

    every_s: between looks; window_s: diagnosed before now; baseline_s: what is usual; recent_s: of a look;
    confirmations: suspicious looks before a diagnosis; full_every_s: a diagnosis without suspicion (0: never), less
    often where that would take 2 % of a core; quiet_s: as usual for so long resolves; max_age_s: an incident that
    lasts longer has become usual.
    """

    enabled: bool = True
    every_s: float = 15.0
    window_s: float = 600.0
    baseline_s: float = 3600.0
    recent_s: float = 90.0
    confirmations: int = 2
    full_every_s: float = 60.0
    quiet_s: float = 120.0
    max_age_s: float = 6 * 3600.0
    critical_error_ratio: float = 0.05
    critical_latency_factor: float = 3.0

    def __post_init__(self) -> None:
        if min(self.every_s, self.window_s, self.baseline_s, self.recent_s, self.quiet_s) <= 0:
            raise ValueError("times must be positive")


@dataclass(slots=True)
class _Memory:
    """What the watch knows between looks; losing it costs a little time only."""

    usual: Usual | None = None
    usual_ns: int = 0
    suspicious: int = 0
    suspected_ns: int | None = None
    noticed_ns: int | None = None
    diagnosed_ns: int = 0
    unseen: str | None = None
    cost_s: float = 0.0


def check(config: Mapping[str, Any]) -> None:
    """Raises ConfigError for a wrong table `[watch]`."""
    parse(WatchOptions, config.get("watch", {}), where="watch")


def job(context: JobContext) -> float:
    """One look; the seconds until the next."""
    options = parse(WatchOptions, context.table("watch"), where="watch")
    if not options.enabled:
        return _DISABLED_S
    memory: _Memory = context.memory.setdefault("watch", _Memory())
    lasting = context.state.incidents(open_only=True, limit=1)
    if lasting:
        _follow(context, options, memory, lasting[0])
    else:
        _look_out(context, options, memory)
    return options.every_s


def _look_out(context: JobContext, options: WatchOptions, memory: _Memory) -> None:
    """Nothing is wrong so far: look, and diagnose what looks suspicious."""
    end_ns = context.now_ns - LAG_NS
    window = Window(end_ns - _ns(options.window_s), end_ns)
    before = _usual(context, memory, window.before(_ns(options.baseline_s)), refresh_ns=_USUAL_FOR_NS)
    if not before.known:
        return
    found = look(context.reader, Window(end_ns - _ns(options.recent_s), end_ns), before)
    memory.suspicious = memory.suspicious + 1 if found.suspects else 0
    if memory.suspicious <= 1:
        memory.suspected_ns = context.now_ns if found.suspects else None
    if memory.suspicious >= options.confirmations:
        _suspected(context, options, memory, window, found)
    elif options.full_every_s and context.now_ns - memory.diagnosed_ns >= _ns(_pause_s(options, memory)):
        _unseen(context, options, memory, window)


def _suspected(context: JobContext, options: WatchOptions, memory: _Memory, window: Window, found: Look) -> None:
    # What was diagnosed as nothing a minute ago is not worth the work again at once.
    if memory.suspicious > options.confirmations and context.now_ns - memory.diagnosed_ns < MINUTE_NS:
        return
    memory.diagnosed_ns = context.now_ns
    diagnosis, impacts = _diagnose(context, window, window.before(_ns(options.baseline_s)))
    if diagnosis.verdict is not DiagnosisVerdict.NO_ANOMALY and diagnosis.symptoms:
        _open(context, options, memory, diagnosis, impacts)
    else:
        context.log.info("watch.suspicion_not_confirmed", services=list(found.suspects))


def _unseen(context: JobContext, options: WatchOptions, memory: _Memory, window: Window) -> None:
    """Something may be wrong that users do not notice yet.

    It must be found twice in a row at the same place.
    """
    memory.diagnosed_ns, started_s = context.now_ns, time.process_time()
    diagnosis, impacts = _diagnose(context, window, window.before(_ns(options.baseline_s)))
    memory.cost_s = time.process_time() - started_s
    cause = _cause(diagnosis)
    if cause is None or diagnosis.symptoms:
        memory.unseen = None
    elif memory.unseen == cause:
        _open(context, options, memory, diagnosis, impacts)
    else:
        memory.unseen = cause


def _pause_s(options: WatchOptions, memory: _Memory) -> float:
    """Between diagnoses without a suspicion.

    Longer where they are dear, so that they never cost a core's few percent.
    """
    return max(options.full_every_s, memory.cost_s / _SHARE_OF_CORE)


def _open(
    context: JobContext,
    options: WatchOptions,
    memory: _Memory,
    diagnosis: Diagnosis,
    impacts: dict[str, float],
) -> None:
    if not context.leads():
        return
    entity = _entity(diagnosis)
    onset_ns = _onset_ns(diagnosis) or (memory.suspected_ns or context.now_ns) - _ns(options.recent_s)
    incident = context.state.open_incident(
        entity=entity,
        verdict=_verdict(diagnosis, options),
        summary=diagnosis.summary,
        diagnosis=diagnosis,
        opened_ns=min(onset_ns, context.now_ns),
        now_ns=context.now_ns,
        impact=_impact(diagnosis, impacts),
    )
    memory.suspicious, memory.suspected_ns, memory.unseen, memory.usual = 0, None, None, None
    memory.noticed_ns = context.now_ns
    context.log.warning("incident.opened", incident=incident.id, entity=entity, cause=_cause(diagnosis))


def _follow(context: JobContext, options: WatchOptions, memory: _Memory, incident: Incident) -> None:
    """An incident lasts: has it ended, and is more known about it?"""
    end_ns = context.now_ns - LAG_NS
    age_ns = context.now_ns - incident.opened_ns
    noticed_ns = memory.noticed_ns or incident.opened_ns
    if age_ns > _ns(options.max_age_s) or _over(context, options, memory, incident, end_ns):
        context.state.resolve_incident(incident.id, now_ns=context.now_ns)
        memory.usual, memory.suspicious, memory.suspected_ns, memory.noticed_ns = None, 0, None, None
        memory.diagnosed_ns = context.now_ns
        context.log.info("incident.resolved", incident=incident.id, lasted_s=age_ns / SECOND_NS)
        return
    again_s = next((seconds for until_ns, seconds in _AGAIN if context.now_ns - noticed_ns <= until_ns), None)
    if again_s is not None and context.now_ns - memory.diagnosed_ns >= _ns(again_s):
        memory.diagnosed_ns = context.now_ns
        _improve(context, options, incident, end_ns)


def _over(context: JobContext, options: WatchOptions, memory: _Memory, incident: Incident, end_ns: int) -> bool:
    """Whether all was as usual for `quiet_s`. Without any request that cannot be told, and it lasts."""
    quiet_ns = _ns(options.quiet_s)
    if context.now_ns - (memory.noticed_ns or incident.opened_ns) < quiet_ns + MINUTE_NS:
        return False
    if not incident.diagnosis.symptoms:
        return _unseen_is_over(context, options, memory, incident, end_ns)
    before = _usual(context, memory, incident.diagnosis.baseline, refresh_ns=None)
    found = look(context.reader, Window(end_ns - quiet_ns, end_ns), before, CLOSING)
    return found.calls > 0 and not found.suspects


def _unseen_is_over(
    context: JobContext, options: WatchOptions, memory: _Memory, incident: Incident, end_ns: int
) -> bool:
    if context.now_ns - memory.diagnosed_ns < MINUTE_NS:
        return False
    memory.diagnosed_ns = context.now_ns
    window = Window(end_ns - _ns(options.quiet_s), end_ns)
    diagnosis, _ = _diagnose(context, window, incident.diagnosis.baseline)
    seen = any(context.reader.services(window))
    return seen and diagnosis.verdict is DiagnosisVerdict.NO_ANOMALY


def _improve(context: JobContext, options: WatchOptions, incident: Incident, end_ns: int) -> None:
    """Diagnose again with what came since, from the same start; a better answer replaces the one before.

    The first onset stays unless another cause is found: then what was seen first was something else.
    """
    first = incident.diagnosis
    window = Window(first.window.start_ns, max(end_ns, first.window.end_ns))
    diagnosis, impacts = _diagnose(context, window, first.baseline)
    if not _is_better(diagnosis, first):
        return
    if _cause(diagnosis) == _cause(first) and _onset_ns(first) is not None:
        diagnosis = dataclasses.replace(diagnosis, onset_ns=first.onset_ns)
    verdict = max(incident.verdict, _verdict(diagnosis, options), key=lambda verdict: verdict.rank)
    context.state.update_incident(
        incident.id,
        now_ns=context.now_ns,
        verdict=verdict,
        summary=diagnosis.summary,
        impact=_impact(diagnosis, impacts),
        diagnosis=diagnosis,
    )
    if _cause(diagnosis) != _cause(first):
        context.log.info("incident.cause", incident=incident.id, cause=_cause(diagnosis), was=_cause(first))


def _is_better(new: Diagnosis, old: Diagnosis) -> bool:
    """More data is better, unless it lost the cause or what users notice."""
    order = (DiagnosisVerdict.NO_ANOMALY, DiagnosisVerdict.NO_CLEAR_CAUSE, DiagnosisVerdict.CAUSE_FOUND)
    return order.index(new.verdict) >= order.index(old.verdict) and bool(new.symptoms) >= bool(old.symptoms)


def _diagnose(context: JobContext, window: Window, baseline: Window) -> tuple[Diagnosis, dict[str, float]]:
    """The diagnosis, and each service's impact."""
    world = build_world(context.reader, window, baseline)
    impacts = impact_scores(world, call_graph(world))
    return diagnose(world), {impact.service: float(impact.impact) for impact in impacts}


def _usual(context: JobContext, memory: _Memory, window: Window, *, refresh_ns: int | None) -> Usual:
    """What is usual over that window; calculated again when it is too old.

    Or of another window where none is.
    """
    kept = memory.usual
    same = kept is not None and kept.window == window
    fresh = kept is not None and refresh_ns is not None and context.now_ns - memory.usual_ns < refresh_ns
    if kept is None or not (same or (fresh and kept.known)):
        memory.usual, memory.usual_ns = usual(context.reader, window), context.now_ns
        return memory.usual
    return kept


def _cause(diagnosis: Diagnosis) -> str | None:
    found = diagnosis.verdict is DiagnosisVerdict.CAUSE_FOUND and diagnosis.hypotheses
    return diagnosis.hypotheses[0].entity if found else None


def _entity(diagnosis: Diagnosis) -> str:
    """Where users suffer; without symptoms, the cause itself."""
    return diagnosis.symptoms[0].entity if diagnosis.symptoms else (_cause(diagnosis) or "")


def _onset_ns(diagnosis: Diagnosis) -> int | None:
    """Since when; None at the edge of its window, where a diagnosis puts what it cannot date."""
    if diagnosis.onset_ns is None or diagnosis.onset_ns < diagnosis.window.start_ns + MINUTE_NS // 2:
        return None
    return diagnosis.onset_ns


def _impact(diagnosis: Diagnosis, impacts: dict[str, float]) -> float | None:
    """How much what is broken matters.

    The cause's score, or, without a clear cause, the suffering entry's.
    """
    cause = _cause(diagnosis)
    return impacts.get(cause if cause is not None else _entity(diagnosis))


def _verdict(diagnosis: Diagnosis, options: WatchOptions) -> Verdict:
    critical = any(_is_critical(symptom, options) for symptom in diagnosis.symptoms)
    return Verdict.CRITICAL if critical else Verdict.WARNING


def _is_critical(symptom: Symptom, options: WatchOptions) -> bool:
    if symptom.indicator == "error_ratio":
        return symptom.value >= options.critical_error_ratio
    return symptom.value >= options.critical_latency_factor * max(symptom.usual, 1e-6)


def _ns(seconds: float) -> int:
    return int(seconds * SECOND_NS)
