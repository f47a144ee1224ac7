"""The four charts of a service: rate, errors, latency, and latency at its slowest against what is usual."""

from __future__ import annotations

import numpy as np
from dash.development.base_component import Component

from causeway.messages import quantity
from dashboards.components.charts import chart_card
from dashboards.figures.lines import Change, Line, lines_figure
from dashboards.judged import Judged
from dashboards.readings import Red, Usual, since_first, usual
from dashboards.services import Services
from dashboards.view import View


def red_charts(view: View, services: Services, name: str, changes: list[Change], health: Judged) -> list[Component]:
    """Rate, error ratio, three quantiles, and p99 with its usual range, over the window."""
    now, before = services.red(view.window, name)
    theme = view.theme
    failing = health.off(name, "error_ratio").rank > 1
    error_line = Line(view.say("card_errors"), now.error_ratio, theme.critical if failing else theme.accent, fill=True)
    quantiles = [
        Line(label, values, colour)
        for label, values, colour in zip(
            ("p50", "p95", "p99"),
            (now.latency_ms_p50, now.latency_ms_p95, now.latency_ms_p99),
            theme.strengths,
            strict=True,
        )
    ]
    return [
        _card(
            view,
            "rate",
            now,
            [Line(view.say("card_requests"), now.rate_per_s, theme.accent, fill=True)],
            "/s",
            usual(since_first(before.rate_per_s, before.calls)),
            quantity(now.whole_rate_per_s, "/s"),
            changes,
        ),
        _card(
            view,
            "errors",
            now,
            [error_line],
            "ratio",
            usual(before.error_ratio),
            quantity(now.whole_error_ratio, "ratio"),
            changes,
        ),
        _card(view, "latency", now, quantiles, "ms", None, f"p50 {quantity(now.whole_ms[0], 'ms')}", changes),
        _card(
            view,
            "p99",
            now,
            [Line("p99", now.latency_ms_p99, theme.strengths[2])],
            "ms",
            usual(before.latency_ms_p99),
            f"p99 {quantity(now.whole_ms[2], 'ms')}",
            changes,
        ),
    ]


def _card(
    view: View,
    name: str,
    red: Red,
    lines: list[Line],
    unit: str,
    usually: Usual | None,
    now: str,
    changes: list[Change],
) -> Component:
    figure = lines_figure(view, red.times_ns + red.step_ns // 2, lines, unit=unit, usual=usually, changes=changes)
    note = view.say("chart_compare")
    if usually is not None:
        known = usually.low is not None and usually.high is not None
        note = (
            view.say("usual_range", low=quantity(usually.low, unit), high=quantity(usually.high, unit))
            if known
            else view.say("usual_unknown")
        )
    if not any((~np.isnan(line.values)).any() for line in lines):
        note = view.say("chart_empty")
    return chart_card(f"chart-{name}", view.say(f"chart_{name}"), figure, note=note, now=now)
