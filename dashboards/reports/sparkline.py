"""A small line for a table cell, as inline SVG: the last minutes and the limit, no script."""

from __future__ import annotations

from markupsafe import Markup

from causeway.findings import Chart
from causeway.messages import quantity

WIDTH, HEIGHT = 132, 34
_PAD = 3.0
# A limit further away than this many times the line's own height would press the line flat: it is left out.
_LIMIT_REACH = 3.0


def sparkline(chart: Chart) -> Markup:
    """The SVG element; gaps stay gaps. Empty where there is nothing to draw."""
    values = [value for value in chart.values if value is not None]
    if len(values) < 2:
        return Markup("")
    low, high = min(values), max(values)
    limit = _near(chart.low if chart.high is None else chart.high, low, high)
    shown = values if limit is None else [*values, limit]
    low, high = min(shown), max(shown)
    low = 0.0 if 0 <= low < 0.5 * high else low
    span = (high - low) or 1.0

    def y(value: float) -> float:
        return round(HEIGHT - _PAD - (value - low) / span * (HEIGHT - 2 * _PAD), 1)

    step = (WIDTH - 2 * _PAD) / max(1, len(chart.values) - 1)
    points = [" ".join(f"{_PAD + at * step:.1f},{y(value)}" for at, value in run) for run in _runs(chart.values)]
    lines = Markup("").join(Markup('<polyline points="{}"/>').format(line) for line in points)
    rule = Markup("")
    if limit is not None:
        rule = Markup('<line class="limit" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
            _PAD, WIDTH - _PAD, y(limit), y(limit)
        )
    label = f"{quantity(min(values), chart.unit)} – {quantity(max(values), chart.unit)}"
    return Markup(
        '<svg class="spark" viewBox="0 0 {} {}" width="{}" height="{}" role="img" aria-label="{}">'
        "<title>{}</title>{}{}</svg>"
    ).format(WIDTH, HEIGHT, WIDTH, HEIGHT, label, label, rule, lines)


def _near(limit: float | None, low: float, high: float) -> float | None:
    if limit is None:
        return None
    reach = _LIMIT_REACH * max(high - low, 1e-12)
    return limit if low - reach <= limit <= high + reach else None


def _runs(values: tuple[float | None, ...]) -> list[list[tuple[int, float]]]:
    """Neighbouring values without a gap; a lone value becomes a dot of two equal points."""
    runs: list[list[tuple[int, float]]] = [[]]
    for place, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((place, value))
    return [run if len(run) > 1 else run * 2 for run in runs if run]
