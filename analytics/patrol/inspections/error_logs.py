"""Error messages that are new, or that come much more often than before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analytics.callgraph.graph import CallGraph
from analytics.patrol.inspection import Options, inspection
from analytics.patrol.numbers import chart, services, window_sum
from analytics.world import LogSeries, World
from causeway.findings import Finding, Message, Verdict
from causeway.window import MINUTE_NS

# OTLP severity numbers.
_ERROR, _FATAL = 17, 21
# Where a line carries no severity, its words must do.
_WORDS = r"(?i)\b(?:error|exception|fatal|panic|critical)\b"
_TEXT_MAX = 120


@dataclass(frozen=True, slots=True)
class ErrorLogsOptions(Options):
    """Thresholds are lines a minute of new or rising error templates.

    factor: a template rises when it comes so many times as often as before; lines_min: and at least so often.
    """

    factor: float = 3.0
    lines_min: int = 3


@inspection("error_logs", unit="/min", warn_above=0.1, critical_above=10.0, weight=0.7, options=ErrorLogsOptions)
def error_logs(world: World, _graph: CallGraph, options: ErrorLogsOptions) -> Iterator[Finding]:
    """One finding per service: error lines of templates that are new or rising, by the worst template."""
    logs, inside = world.logs, world.timeline.in_window
    before_known = np.isfinite(logs.counts[:, ~inside]).any() if logs.counts.size else False
    now, before = window_sum(logs.counts, inside), window_sum(logs.counts, ~inside)
    share = inside.sum() / max(1, (~inside).sum())
    grown = now > np.maximum(options.factor * before * share, before * share + 4 * np.sqrt(before * share))
    grown &= (now >= options.lines_min) & _errors(logs)
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
    if (world.logs.meta["severity_number"].to_numpy()[rows] >= _FATAL).any():
        verdict = Verdict.CRITICAL
    return error_logs.finding(
        service,
        verdict,
        "rising" if before[worst] else "new",
        {
            "lines": float(now[worst]),
            "template": _short(str(world.logs.meta["template"].iloc[worst])),
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
    )


def _errors(logs: LogSeries) -> np.ndarray:
    """(n,) bool: the template is an error."""
    severity = logs.meta["severity_number"].to_numpy()
    worded = logs.meta["template"].astype(str).str.contains(_WORDS, regex=True).to_numpy(dtype=bool)
    return (severity >= _ERROR) | ((severity == 0) & worded)


def _short(template: str) -> str:
    line = " ".join(template.split())
    return line if len(line) <= _TEXT_MAX else line[: _TEXT_MAX - 1] + "…"
