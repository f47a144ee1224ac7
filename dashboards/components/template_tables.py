"""Log templates in tables: those that changed, all of them, and the traces of one."""

from __future__ import annotations

from collections.abc import Sequence

from dash.development.base_component import Component

from analytics.logtemplates.changes import Change, Kind
from analytics.logtemplates.lines import TemplateTrace
from analytics.logtemplates.survey import Row as Counted
from causeway.findings import Verdict
from causeway.messages import quantity
from causeway.records import SEVERITIES
from dashboards.components.tables import HEAD_PX, ROW_PX, Column, Row, grid, number
from dashboards.view import View

CHANGED_MAX = 100
KINDS_MAX = 500
TRACES_SHOWN = 8


def changed_table(view: View, counted: Sequence[Counted]) -> Component:
    """Templates that changed, in the order given; a click opens lines and traces of one."""
    columns = (
        Column("change", view.say("logpages.column_change"), "text", width=92),
        Column("name", view.say("column_template"), "name", flex=1),
        Column("service", view.say("column_service"), "text", width=140),
        Column("severity", view.say("column_severity"), "text", width=92),
        Column("lines", view.say("logpages.column_lines"), "number", width=160),
        Column("seen", view.say("logpages.column_seen"), "text", width=130),
    )
    rows = [_row(view, one) for one in counted[:CHANGED_MAX]]
    return grid("templates-changed", view, columns, rows, label=view.say("logpages.changed_title"))


def kinds_table(view: View, counted: Sequence[Counted]) -> Component:
    """All templates, in the order given."""
    most = max((one.lines for one in counted), default=0)
    columns = (
        Column("name", view.say("column_template"), "name", flex=1),
        Column("service", view.say("column_service"), "text", width=140),
        Column("severity", view.say("column_severity"), "text", width=92),
        Column("share", view.say("logpages.column_lines"), "bar", width=160),
        Column("change", view.say("logpages.column_change"), "text", width=116),
    )
    rows = [
        {
            **_row(view, one),
            "share": one.lines / most if most else 0.0,
            "share_text": quantity(one.lines),
            "share_title": f"{one.lines:,}",
        }
        for one in counted[:KINDS_MAX]
    ]
    return grid("templates-all", view, columns, rows, label=view.say("logpages.kinds_title"))


def template_traces_table(view: View, traces: Sequence[TemplateTrace]) -> Component:
    """Traces that lines of a template name; a click opens the waterfall."""
    columns = (
        Column("name", view.say("column_trace"), "name", flex=1),
        Column("lines", view.say("logpages.column_lines"), "number", width=90),
        Column("when", view.say("logpages.column_last"), "text", width=116),
    )
    rows: list[Row] = [
        {
            "key": one.trace_id.hex(),
            "name": one.trace_id.hex(),
            "href": view.href(f"/trace/{one.trace_id.hex()}"),
            "when": view.clock(one.time_ns, seconds=True),
            **number("lines", one.lines, ""),
        }
        for one in traces
    ]
    height = HEAD_PX + min(len(rows), TRACES_SHOWN) * ROW_PX + 4
    return grid("template-traces", view, columns, rows, label=view.say("logpages.traces_title"), height=height)


def severity_name(severity_number: int) -> str:
    """The word for an OTLP severity number, none for 0."""
    return SEVERITIES[(severity_number + 3) // 4] if severity_number else ""


def change_word(view: View, one: Counted) -> str:
    """New, gone, more, less, rare, or nothing."""
    return view.say(f"templates.change_{one.change.kind.value}") if one.change else ""


def _seen(view: View, change: Change) -> str:
    """When it came for the first time, or for the last; nothing where it comes as ever."""
    if change.kind is Kind.GONE:
        return view.say("logpages.seen_until", time=view.clock(change.last_ns))
    if change.kind in {Kind.NEW, Kind.RARE}:
        return view.say("logpages.seen_from", time=view.clock(change.first_ns))
    return ""


def _row(view: View, one: Counted) -> Row:
    change = one.change
    bad = change.verdict if change is not None and change.verdict is not Verdict.OK else None
    usual = view.say("logpages.usually", usual=change.usual) if change is not None else ""
    return {
        "key": f"{one.template_id} {one.service}",
        "name": " ".join(one.template.split()),
        "change": change_word(view, one),
        "verdict": bad.value if bad else None,
        "verdict_word": view.say(f"verdict_{bad.value.lower()}") if bad else "",
        "href": view.href("/logs", service=one.service, template=one.template_id),
        "service": one.service,
        "severity": severity_name(one.severity_number),
        "seen": _seen(view, change) if change is not None else "",
        **number("lines", one.lines, "", usual=usual),
    }
