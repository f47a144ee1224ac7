"""What changed: deploys, configuration, scaling, restarts, and log templates never seen before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from dash import html
from dash.development.base_component import Component

from analytics.world import World
from dashboards.components.states import nothing
from dashboards.figures.lines import Change
from dashboards.readings import rows_of
from dashboards.view import View

SHOWN_MAX = 8
# Labels on one chart before they hide each other.
MARKS_MAX = 4
# Log lines of INFO and below change with every release and say little.
SEVERITY_MIN = 13
MARKED_KINDS = ("deploy", "config", "scale", "oom", "flag")


@dataclass(frozen=True, slots=True)
class WhatChanged:
    """One thing that changed, in words."""

    time_ns: int
    kind: str
    service: str
    words: str


def what_changed(view: View, world: World, *, service: str | None = None) -> list[WhatChanged]:
    """Events and new warning or error templates of the window, newest first."""
    found = [*_events(view, world, service), *_new_templates(view, world, service)]
    return sorted(found, key=lambda change: (-change.time_ns, change.service, change.words))


def _events(view: View, world: World, service: str | None) -> list[WhatChanged]:
    events = world.events
    if events.empty:
        return []
    inside = (events["time_ns"] >= world.window.start_ns) & (events["time_ns"] < world.window.end_ns)
    if service is not None:
        inside &= (events["service"] == service) | (events["entity"] == service)
    return [_event(view, row) for row in rows_of(events[inside].tail(200))]


def _event(view: View, row: object) -> WhatChanged:
    message = _text(getattr(row, "message", None))
    reason = _text(getattr(row, "reason", None))
    entity = _text(getattr(row, "entity", None))
    if reason in {"instance_gone", "instance_new"}:
        words = view.say(f"event_{reason}", instance=entity)
    else:
        words = message or reason or entity
    kind = _text(getattr(row, "kind", None)) or "other"
    return WhatChanged(int(getattr(row, "time_ns", 0)), kind, _text(getattr(row, "service", None)) or entity, words)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _new_templates(view: View, world: World, service: str | None) -> list[WhatChanged]:
    meta, counts = world.logs.meta, world.logs.counts
    if meta.empty:
        return []
    inside = world.timeline.in_window
    new = (counts[:, ~inside].sum(axis=1) == 0) & (counts[:, inside].sum(axis=1) > 0)
    new &= (meta["severity_number"].fillna(0) >= SEVERITY_MIN).to_numpy(dtype=bool)
    if not (counts[:, ~inside] > 0).any():
        return []  # without any earlier logs everything would be new
    if service is not None:
        new &= (meta["service"] == service).to_numpy()
    return [_template(view, world, meta.iloc[i], counts[i]) for i in np.flatnonzero(new)]


def _template(view: View, world: World, row: pd.Series, counts: np.ndarray) -> WhatChanged:
    first = int(np.flatnonzero(np.where(world.timeline.in_window, counts, 0) > 0)[0])
    text = str(row["template"])
    shown = text if len(text) <= 110 else text[:108] + "…"
    lines = int(np.nansum(counts[world.timeline.in_window]))
    words = view.say("change_template", text=shown, lines=lines)
    return WhatChanged(int(world.timeline.times_ns[first]), "template", str(row["service"]), words)


def change_list(view: View, changes: list[WhatChanged]) -> Component:
    """The newest few as a list."""
    if not changes:
        return nothing(view.say("changes_none", window=view.span_of(view.window)))
    rows = [
        html.Li(
            [
                html.Span(view.clock(change.time_ns), className="when"),
                html.Span(
                    [
                        html.A(change.service, href=view.href(f"/service/{change.service}")) if change.service else "",
                        " ",
                        change.words,
                    ],
                    className="words",
                ),
                html.Span(view.say(f"kind_{change.kind}"), className="tag"),
            ]
        )
        for change in changes[:SHOWN_MAX]
    ]
    left = len(changes) - SHOWN_MAX
    if left > 0:
        rows.append(html.Li([html.Span(), html.Span(view.say("and_more", count=left), className="dim"), html.Span()]))
    return html.Ul(rows, className="rows")


def chart_changes(changes: list[WhatChanged]) -> list[Change]:
    """Those that are marked on charts: what people did, the newest few."""
    done = [change for change in changes if change.kind in MARKED_KINDS]
    return [Change(change.time_ns, change.words[:36]) for change in done[:MARKS_MAX]]
