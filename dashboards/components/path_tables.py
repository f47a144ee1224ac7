"""The tables of the critical path page."""

from __future__ import annotations

from collections.abc import Sequence

from dash import html
from dash.development.base_component import Component

from analytics.traces.comparing import Comparison, Difference
from analytics.traces.paths import Entry, OperationPath
from analytics.traces.signatures import TraceGroup
from causeway.findings import Finding
from causeway.messages import MISSING, catalogue, quantity
from causeway.wire import sentence
from dashboards.components.states import nothing
from dashboards.components.tables import Column, Row, grid, number
from dashboards.view import View

OPERATIONS_MAX = 40
DIFFERENCES_MAX = 15
GROUPS_MAX = 20
NAMES_MAX = 3


def waits_table(view: View, operations: Sequence[OperationPath]) -> Component:
    """What a request waits for, operation by operation, as bars with their intervals."""
    shown = operations[:OPERATIONS_MAX]
    full = max((one.share_high or one.share for one in shown), default=1.0) or 1.0
    colours = view.theme.services(one.service for one in shown)
    columns = (
        Column("name", view.say("column_service"), "name", flex=3),
        Column("operation", view.say("column_operation"), "text", flex=3),
        Column("part", view.say("journeys.column_part"), "interval", flex=4),
        Column("self", view.say("journeys.column_self"), "number", width=104),
        Column("saves", view.say("journeys.column_saves"), "number", flex=2),
        Column("touched", view.say("journeys.column_touched"), "number", width=112),
        Column("calls", view.say("journeys.column_calls"), "number", width=128),
    )
    rows = [_waited(view, one, full, colours[one.service]) for one in shown]
    table = grid("path-waits", view, columns, rows, label=view.say("journeys.waits"))
    rest = operations[OPERATIONS_MAX:]
    if not rest:
        return table
    words = view.say("journeys.rest", count=len(rest), share=sum(one.share for one in rest))
    return html.Div([table, html.Div(words, className="legend")])


def _waited(view: View, one: OperationPath, full: float, colour: str) -> Row:
    row = {
        "key": f"{one.service} {one.operation}",
        "name": one.service,
        "dot": colour,
        "href": view.href("/traces", service=one.service, operation=one.operation, order="slowest"),
        "operation": one.operation,
        "part": one.share / full,
        "part_text": quantity(one.share, "%"),
        "part_title": view.say("journeys.interval_unknown"),
        **number("self", one.self_ms, "ms"),
        **number("saves", one.saves_ms, "ms", usual=quantity(one.saves_ratio, "%")),
        **number("touched", one.touched, "%"),
        **number("calls", one.calls, ""),
    }
    if one.share_low is not None and one.share_high is not None:
        row["part_low"], row["part_high"] = one.share_low / full, one.share_high / full
        row["part_title"] = view.say("journeys.interval", low=one.share_low, high=one.share_high)
    return row


def differences_table(view: View, compared: Comparison) -> Component:
    """What each operation adds to the difference of two groups of requests."""
    shown = compared.differences[:DIFFERENCES_MAX]
    full = max((abs(one.more_ms) for one in shown), default=1.0) or 1.0
    colours = view.theme.services(one.service for one in shown)
    columns = (
        Column("name", view.say("column_service"), "name", flex=3),
        Column("operation", view.say("column_operation"), "text", flex=3),
        Column("more", view.say("journeys.column_more"), "change", flex=4),
        Column("self", view.say("journeys.column_self_two"), "text", width=158),
        Column("seen", view.say("journeys.column_seen_two"), "text", width=132),
        Column("calls", view.say("journeys.column_calls_two"), "text", width=128),
        Column("failed", view.say("journeys.column_failed_two"), "text", width=116),
        Column("chance", view.say("journeys.column_chance"), "number", width=100),
    )
    rows = [_differing(view, one, full, colours[one.service]) for one in shown]
    return grid("path-differences", view, columns, rows, label=view.say("journeys.differs"))


def _differing(view: View, one: Difference, full: float, colour: str) -> Row:
    return {
        "key": f"{one.service} {one.operation}",
        "name": one.service,
        "dot": colour,
        "href": view.href("/traces", service=one.service, operation=one.operation, order="slowest"),
        "operation": one.operation,
        "more": one.more_ms / full,
        "more_text": ("+" if one.more_ms > 0 else "") + quantity(one.more_ms, "ms"),
        "self": _two(one.self_ms, "ms"),
        "seen": _two(one.seen, "%"),
        "calls": _two(one.calls, ""),
        "failed": _two(one.failed, "%"),
        "chance": one.p,
        "chance_text": MISSING if one.p is None else _probability(one.p),
    }


