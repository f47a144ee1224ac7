"""A series as a small picture: its line, its usual range as a band, where the trouble began."""

from __future__ import annotations

from urllib.parse import quote

import numpy as np

from causeway.findings import Chart
from dashboards.theme import Theme

WIDTH, HEIGHT = 120, 30
POINTS_MAX = 120
_PAD = 2.0


def spark_address(chart: Chart, theme: Theme, *, onset_ns: int | None = None) -> str | None:
    """The picture as a `data:` address; None with fewer than two known values.

    Its time runs over the whole chart, its values from zero (or the least, where that is below) to the most seen.
    Gaps stay gaps. Of more than POINTS_MAX values the largest of each stretch is drawn, so that no peak is lost.
    """
    values = np.array([np.nan if value is None else value for value in chart.values], dtype=np.float64)
    times = np.array(chart.times_ns, dtype=np.float64)
    if np.isfinite(values).sum() < 2:
        return None
    every = -(-len(values) // POINTS_MAX)
    values, times = _thinned(values, every), times[::every]
    low, high = chart.low, chart.high
    known = [float(np.nanmin(values)), float(np.nanmax(values)), 0.0, *(end for end in (low, high) if end is not None)]
    bottom, top = min(known), max(known)
    y = HEIGHT - _PAD - (values - bottom) / max(top - bottom, 1e-12) * (HEIGHT - 2 * _PAD)
    x = (times - times[0]) / max(times[-1] - times[0], 1.0) * WIDTH
    parts = []
    if low is not None and high is not None:
        ends = [HEIGHT - _PAD - (end - bottom) / max(top - bottom, 1e-12) * (HEIGHT - 2 * _PAD) for end in (high, low)]
        tall = max(ends[1] - ends[0], 1.5)
        parts.append(f'<rect x="0" width="{WIDTH}" y="{ends[0]:.1f}" height="{tall:.1f}" fill="{theme.band}"/>')
    if onset_ns is not None and times[0] <= onset_ns <= times[-1]:
        at = (onset_ns - times[0]) / max(times[-1] - times[0], 1.0) * WIDTH
        line = f'x1="{at:.1f}" x2="{at:.1f}" y1="0" y2="{HEIGHT}"'
        parts.append(f'<line {line} stroke="{theme.dimmed}" stroke-dasharray="2 2"/>')
    parts.append(f'<path d="{_path(x, y)}" fill="none" stroke="{theme.accent}" stroke-width="1.5"/>')
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    return "data:image/svg+xml," + quote(f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{"".join(parts)}</svg>')


def _thinned(values: np.ndarray, every: int) -> np.ndarray:
    """(n // every,) the largest known value of each stretch; NaN where it holds none."""
    if every == 1:
        return values
    filled = np.full(-(-len(values) // every) * every, np.nan)
    filled[: len(values)] = values
    most = np.nan_to_num(filled, nan=-np.inf).reshape(-1, every).max(axis=1)
    return np.where(np.isfinite(most), most, np.nan)


def _path(x: np.ndarray, y: np.ndarray) -> str:
    """Moves and lines; a point without neighbours is a dot as wide as the line."""
    steps: list[str] = []
    open_ = False
    for across, down in zip(x.tolist(), y.tolist(), strict=True):
        if down != down:
            open_ = False
            continue
        steps.append(f"{'L' if open_ else 'M'}{across:.1f} {down:.1f}" + ("" if open_ else "h.8"))
        open_ = True
    return "".join(steps)
