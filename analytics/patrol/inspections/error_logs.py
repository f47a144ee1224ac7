"""Error messages that are new, or that come much more often than before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analytics.callgraph.graph import CallGraph
from analytics.patrol.inspection import Options, inspection
from analytics.patrol.log_evidence import EVIDENCE_MAX, short, template_evidence, template_link
from analytics.patrol.numbers import chart, services, window_sum
from analytics.world import LogSeries, World
from causeway.findings import Finding, Message, Verdict
from causeway.window import MINUTE_NS

# OTLP severity numbers.
_ERROR, _FATAL = 17, 21
FACTOR, LINES_MIN = 3.0, 3
# Where a line carries no severity, its words must do.
_WORDS = r"(?i)\b(?:error|exception|fatal|panic|critical)\b"


@dataclass(frozen=True, slots=True)
class ErrorLogsOptions(Options):
    """Thresholds are lines a minute of new or rising error templates.

    factor: a template rises when it comes so many times as often as before; lines_min: and at least so often.
    """

    factor: float = FACTOR
    lines_min: int = LINES_MIN


@inspection("error_logs", unit="/min", warn_above=0.1, critical_above=10.0, weight=0.7, options=ErrorLogsOptions)
def error_logs(world: World, _graph: CallGraph, options: ErrorLogsOptions) -> Iterator[Finding]:
    """One finding per service: error lines of templates that are new or rising, by the worst template."""
    logs, inside = world.logs, world.timeline.in_window
    before_known = np.isfinite(logs.counts[:, ~inside]).any() if logs.counts.size else False
    now, before = window_sum(logs.counts, inside), window_sum(logs.counts, ~inside)
    grown = rising_errors(world, factor=options.factor, lines_min=options.lines_min)
    minutes = inside.sum() * world.timeline.step_ns / MINUTE_NS
    owner = logs.meta["service"].to_numpy(dtype=object)
    for service in services(world):
        own = owner == service
        if not own.any():
            yield error_logs.unknown(service, "no_logs")
            continue
        if not before_known:
            yield error_logs.unknown(service, "no_history")
            continue
        rows = np.flatnonzero(own & grown)
        yield _judged(world, service, rows, now, before, minutes, options)


def rising_errors(world: World, *, factor: float = FACTOR, lines_min: int = LINES_MIN) -> np.ndarray:
    """(n,) bool, by row of the World's LogSeries: an error template that is new or rising."""
    logs, inside = world.logs, world.timeline.in_window
    now, usual = window_sum(logs.counts, inside), _usual(world)
    grown = now > np.maximum(factor * usual, usual + 4 * np.sqrt(usual))
    return np.asarray(grown & (now >= lines_min) & _errors(logs))


def _usual(world: World) -> np.ndarray:
    """(n,) lines expected in the window from the baseline's."""
    inside = world.timeline.in_window
    return window_sum(world.logs.counts, ~inside) * (inside.sum() / max(1, (~inside).sum()))


def _judged(
    world: World,
    service: str,
    rows: np.ndarray,
    now: np.ndarray,
    before: np.ndarray,
    minutes: float,
    options: ErrorLogsOptions,
) -> Finding:
    per_minute = float(now[rows].sum()) / minutes
    verdict = options.verdict(per_minute)
    if not len(rows) or verdict is Verdict.OK:
        return error_logs.finding(service, Verdict.OK, "fine", value=per_minute, threshold=options.warn_above)
    worst = int(rows[np.argmax(now[rows])])
    usual = _usual(world)
    most = rows[np.argsort(-now[rows], kind="stable")][:EVIDENCE_MAX].tolist()
    if (world.logs.meta["severity_number"].to_numpy()[rows] >= _FATAL).any():
        verdict = Verdict.CRITICAL
    return error_logs.finding(
        service,
        verdict,
        "rising" if before[worst] else "new",
        {
            "lines": float(now[worst]),
            "template": short(str(world.logs.meta["template"].iloc[worst])),
            "templates": len(rows),
            "rate": per_minute,
        },
        value=per_minute,
        threshold=options.threshold(verdict),
        chart=chart(
            Message("patrol.error_logs_title"),
            "/min",
            world.timeline,
            world.logs.counts[rows].sum(axis=0) * (MINUTE_NS / world.timeline.step_ns),
        ),
        link=template_link(service, int(world.logs.meta["template_id"].iloc[worst])),
        evidence=tuple(template_evidence(world, row, usual=float(usual[row])) for row in most),
    )


def _errors(logs: LogSeries) -> np.ndarray:
    """(n,) bool: the template is an error."""
    severity = logs.meta["severity_number"].to_numpy()
    worded = logs.meta["template"].astype(str).str.contains(_WORDS, regex=True).to_numpy(dtype=bool)
    return (severity >= _ERROR) | ((severity == 0) & worded)
