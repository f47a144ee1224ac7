"""Log messages that are new, gone or rare, or change how often they come; `error_logs` has the new errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from analytics.callgraph.graph import CallGraph
from analytics.logtemplates.changes import (
    CRITICAL_ABOVE,
    ERROR,
    WARN_ABOVE,
    Change,
    ChangeOptions,
    Kind,
    changes,
    without_history,
)
from analytics.patrol.inspection import Options, inspection
from analytics.patrol.inspections.error_logs import rising_errors
from analytics.patrol.log_evidence import EVIDENCE_MAX, short, template_evidence, template_link
from analytics.patrol.numbers import chart
from analytics.world import World
from causeway.findings import Evidence, Finding, Message
from causeway.window import MINUTE_NS


@dataclass(frozen=True, slots=True)
class LogTemplatesOptions(Options):
    """Thresholds are scores of `logtemplates.changes`; the other options are those of `ChangeOptions`."""

    alpha: float = 0.01
    factor: float = 2.0
    rare_lines: int = 3
    history_min: float = 0.5


@inspection(
    "log_templates",
    unit="",
    warn_above=WARN_ABOVE,
    critical_above=CRITICAL_ABOVE,
    weight=0.3,
    options=LogTemplatesOptions,
)
def log_templates(world: World, _graph: CallGraph, options: LogTemplatesOptions) -> Iterator[Finding]:
    """One finding per service that logs, by the change with the highest score.

    A service without log lines has none here: `error_logs` says so.
    """
    logs, timeline = world.logs, world.timeline
    asked = ChangeOptions(options.alpha, options.factor, options.rare_lines, options.history_min)
    capped = "logs_capped" in world.seen
    unknown = set(without_history(logs, timeline, options=asked))
    others = rising_errors(world)
    found: dict[str, list[Change]] = {}
    for change in changes(logs, timeline, options=asked):
        if not _left_to_error_logs(change, others):
            found.setdefault(change.service, []).append(change)
    owners = logs.meta["service"].to_numpy(dtype=object)
    for service in sorted({str(name) for name in owners[(logs.counts > 0).any(axis=1)]}):
        if service in unknown:
            yield log_templates.unknown(service, "cut" if capped else "no_history")
        elif service in found:
            yield _judged(world, service, found[service], options, capped=capped)
        else:
            yield log_templates.finding(service, options.verdict(0.0), "fine", value=0.0, threshold=options.warn_above)


def _left_to_error_logs(change: Change, others: np.ndarray) -> bool:
    rising = change.kind in (Kind.NEW, Kind.MORE) and change.severity_number >= ERROR
    return rising or bool(others[change.row])


def _judged(
    world: World, service: str, found: Sequence[Change], options: LogTemplatesOptions, *, capped: bool
) -> Finding:
    worst = found[0]
    verdict = options.verdict(worst.score)
    return log_templates.finding(
        service,
        verdict,
        worst.kind.value,
        {
            "template": short(worst.template),
            "lines": worst.lines,
            "usual": worst.usual,
            "changed": len(found),
        },
        value=worst.score,
        threshold=options.threshold(verdict),
        chart=chart(
            Message("patrol.log_templates_title"),
            "/min",
            world.timeline,
            world.logs.counts[worst.row] * (MINUTE_NS / world.timeline.step_ns),
        ),
        link=template_link(service, worst.template_id),
        evidence=tuple(_evidence(world, service, found, capped=capped)),
    )


def _evidence(world: World, service: str, found: Sequence[Change], *, capped: bool) -> Iterator[Evidence]:
    for change in found[:EVIDENCE_MAX]:
        p = None if change.kind is Kind.RARE else change.p
        yield template_evidence(world, change.row, usual=change.usual, p=p)
    if capped:
        yield Evidence("logs", service, Message("patrol.log_templates_capped"))
