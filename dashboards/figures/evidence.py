"""The numbers behind a piece of evidence as a small chart."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from causeway.findings import Chart
from causeway.window import Window
from dashboards.figures.lines import Change, Line, lines_figure
from dashboards.readings import Usual
from dashboards.view import View


def _usual(chart: Chart) -> Usual | None:
    if chart.low is None or chart.high is None:
        return None
    share = chart.unit in {"ratio", "%"}  # no share is above one, whatever its spread was
    return Usual(max(0.0, chart.low), None, min(1.0, chart.high) if share else chart.high)


def evidence_figure(
    view: View, chart: Chart, *, onset_ns: int | None = None, window: Window | None = None
) -> go.Figure:
    """One line with its usual range, and where the trouble began."""
    values = np.array([np.nan if value is None else value for value in chart.values], dtype=np.float64)
    line = Line(view.say(chart.title), values, view.theme.accent)
    usual = _usual(chart)
    changes = [Change(onset_ns, view.say("onset"))] if onset_ns is not None else []
    times = np.array(chart.times_ns, dtype=np.int64)
    shown = window or (Window(int(times[0]), int(times[-1]) + 1) if len(times) else view.window)
    return lines_figure(view, times, [line], unit=chart.unit, usual=usual, changes=changes, window=shown, height=120)
