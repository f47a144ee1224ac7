"""Trace: its spans as a waterfall, what one of them says, and the log lines it left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from dash import html
from dash.development.base_component import Component

from causeway.errors import ConfigError
from causeway.findings import Verdict
from causeway.messages import quantity
from causeway.stores.contract import LogFilter
from causeway.window import MINUTE_NS, Window
from dashboards.components.basics import answer, card, heading, page_body
from dashboards.components.log_table import log_table
from dashboards.components.states import nothing
from dashboards.components.waterfall_table import waterfall_table
from dashboards.figures.waterfall import SpanRow, Waterfall, waterfall
from dashboards.page import Page
from dashboards.services import Services
from dashboards.view import View

LOGS_MAX = 200


def render(view: View, services: Services, values: Mapping[str, str]) -> Component:
    """The page of the trace whose id is in the path."""
    try:
        trace_id = bytes.fromhex(values["trace_id"])
    except ValueError:
        raise ConfigError(view.say("not_a_trace", id=values["trace_id"])) from None
    table = services.trace(trace_id)
    if table.num_rows == 0:
        title = view.say("title_trace")
        return page_body(
            [heading(title), answer(view, Verdict.UNKNOWN, view.say("trace_unknown", id=values["trace_id"]))]
        )
    trace = waterfall(table)
    root = trace.rows[0]
    near = Window(trace.start_ns - MINUTE_NS, trace.end_ns + MINUTE_NS)
    logs = services.logs(near, LogFilter(trace_id=trace_id), limit=LOGS_MAX)
    parts: list[Any] = [
        heading(f"{root.service}: {root.operation}", note=_note(view, values["trace_id"], trace)),
        _answer(view, trace),
        card(view.say("waterfall"), waterfall_table(view, trace), note=view.say("waterfall_note"), class_name="flush"),
    ]
    chosen = view.address.get("span") or root.span_id
    parts.append(html.Div([_span(view, table, trace, chosen), _logs(view, logs.table)], className="two"))
    return page_body(parts)


def _note(view: View, trace_id: str, trace: Waterfall) -> list[Any]:
    when = view.local(trace.start_ns).strftime("%Y-%m-%d %H:%M:%S")
    return [html.Span(trace_id, className="mono"), f" · {when} · {view.zone_name()}"]


def _answer(view: View, trace: Waterfall) -> Component:
    failed = [row for row in trace.rows if row.status == "ERROR"]
    services = len({row.service for row in trace.rows})
    said = [
        view.say("trace_answer", length=trace.duration_ns / 1e6, spans=trace.total, services=services),
        _longest(view, trace),
    ]
    if failed:
        deepest = max(failed, key=lambda row: row.depth)
        said.append(
            view.say("trace_failed_at", count=len(failed), service=deepest.service, operation=deepest.operation)
        )
    if trace.orphans:
        said.append(view.say("trace_orphans", count=trace.orphans))
    if trace.skewed:
        said.append(view.say("trace_skewed", count=trace.skewed))
    if trace.total > len(trace.rows):
        said.append(view.say("partial", shown=len(trace.rows), total=quantity(trace.total)))
    return answer(view, Verdict.CRITICAL if failed else Verdict.OK, view.join(said))


def _longest(view: View, trace: Waterfall) -> str:
    on_path = [row for row in trace.rows if row.critical]
    longest = max(on_path, key=lambda row: row.own_ns)
    share = longest.own_ns / trace.duration_ns if trace.duration_ns else None
    return view.say(
        "trace_longest", service=longest.service, operation=longest.operation, length=longest.own_ns / 1e6, share=share
    )


def _span(view: View, table: pa.Table, trace: Waterfall, span_id: str) -> Component:
    row = next((row for row in trace.rows if row.span_id == span_id), trace.rows[0])
    record = table.filter(pa.compute.equal(table.column("span_id"), bytes.fromhex(row.span_id))).to_pylist()[0]
    facts = [*_facts(view, row, record), *_pairs(record.get("attributes")), *_pairs(record.get("resource"))]
    body: list[Any] = [
        html.Dl([part for name, value in facts for part in (html.Dt(name), html.Dd(value))], className="facts")
    ]
    body += [_event(view, row, event) for event in record.get("events") or []]
    return card(
        f"{row.service}: {row.operation}", html.Div(body, id="live-span"), note=view.say("span_note"), key="span"
    )


def _facts(view: View, row: SpanRow, record: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = [
        (view.say("column_duration"), quantity(row.duration_ns / 1e6, "ms")),
        (view.say("own_time"), quantity(row.own_ns / 1e6, "ms")),
        (view.say("column_kind"), view.say(f"span_{row.kind.lower()}") if row.kind else ""),
        (
            view.say("column_status"),
            " ".join(str(part) for part in (record.get("status"), record.get("status_message")) if part),
        ),
        (view.say("column_instance"), record.get("instance") or ""),
        (view.say("column_version"), record.get("version") or ""),
    ]
    return [(name, str(value)) for name, value in found if value]


def _pairs(attributes: Any) -> list[tuple[str, str]]:
    pairs = attributes.items() if isinstance(attributes, dict) else (attributes or [])
    return [(str(name), str(value)) for name, value in pairs]


def _event(view: View, row: SpanRow, event: Mapping[str, Any]) -> Component:
    after = quantity((event["time_ns"] - row.start_ns) / 1e6, "ms")
    words = "\n".join(f"{name}: {value}" for name, value in _pairs(event.get("attributes")))
    return html.Div(
        [
            html.Div(view.say("span_event", name=event["name"], after=after), className="strong small"),
            html.Pre(words, className="code"),
        ]
    )


def _logs(view: View, table: pa.Table) -> Component:
    content = log_table(view, "trace-logs", table) if table.num_rows else nothing(view.say("trace_no_logs"))
    return card(view.say("trace_logs"), content, class_name="flush" if table.num_rows else "")


PAGE = Page(name="trace", path="/trace/{trace_id}", title="title_trace", render=render, parent="traces")
