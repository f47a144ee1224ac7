"""Log lines in a table."""

from __future__ import annotations

import pyarrow as pa
from dash.development.base_component import Component

from causeway.findings import Verdict
from dashboards.components.tables import Column, Row, grid
from dashboards.view import View

# OTLP severity numbers from which a line is marked.
WARN_MIN, ERROR_MIN = 13, 17
BODY_MAX = 600


def log_table(view: View, key: str, table: pa.Table, *, height: int | None = None) -> Component:
    """Lines in the order given."""
    columns = (
        Column("when", view.say("column_when"), "text", width=104),
        Column("severity", view.say("column_severity"), "text", width=84),
        Column("service", view.say("column_service"), "name", width=150),
        Column("body", view.say("column_line"), "text", flex=1),
    )
    return grid(key, view, columns, log_rows(view, table), label=view.say("title_logs"), height=height)


def log_rows(view: View, table: pa.Table) -> list[Row]:
    """A row per line; a click opens its trace where it has one."""
    wanted = ["time_ns", "severity", "severity_number", "service", "body", "trace_id"]
    rows: list[Row] = []
    for i, row in enumerate(table.select(wanted).to_pylist()):
        severity = row["severity_number"] or 0
        verdict = Verdict.CRITICAL if severity >= ERROR_MIN else Verdict.WARNING if severity >= WARN_MIN else None
        trace = (row["trace_id"] or b"").hex()
        rows.append(
            {
                "key": f"{row['time_ns']}-{i}",
                "when": view.clock(row["time_ns"], seconds=True),
                "severity": row["severity"] or "",
                "service": row["service"] or "",
                "verdict": verdict.value if verdict else None,
                "verdict_word": row["severity"] or "",
                "href": view.href(f"/trace/{trace}") if trace else None,
                "body": (row["body"] or "")[:BODY_MAX],
            }
        )
    return rows
