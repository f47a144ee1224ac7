"""Lines over time: the usual range as a grey band, changes as dotted verticals, gaps stay gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from causeway.messages import quantity
from causeway.window import Window
from dashboards.readings import Usual
from dashboards.theme import style
from dashboards.view import View


@dataclass(frozen=True, slots=True)
class Line:
    """One line. values: (t,) in the chart's unit, NaN for missing."""

    name: str
    values: np.ndarray
    colour: str
    fill: bool = False
    width: float = 1.6


@dataclass(frozen=True, slots=True)
class Change:
    """Something that was done to the system at an instant: a dotted vertical with a label."""

    time_ns: int
    label: str


def lines_figure(
    view: View,
    times_ns: np.ndarray,
    lines: Sequence[Line],
    *,
    unit: str,
    usual: Usual | None = None,
    changes: Sequence[Change] = (),
    window: Window | None = None,
    height: int = 210,
    logarithmic: bool = False,
) -> go.Figure:
    """A chart of at most a handful of lines. times_ns: (t,) Unix ns; the axis shows the viewer's zone."""
    offset_ns = offset_of(view)
    x = moments(times_ns, offset_ns)
    figure = go.Figure()
    for line in lines:
        figure.add_trace(
            go.Scatter(
                x=x,
                y=_plain(line.values),
                name=line.name,
                mode="lines+markers" if _lonely(line.values) else "lines",
                marker={"size": 4, "color": line.colour},
                line={"color": line.colour, "width": line.width},
                fill="tozeroy" if line.fill else None,
                fillcolor=_faint(line.colour) if line.fill else None,
                connectgaps=False,
                customdata=[quantity(value, unit) for value in line.values.tolist()],
                hovertemplate="%{customdata}<extra>" + line.name + "</extra>",
            )
        )
    style(figure, view.theme, height=height)
    figure.update_layout(showlegend=len(lines) > 1, meta={"offset_ms": offset_ns // 1_000_000})
    _usual_band(figure, view, usual)
    shown = window or view.window
    ends = moments(np.array([shown.start_ns, shown.end_ns]), offset_ns)
    figure.update_xaxes(range=ends, type="date", tickformat="%H:%M", hoverformat="%H:%M:%S", nticks=6)
    _value_axis(figure, lines, unit, usual, logarithmic=logarithmic)
    for change in changes:
        _mark_change(figure, view, change, offset_ns, late=change.time_ns > shown.end_ns - shown.duration_ns // 4)
    return figure


def offset_of(view: View) -> int:
    """How far the viewer's clock is ahead of UTC, in ns, at the window's end."""
    offset = view.local(view.window.end_ns).utcoffset()
    return int(offset.total_seconds() * 1e9) if offset else 0


def moments(times_ns: np.ndarray, offset_ns: int) -> list[str]:
    """Local times as plotly wants them."""
    shifted = (np.asarray(times_ns, dtype=np.int64) + offset_ns).astype("datetime64[ns]")
    return np.datetime_as_string(shifted, unit="ms").tolist()


def _plain(values: np.ndarray) -> list[float | None]:
    return [None if value != value else float(f"{value:.5g}") for value in values.tolist()]


def _lonely(values: np.ndarray) -> bool:
    """Whether some point has no neighbour, so that a line alone would not show it."""
    there = ~np.isnan(values)
    alone = there & ~np.roll(there, 1) & ~np.roll(there, -1)
    return bool(alone.any())


def _faint(colour: str) -> str:
    if not colour.startswith("#"):
        return colour
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.10)"


def _usual_band(figure: go.Figure, view: View, usual: Usual | None) -> None:
    if usual is None or usual.low is None or usual.high is None:
        return
    figure.add_hrect(y0=usual.low, y1=usual.high, fillcolor=view.theme.band, line_width=0, layer="below")


def _value_axis(figure: go.Figure, lines: Sequence[Line], unit: str, usual: Usual | None, *, logarithmic: bool) -> None:
    tops = [float(np.nanmax(line.values)) for line in lines if (~np.isnan(line.values)).any()]
    top = max([*tops, usual.high if usual and usual.high else 0.0], default=0.0)
    if logarithmic and top > 0:
        figure.update_yaxes(type="log")
        return
    ticks = nice_ticks(top or (0.01 if unit in {"ratio", "%"} else 1.0))
    figure.update_yaxes(
        range=[0, max(ticks[-1], top * 1.05)],
        tickvals=ticks,
        ticktext=[quantity(tick, unit) for tick in ticks],
    )


def nice_ticks(top: float, count: int = 4) -> list[float]:
    """Round numbers from zero to at least `top`."""
    rough = top / count
    scale = 10 ** np.floor(np.log10(rough))
    step = next(float(factor * scale) for factor in (1, 2, 2.5, 5, 10) if factor * scale >= rough * 0.999)
    return [step * i for i in range(int(np.ceil(top / step - 1e-9)) + 1)]


def _mark_change(figure: go.Figure, view: View, change: Change, offset_ns: int, *, late: bool) -> None:
    """late: so near the end that the label fits only to the left of its line."""
    x = moments(np.array([change.time_ns]), offset_ns)[0]
    figure.add_shape(
        type="line", x0=x, x1=x, y0=0, y1=1, yref="paper", line={"color": view.theme.dimmed, "width": 1, "dash": "dot"}
    )
    figure.add_annotation(
        x=x,
        y=1,
        yref="paper",
        text=change.label.replace("<", "&lt;"),
        showarrow=False,
        xanchor="right" if late else "left",
        yanchor="top",
        xshift=-3 if late else 3,
        font={"size": 10.5, "color": view.theme.dimmed},
    )
