"""Patrol reports as text for a terminal."""

from __future__ import annotations

from analytics.output import Cell, Column, Page
from causeway.findings import Finding, Message, MessageValue, PatrolReport
from causeway.messages import quantity
from causeway.window import Window, iso


def show_patrol(report: PatrolReport, page: Page) -> None:
    """The score and every finding, worst first."""
    page.line(_titled("patrol_title", report.window), style="bold")
    counts = ", ".join(f"{name} {count}" for name, count in report.counts.items())
    values: dict[str, MessageValue] = {"verdict": report.verdict.value, "counts": counts}
    if report.score is None:
        page.line(Message("graph.patrol_unscored", values))
    else:
        page.line(Message("graph.patrol_score", {**values, "score": report.score}))
    names = ("verdict", "inspection", "entity", "value", "reason")
    columns = [Column(Message(f"graph.column_{name}"), number=name == "value") for name in names]
    page.table(columns, [_finding_row(finding, page) for finding in report.findings])


def _finding_row(finding: Finding, page: Page) -> tuple[Cell, ...]:
    return (
        page.verdict(finding.verdict),
        finding.inspection,
        finding.entity,
        quantity(finding.value, finding.unit),
        page.words(finding.reason),
    )


def _titled(name: str, window: Window) -> Message:
    return Message(f"graph.{name}", {"from": iso(window.start_ns), "to": iso(window.end_ns)})