def _probability(p: float) -> str:
    return "< 0.001" if p < 0.001 else quantity(p)


def _two(values: tuple[float, float], unit: str) -> str:
    before, after = (quantity(value, unit) for value in values)
    return before if before == after else f"{before} → {after}"


def groups_table(view: View, groups: Sequence[TraceGroup]) -> Component:
    """Requests by the shape of their tree, the commonest first."""
    rows: list[Row] = [
        {
            "key": one.signature,
            "name": view.say("journeys.shape_other", number=place + 1) if place else view.say("journeys.shape_usual"),
            "href": view.href(f"/trace/{one.example}"),
            "share": one.share,
            "share_text": quantity(one.share, "%"),
            **number("requests", float(one.requests), ""),
            **number("mean", one.mean_ms, "ms"),
            **number("p95", one.p95_ms, "ms"),
            **number("failed", one.failed_ratio, "%", off="CRITICAL" if one.failed_ratio > 0 else None),
            **number("spans", one.spans, ""),
            "against": (_against(one) or view.say("journeys.shape_same")) if place else "",
        }
        for place, one in enumerate(groups[:GROUPS_MAX])
    ]
    columns = (
        Column("name", view.say("journeys.column_shape"), "name", width=170),
        Column("share", view.say("journeys.column_request_share"), "bar", flex=2),
        Column("requests", view.say("journeys.column_requests"), "number", width=104),
        Column("mean", view.say("journeys.column_mean"), "number", width=104),
        Column("p95", view.say("journeys.column_p95"), "number", width=116),
        Column("failed", view.say("column_failed"), "number", width=96),
        Column("spans", view.say("column_spans"), "number", width=96),
        Column("against", view.say("journeys.column_against"), "text", flex=5),
    )
    return grid("path-groups", view, columns, rows, label=view.say("journeys.shapes"))


def _against(group: TraceGroup) -> str:
    texts = []
    for sign, names in (("+", group.extra), ("−", group.lacking)):
        if names:
            more = f" … {len(names)}" if len(names) > NAMES_MAX else ""
            texts.append(f"{sign} " + ", ".join(names[:NAMES_MAX]) + more)
    return "; ".join(texts)


def patterns_table(view: View, findings: Sequence[Finding]) -> Component:
    """Costly habits, the worst first; a sentence where none shows."""
    if not findings:
        return nothing(view.say("journeys.patterns_none"))
    rows: list[Row] = [
        {
            "key": f"{one.inspection} {one.entity} {place}",
            "name": _pattern_title(view, one.inspection),
            "href": view.href(one.link) if one.link else "",
            "verdict": one.verdict.value,
            "verdict_word": view.say(f"verdict_{one.verdict.value.lower()}"),
            "where": one.entity,
            "reason": sentence(one.reason, view.language),
            "remedy": sentence(one.remedy, view.language) if one.remedy is not None else "",
        }
        for place, one in enumerate(findings)
    ]
    columns = (
        Column("name", view.say("journeys.column_pattern"), "name", flex=3),
        Column("where", view.say("journeys.column_where"), "text", flex=2),
        Column("reason", view.say("column_reason"), "prose", flex=6),
        Column("remedy", view.say("column_remedy"), "prose", flex=5),
    )
    return grid("path-patterns", view, columns, rows, label=view.say("journeys.patterns"))


def _pattern_title(view: View, name: str) -> str:
    key = f"traces.{name}_title"
    return view.say(key) if key in catalogue(view.language) else name


def entries_table(view: View, entries: Sequence[Entry]) -> Component:
    """Where requests come in; a click chooses one."""
    rows: list[Row] = [
        {
            "key": f"{one.service} {one.operation}",
            "name": one.service,
            "href": view.href("/paths", entry=f"{one.service} {one.operation}"),
            "operation": one.operation,
            "time": one.time_share,
            "time_text": quantity(one.time_share, "%"),
            "requests": one.share,
            "requests_text": quantity(one.share, "%"),
            **number("mean", one.mean_ms, "ms"),
            **number("p95", one.p95_ms, "ms"),
        }
        for one in entries
    ]
    columns = (
        Column("name", view.say("column_service"), "name", flex=2),
        Column("operation", view.say("column_operation"), "text", flex=3),
        Column("time", view.say("journeys.column_time_share"), "bar", flex=2),
        Column("requests", view.say("journeys.column_request_share"), "bar", flex=2),
        Column("mean", view.say("journeys.column_mean"), "number", flex=1),
        Column("p95", view.say("journeys.column_p95"), "number", flex=1),
    )
    return grid("path-entries", view, columns, rows, label=view.say("journeys.entries"))
