"""Traces in a table: a click opens the waterfall."""

from __future__ import annotations

import pyarrow as pa
from dash.development.base_component import Component

from causeway.findings import Verdict
from causeway.messages import quantity
from dashboards.components.states import nothing
from dashboards.components.tables import Column, Row, grid, number
from dashboards.view import View


def trace_table(view: View, key: str, table: pa.Table, *, narrow: bool = False) -> Component:
    """Rows of `Reader.traces`; a sentence where there are none. `narrow`: for half a page."""
    rows = trace_rows(view, table)
    if not rows:
        return nothing(view.say("traces_none"))
    columns: tuple[Column, ...] = (
        Column("name", view.say("column_trace"), "name", flex=4),
        Column("when", view.say("column_when"), "text", width=120),
        Column("duration", view.say("column_duration"), "number", width=110),
        Column("share", view.say("column_of_slowest"), "bar", flex=1),
        Column("spans", view.say("column_spans"), "number", width=90),
        Column("failed", view.say("column_failed"), "number", width=90),
    )
    if narrow:
        columns = (columns[0], Column("when", view.say("column_when"), "text", width=96), columns[2], columns[5])
    return grid(key, view, columns, rows, label=view.say("title_traces"))


def trace_rows(view: View, table: pa.Table) -> list[Row]:
    """One row per trace, in the order given."""
    found = table.to_pylist()
    slowest = max((row["duration_ns"] for row in found), default=0)
    rows: list[Row] = []
    for row in found:
        trace_id = row["trace_id"].hex()
        failed = int(row["errors"] or 0)
        rows.append(
            {
                "key": trace_id,
                "name": f"{row['service']}: {row['operation']}",
                "href": view.href(f"/trace/{trace_id}"),
                "verdict": (Verdict.CRITICAL if failed else Verdict.OK).value,
                "verdict_word": view.say("trace_failed" if failed else "trace_fine"),
                "dot": view.theme.service(row["service"] or ""),
                "when": view.clock(row["start_ns"], seconds=True),
                "share": row["duration_ns"] / slowest if slowest else 0.0,
                "share_text": quantity(row["duration_ns"] / slowest if slowest else None, "ratio"),
                **number("duration", row["duration_ns"] / 1e6, "ms"),
                **number("spans", float(row["spans"]), ""),
                **number("failed", float(failed), "", off="CRITICAL" if failed else None),
            }
        )
    return rows
