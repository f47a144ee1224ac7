"""Colours and the plotly template of both themes. Both are designed, not inverted."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import plotly.graph_objects as go

from causeway.findings import Verdict

FONT = 'Inter, "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", system-ui, sans-serif'


@dataclass(frozen=True, slots=True)
class Theme:
    """One theme's colours as CSS values. `lines` never holds red or amber: those mean something."""

    name: str
    text: str
    dimmed: str
    grid: str
    border: str
    arrow: str
    card: str
    accent: str
    band: str
    ok: str
    warning: str
    critical: str
    unknown: str
    lines: tuple[str, ...]
    strengths: tuple[str, str, str]  # p50, p95, p99: one hue, three strengths

    def verdict(self, verdict: Verdict) -> str:
        """The colour of a verdict."""
        return {
            Verdict.OK: self.ok,
            Verdict.WARNING: self.warning,
            Verdict.CRITICAL: self.critical,
            Verdict.UNKNOWN: self.unknown,
        }[verdict]

    def service(self, name: str) -> str:
        """The same colour for the same name, today and tomorrow."""
        return self.lines[zlib.crc32(name.encode()) % len(self.lines)]

    def services(self, names: Iterable[str]) -> Mapping[str, str]:
        """Colours of services seen together: each its own where possible, else the next that is free."""
        chosen: dict[str, str] = {}
        for name in sorted(set(names)):
            start = zlib.crc32(name.encode()) % len(self.lines)
            order = [self.lines[(start + i) % len(self.lines)] for i in range(len(self.lines))]
            chosen[name] = next((colour for colour in order if colour not in chosen.values()), order[0])
        return chosen


LIGHT = Theme(
    name="light",
    text="#1c2430",
    dimmed="#5b6675",
    grid="#e9ecf1",
    border="#d9dee6",
    arrow="#b6bfcc",
    card="#ffffff",
    accent="#2b59c3",
    band="rgba(110,124,145,0.14)",
    ok="#8a94a3",
    warning="#b86e00",
    critical="#d13a1e",
    unknown="#8a94a3",
    lines=("#2b59c3", "#0f8a7e", "#7b57c2", "#4d7c1f", "#a8478a", "#3a8fb7", "#5c6b80", "#8c6d46"),
    strengths=("#a9bfec", "#5f86da", "#1f479f"),
)
DARK = Theme(
    name="dark",
    text="#dbe1ea",
    dimmed="#98a3b3",
    grid="#242b35",
    border="#2c343f",
    arrow="#525d6d",
    card="#161b22",
    accent="#7ea6ff",
    band="rgba(150,165,190,0.16)",
    ok="#6f7a8a",
    warning="#e5a13a",
    critical="#ff6b4a",
    unknown="#7f8a9a",
    lines=("#7ea6ff", "#3fc4b4", "#b197f0", "#95c45c", "#df86c2", "#6cc3e8", "#a3b0c2", "#c9a97c"),
    strengths=("#4a6296", "#6f97e8", "#b3cbff"),
)


def theme_called(name: str | None) -> Theme:
    """The theme of that name; light for anything else."""
    return DARK if name == "dark" else LIGHT


def style(figure: go.Figure, theme: Theme, *, height: int, title: str = "") -> go.Figure:
    """The figure with our fonts, axes and margins; returns the same figure."""
    axis = {
        "gridcolor": theme.grid,
        "linecolor": theme.border,
        "zeroline": False,
        "ticks": "",
        "automargin": True,
        "tickfont": {"color": theme.dimmed, "size": 11},
    }
    figure.update_layout(
        template="none",
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": FONT, "size": 12, "color": theme.text},
        hovermode="x unified",
        hoverlabel={"bgcolor": theme.card, "bordercolor": theme.border, "font": {"size": 12}},
        legend={
            "orientation": "h",
            "y": 1.02,
            "yanchor": "bottom",
            "x": 0,
            "font": {"size": 11, "color": theme.dimmed},
        },
        dragmode="zoom",
        uirevision=title or "chart",
        separators=". ",
    )
    figure.update_xaxes(**axis, showgrid=False, showspikes=True, spikemode="across", spikethickness=1)
    figure.update_xaxes(spikecolor=theme.dimmed, spikedash="dot", spikesnap="cursor")
    figure.update_yaxes(**axis, showgrid=True, fixedrange=True)
    return figure
