"""The tables of the service page."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from dash.development.base_component import Component

from analytics.world import World
from causeway.messages import quantity
from dashboards.components.tables import Column, Row, grid, number
from dashboards.readings import per_minute, reading, rows_of
from dashboards.services import Services
from dashboards.view import View

# Found in practice: these names or parts of names carry CPU and memory of an instance.
CPU_NAMES = ("cpu.utilization", "cpu.usage", "cpu.time", "cpu_usage")
MEMORY_NAMES = ("memory.usage", "memory.working_set", "memory_usage", "memory.rss")


def neighbours_table(view: View, services: Services, name: str, *, callers: bool) -> Component:
    """Who calls it, or whom it calls, with the share of its calls."""
    edges = services.graph(view.window).edges
    here, there = ("callee", "caller") if callers else ("caller", "callee")
    mine = edges[edges[here] == name]
    total = float(mine["calls"].sum())
    rows: list[Row] = [
        {
            "key": f"{getattr(row, there)} {row.kind} {row.protocol}",
            "name": str(getattr(row, there)),
            "href": _node_href(view, str(getattr(row, there)), str(getattr(row, f"{there}_type"))),
            "note": row.protocol if isinstance(row.protocol, str) else "",
            "share": float(row.calls) / total if total else 0.0,
            "share_text": quantity(float(row.calls) / total if total else math.nan, "ratio"),
            **number("errors", float(row.error_ratio), "ratio"),
            **number("p99", float(row.latency_ms_p99), "ms"),
        }
        for row in rows_of(mine.sort_values("calls", ascending=False))
    ]
    columns = (
        Column("name", view.say("column_caller" if callers else "column_callee"), "name", flex=3),
        Column("share", view.say("column_share"), "bar", flex=2),
        Column("errors", view.say("column_errors"), "number", flex=1),
        Column("p99", "p99", "number", flex=1),
    )
    label = view.say("callers" if callers else "callees")
    return grid(f"table-{'callers' if callers else 'callees'}", view, columns, rows, label=label)


def _node_href(view: View, name: str, kind: str) -> str:
    return view.href(f"/service/{name}") if kind == "service" else view.href("/map", focus=name)


def operations_table(view: View, world: World, name: str) -> Component:
    """Operations by the time spent in them."""
    keys = world.operations.keys
    frame = reading(world.operations, world)
    frame = frame[keys.get_level_values("service") == name]
    frame = frame[frame["calls"] > 0].sort_values("calls", ascending=False)
    total = float(frame["calls"].sum())
    rows = [_operation(view, name, key, values, total) for key, values in frame.head(200).iterrows()]
    columns = (
        Column("name", view.say("column_operation"), "name", flex=4),
        Column("kind", view.say("column_kind"), "text", flex=1),
        Column("share", view.say("column_share"), "bar", flex=2),
        Column("rate", view.say("column_rate"), "number", flex=2),
        Column("errors", view.say("column_errors"), "number", flex=2),
        Column("p99", view.say("column_p99_usual"), "number", flex=2),
        Column("spark", view.say("column_trend"), "spark", width=128),
    )
    return grid("table-operations", view, columns, rows, label=view.say("operations"))


def _operation(view: View, service: str, key: Any, values: pd.Series[Any], total: float) -> Row:
    _, operation, kind = key
    return {
        "key": f"{operation} {kind}",
        "name": operation,
        "href": view.href("/traces", service=service, operation=operation),
        "kind": view.say(f"span_{str(kind).lower()}"),
        "share": values["calls"] / total if total else 0.0,
        "share_text": quantity(values["calls"] / total if total else math.nan, "ratio"),
        **number(
            "rate", per_minute(values["rate_per_s"]), "/min", usual=quantity(per_minute(values["rate_usual"]), "/min")
        ),
        **number("errors", values["error_ratio"], "ratio", usual=quantity(values["error_usual"], "ratio")),
        **number("p99", values["latency_ms_p99"], "ms", usual=quantity(values["p99_usual"], "ms")),
        "spark": values["spark"],
    }


def instances_table(view: View, world: World, name: str) -> Component:
    """Instances with version, requests, errors, CPU and memory."""
    keys = world.instances.keys
    frame = reading(world.instances, world)
    frame = frame[(keys.get_level_values("service") == name)]
    frame = frame[(frame["calls"] > 0) | frame["rate_usual"].notna()].sort_index()
    rows = [_instance(view, world, name, key, values) for key, values in frame.iterrows()]
    columns = (
        Column("name", view.say("column_instance"), "name", flex=3),
        Column("version", view.say("column_version"), "text", flex=1),
        Column("rate", view.say("column_rate"), "number", flex=2),
        Column("errors", view.say("column_errors"), "number", flex=2),
        Column("p99", view.say("column_p99_usual"), "number", flex=2),
        Column("cpu", view.say("column_cpu"), "number", flex=1),
        Column("memory", view.say("column_memory"), "number", flex=1),
    )
    return grid("table-instances", view, columns, rows, label=view.say("instances"))


def _instance(view: View, world: World, service: str, key: Any, values: pd.Series[Any]) -> Row:
    _, instance, version = key
    cpu, cpu_unit = _metric(world, service, instance, CPU_NAMES)
    memory, memory_unit = _metric(world, service, instance, MEMORY_NAMES)
    gone = values["calls"] == 0
    return {
        "key": f"{instance} {version}",
        "name": instance or view.say("unnamed"),
        "note": view.say("instance_gone") if gone else "",
        "version": version or "",
        **number(
            "rate", per_minute(values["rate_per_s"]), "/min", usual=quantity(per_minute(values["rate_usual"]), "/min")
        ),
        **number("errors", values["error_ratio"], "ratio", usual=quantity(values["error_usual"], "ratio")),
        **number("p99", values["latency_ms_p99"], "ms", usual=quantity(values["p99_usual"], "ms")),
        **number("cpu", cpu, cpu_unit),
        **number("memory", memory, memory_unit),
    }


def _metric(world: World, service: str, instance: str, names: tuple[str, ...]) -> tuple[float | None, str]:
    """The newest value in the window of the first metric that has one of these names, and its unit."""
    meta = world.metrics.meta
    if meta.empty:
        return None, ""
    mine = (meta["service"] == service) & (meta["instance"] == instance)
    for name in names:
        for i in np.flatnonzero((mine & meta["name"].str.contains(name, regex=False)).to_numpy(dtype=bool)):
            values = world.metrics.values[i][world.timeline.in_window]
            seen = values[~np.isnan(values)]
            if len(seen):
                unit = str(meta.iloc[i]["unit"] or "")
                return float(seen[-1]), {"1": "ratio", "By": "B", "s/s": "ratio", "{cpu}": ""}.get(unit, unit)
    return None, ""


def templates_table(view: View, world: World, name: str) -> Component:
    """Log templates of the service: severe ones first, then the most frequent."""
    meta = world.logs.meta
    inside = world.timeline.in_window
    chosen: Any = np.flatnonzero((meta["service"] == name).to_numpy(dtype=bool)) if not meta.empty else []
    rows = []
    for i in chosen:
        lines = float(np.nansum(world.logs.counts[i][inside]))
        before = float(np.nansum(world.logs.counts[i][~inside]))
        scale = int(inside.sum()) / max(1, int((~inside).sum()))
        if lines > 0:
            rows.append(_template(view, name, meta.iloc[i], lines, before * scale))
    rows.sort(key=lambda row: (-row["rank"], -row["lines"]))
    columns = (
        Column("name", view.say("column_template"), "name", flex=5),
        Column("severity", view.say("column_severity"), "text", width=100),
        Column("lines", view.say("column_lines"), "number", flex=2),
    )
    return grid("table-templates", view, columns, rows[:100], label=view.say("log_templates"))


def _template(view: View, service: str, row: pd.Series[Any], lines: float, expected: float) -> dict[str, Any]:
    severity = float(row["severity_number"]) if row["severity_number"] == row["severity_number"] else 0.0
    longest = max(str(row["template"]).split("<*>"), key=len).strip()
    return {
        "key": f"{row['template_id']}",
        "name": str(row["template"]),
        "href": view.href("/logs", service=service, contains=longest[:80]),
        "severity": str(row["severity"]),
        "rank": severity if severity >= 13 else 0.0,
        **number("lines", lines, "", usual=view.say("new") if expected == 0 else quantity(expected)),
    }
