"""The waterfall as a table that scrolls through thousands of spans."""

from __future__ import annotations

from typing import Any

from dash.development.base_component import Component

from causeway.messages import quantity
from dashboards.components.tables import Column, Row, grid
from dashboards.figures.waterfall import SpanRow, Waterfall
from dashboards.view import View

HEIGHT_MAX_PX = 620
# Solid pieces drawn per span; the eye cannot tell more apart in one bar.
PIECES_MAX = 24


def waterfall_table(view: View, trace: Waterfall) -> Component:
    """Rows with service and operation left, bars over time right: solid own time, pale waiting, thick critical path."""
    colours = view.theme.services(row.service for row in trace.rows)
    rows = [_row(view, trace, row, colours[row.service]) for row in trace.rows]
    columns = (
        Column("service", view.say("column_service"), "tree", width=420),
        Column("duration", view.say("waterfall_axis", length=trace.duration_ns / 1e6), "waterfall", flex=1),
    )
    height = min(HEIGHT_MAX_PX, 38 + 34 * max(1, len(rows)))
    return grid("waterfall", view, columns, rows, label=view.say("title_trace"), height=height)


def _row(view: View, trace: Waterfall, row: SpanRow, colour: str) -> Row:
    whole = max(1, trace.duration_ns)
    failed = row.status == "ERROR"

    def share(start_ns: int, end_ns: int, kind: str) -> dict[str, Any]:
        left = round((start_ns - trace.start_ns) / whole * 100, 3)
        return {"left": left, "width": round((end_ns - start_ns) / whole * 100, 3), "kind": kind, "colour": colour}

    bars = [share(row.start_ns, row.end_ns, "waiting" + (" span-failed" if failed else ""))]
    bars += [share(start, end, "own") for start, end in row.own[:PIECES_MAX]]
    return {
        "key": row.span_id,
        "service": row.service,
        "operation": row.operation,
        "depth": min(row.depth, 16),
        "dot": colour,
        "href": view.href(span=row.span_id),
        "error": view.say("span_failed") if failed else "",
        "critical": row.critical,
        "bars": bars,
        "left": bars[0]["left"],
        "width": bars[0]["width"],
        "duration": quantity(row.duration_ns / 1e6, "ms") + (f" ⚠ {view.say('span_skewed')}" if row.skewed else ""),
    }
