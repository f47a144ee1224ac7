"""Impact scores on a terminal: the ranking, one service with everything about it, and what changed."""

from __future__ import annotations

from collections.abc import Sequence

from analytics.impact.diff import ImpactChange
from analytics.impact.history import ImpactHistory
from analytics.impact.model import Method
from analytics.impact.placement import Redundancy
from analytics.impact.scores import ServiceImpact
from analytics.impact.transmission import Transmission
from analytics.output import Column, Page
from causeway.findings import Message
from causeway.messages import MISSING, quantity

# What a narrow terminal does without.
_SPARE = ("type", "fan_out", "betweenness", "pagerank", "articulation", "spread")
_TEXT_COLUMNS = ("service", "type", "spread")
_COLUMNS = (
    "service",
    "type",
    "impact",
    "entry_share",
    "failing",
    "fan_in",
    "fan_out",
    "cut_off",
    "betweenness",
    "pagerank",
    "articulation",
    "spread",
)
_BARS = "▁▂▃▄▅▆▇█"
EDGES_MAX = 20


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
    page.line(_known(impacts), style="dim")


def _row(impact: ServiceImpact, page: Page) -> tuple[str, ...]:
    return (
        impact.service,
        page.words(Message(f"graph.type_{impact.type}")),
        f"{impact.impact:.1f}",
        quantity(impact.entry_share, "%"),
        quantity(impact.failing, "%"),
        f"{impact.fan_in.direct} ({impact.fan_in.transitive})",
        f"{impact.fan_out.direct} ({impact.fan_out.transitive})",
        quantity(impact.cut_off, "%"),
        quantity(impact.betweenness),
        quantity(impact.pagerank),
        page.words(Message("impact.yes")) if impact.articulation else "",
        _spread(impact.redundancy, page),
    )


def _known(impacts: Sequence[ServiceImpact]) -> Message:
    measured = sum(one.method is Method.TRACES for one in impacts)
    if not measured:
        return Message("impact.estimated")
    if measured == len(impacts):
        return Message("impact.measured_all")
    return Message("impact.measured", {"measured": measured, "all": len(impacts)})


def _spread(known: Redundancy, page: Page) -> str:
    counts = (("instances", known.instances), ("hosts", known.hosts), ("zones", known.zones))
    words = [page.words(Message(f"impact.spread_{name}", {"count": count})) for name, count in counts if count]
    return ", ".join(words) or MISSING


def show_impact(one: ServiceImpact, edges: Sequence[Transmission], history: ImpactHistory, page: Page) -> None:
    """One node: its sentence, the parts of the score, the journeys that touch it, its callers, its last days."""
    page.line(one.summary, style="bold")
    columns = [
        Column(Message(f"impact.column_{name}"), number=name != "part")
        for name in ("part", "value", "weight", "points")
    ]
    page.table(
        columns,
        [
            (
                page.words(Message(f"impact.part_{part.name}")),
                quantity(part.value, "%"),
                quantity(part.weight, "%"),
                f"{part.contribution:.1f}",
            )
            for part in one.parts
        ],
    )
    page.line(Message("impact.spread", {"spread": _spread(one.redundancy, page)}))
    if one.journeys:
        page.heading(Message("impact.journeys"))
        named = ("journey", "share", "touched", "failing")
        page.table(
            [Column(Message(f"impact.column_{name}"), number=name != "journey") for name in named],
            [
                (f"{each.service} › {each.operation}", *(quantity(getattr(each, name), "%") for name in named[1:]))
                for each in one.journeys
            ],
        )
    _show_edges(edges, page)
    _show_history(one.service, history, page)


def _show_edges(edges: Sequence[Transmission], page: Page) -> None:
    if not edges:
        return
    page.heading(Message("impact.transmission"))
    named = ("caller", "kind", "touched", "transmitted", "bounds", "lost", "delay")
    shown = sorted(edges, key=lambda each: (-each.touched * each.errors, each.caller, each.kind))
    page.table(
        [Column(Message(f"impact.column_{name}"), number=name not in {"caller", "kind"}) for name in named],
        [
            (
                each.caller,
                page.words(Message(f"graph.kind_{each.kind}")),
                quantity(each.touched, "%"),
                quantity(each.errors, "%") + ("" if each.measured else " ?"),
                f"{quantity(each.errors_low, '%')} – {quantity(each.errors_high, '%')}" if each.measured else MISSING,
                f"{each.lost_failed} / {each.lost}",
                quantity(each.delay, "%"),
            )
            for each in shown[:EDGES_MAX]
        ],
    )
    page.line(Message("impact.transmission_note"), style="dim")


def _show_history(service: str, history: ImpactHistory, page: Page) -> None:
    page.heading(Message("impact.history"))
    series = history.of(service)
    known = [value for value in series if value is not None]
    if not known:
        page.line(Message("impact.no_history"))
        return
    page.line("".join(" " if value is None else _BARS[min(7, int(value / 12.5))] for value in series))
    values = {"hours": len(known), "low": min(known), "high": max(known), "last": known[-1]}
    page.line(Message("impact.history_range", values), style="dim")


def show_changes(changes: Sequence[ImpactChange], page: Page) -> None:
    """Whose score rose or fell, the largest change first; what stayed the same is counted."""
    page.line(Message("impact.changes"), style="bold")
    moved = [one for one in changes if one.status != "same"]
    if not changes:
        page.line(Message("impact.none"))
        return
    if moved:
        named = ("service", "status", "before", "after", "change", "because")
        texts = ("service", "status", "because")
        page.table(
            [Column(Message(f"impact.column_{name}"), number=name not in texts) for name in named],
            [_changed(one, page) for one in moved],
        )
    page.line(Message("impact.unchanged", {"count": len(changes) - len(moved)}), style="dim")


def _changed(one: ImpactChange, page: Page) -> tuple[str, ...]:
    most = sorted(one.parts.items(), key=lambda item: (-abs(item[1]), item[0]))[:2]
    because = [f"{page.words(Message(f'impact.part_{name}'))} {_signed(points)}" for name, points in most if points]
    return (
        one.service,
        page.words(Message(f"impact.status_{one.status}")),
        MISSING if one.before is None else f"{one.before:.1f}",
        MISSING if one.after is None else f"{one.after:.1f}",
        _signed(one.change),
        ", ".join(because),
    )


def _signed(points: float) -> str:
    return f"{points:+.1f}".replace("-", "−")
