"""The table of services, worst first: every number beside what is usual for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from dash.development.base_component import Component

from causeway.messages import quantity
from causeway.window import Window
from dashboards.components.tables import Column, Row, grid, number
from dashboards.judged import Judged, judged
from dashboards.readings import per_minute, reading
from dashboards.scored import shown_impact
from dashboards.services import Services
from dashboards.view import View


def service_table(view: View, services: Services, *, key: str, window: Window | None = None) -> Component:
    """All services of the window."""
    window = window or view.window
    rows = service_rows(view, services, window)
    return grid(key, view, service_columns(view), rows, label=view.say("title_services"))


def service_columns(view: View) -> Sequence[Column]:
    """The columns of `service_rows`."""
    return (
        Column("name", view.say("column_service"), "name", flex=3),
        Column("rate", view.say("column_rate"), "number", flex=2),
        Column("errors", view.say("column_errors"), "number", flex=2),
        Column("p99", view.say("column_p99"), "number", flex=2),
        Column("impact", view.say("column_impact"), "bar", flex=2),
        Column("spark", view.say("column_trend"), "spark", width=128),
    )


def service_rows(view: View, services: Services, window: Window) -> list[Row]:
    """One row per service that sent spans, the worst first, then by impact."""
    world = services.world(window)
    health = judged(services.patrol(window))
    impact = {one.service: one.impact for one in shown_impact(view, services)}
    frame = reading(world.services, world)
    frame["verdict"] = [health.verdict(name).rank for (name,) in frame.index]
    frame["impact"] = [impact.get(name, 0.0) for (name,) in frame.index]
    frame["p99_window"] = world.nodes["latency_ms_p99"].reindex([name for (name,) in frame.index]).to_numpy()
    frame = frame.sort_values(["verdict", "impact"], ascending=False, kind="stable")
    return [_row(view, health, str(frame.index[i][0]), frame.iloc[i]) for i in range(len(frame))]


def _row(view: View, health: Judged, name: str, values: pd.Series[Any]) -> Row:
    verdict = health.verdict(name)
    worst = health.worst(name)
    return {
        "key": name,
        "name": name,
        "href": view.href(f"/service/{name}"),
        "verdict": verdict.value,
        "verdict_word": view.say(worst.reason) if worst else view.say(f"verdict_{verdict.value.lower()}"),
        **number(
            "rate",
            per_minute(values["rate_per_s"]),
            "/min",
            usual=quantity(per_minute(values["rate_usual"]), "/min"),
            off=health.off(name, "traffic_drop").value,
        ),
        **number(
            "errors",
            values["error_ratio"],
            "ratio",
            usual=quantity(values["error_usual"], "ratio"),
            off=health.off(name, "error_ratio").value,
        ),
        **number(
            "p99",
            values["p99_window"],
            "ms",
            usual=quantity(values["p99_usual"], "ms"),
            off=health.off(name, "latency").value,
        ),
        "impact": values["impact"] / 100,
        "impact_text": quantity(round(values["impact"])),
        "spark": values["spark"],
    }
