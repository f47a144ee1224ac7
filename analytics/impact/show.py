"""Impact scores as a table."""

from __future__ import annotations

from collections.abc import Sequence

from analytics.impact.scores import ServiceImpact
from analytics.output import Column, Page
from causeway.findings import Message
from causeway.messages import quantity

# What a narrow terminal does without.
_SPARE = ("type", "fan_out", "betweenness", "pagerank", "articulation")
_TEXT_COLUMNS = ("service", "type")
_COLUMNS = (
    *_TEXT_COLUMNS,
    "impact",
    "entry_share",
    "fan_in",
    "fan_out",
    "cut_off",
    "betweenness",
    "pagerank",
    "articulation",
)


def show_impacts(impacts: Sequence[ServiceImpact], page: Page) -> None:
    """One row per node, most important first."""
    page.line(Message("impact.title"), style="bold")
    if not impacts:
        page.line(Message("impact.none"))
        return
    columns = [
        Column(
            Message(f"impact.column_{name}"), number=name not in {*_TEXT_COLUMNS, "articulation"}, spare=name in _SPARE
        )
        for name in _COLUMNS
    ]
    page.table(columns, [_row(impact, page) for impact in impacts])
    page.line(Message("impact.estimated"), style="dim")


def _row(impact: ServiceImpact, page: Page) -> tuple[str, ...]:
    return (
        impact.service,
        page.words(Message(f"graph.type_{impact.type}")),
        f"{impact.impact:.1f}",
        quantity(impact.entry_share, "%"),
        f"{impact.fan_in.direct} ({impact.fan_in.transitive})",
        f"{impact.fan_out.direct} ({impact.fan_out.transitive})",
        quantity(impact.cut_off, "%"),
        quantity(impact.betweenness),
        quantity(impact.pagerank),
        page.words(Message("impact.yes")) if impact.articulation else "",
    )
