"""Map: who calls whom, where it hurts, and how much hangs on each; at any moment, and against an earlier window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from dash import html
from dash.development.base_component import Component

from analytics.callgraph.diff import GraphDiff
from analytics.callgraph.graph import CallGraph
from analytics.callgraph.level import Level
from causeway.findings import MessageValue, Verdict
from causeway.window import Window
from dashboards.components.basics import answer, card, heading, page_body
from dashboards.components.coverage import coverage_long
from dashboards.components.map_table import (
    CHANGES_MAX,
    ROWS_MAX,
    change_columns,
    change_rows,
    map_columns,
    map_rows,
)
from dashboards.components.map_tools import filter_form, pills, search_form, time_slider
from dashboards.components.map_view import arrows_of, boxes_of, group_name
from dashboards.components.service_map import map_legend, service_map
from dashboards.components.states import no_spans, nothing
from dashboards.components.tables import grid
from dashboards.judged import judged
from dashboards.page import Page
from dashboards.scored import shown_impact
from dashboards.services import Services
from dashboards.topology.asked import Asked, asked_of
from dashboards.topology.collapse import Plan, collapsed, plan_of
from dashboards.topology.compared import compared
from dashboards.topology.drawing import OFF, Drawing, drawing_of
from dashboards.topology.filters import filtered, named_like, namespaces, within
from dashboards.topology.moments import Moments, at_moment, moments_of
from dashboards.topology.unfolded import unfolded
from dashboards.view import View

NAMED_MAX = 4


@dataclass(frozen=True, slots=True)
class _Map:
    """Everything the page shows. whole: before filters; drawing: what is drawn, now or at `part`."""

    asked: Asked
    graph: CallGraph
    whole: Drawing
    drawing: Drawing
    plan: Plan
    kept: int
    moments: Moments
    part: Window | None
    before: Window | None
    diff: GraphDiff | None


def render(view: View, services: Services, _values: Mapping[str, str]) -> Component:
    """The page; what its address may ask for is in `asked_of`."""
    title = view.say("title_map")
    graph = services.graph(view.window)
    if graph.nodes.empty:
        return no_spans(view, services, title=title)
    shown = _map(view, services, graph)
    return page_body(
        [
            heading(title),
            _answer(view, shown),
            _map_card(view, shown),
            *([_changes_card(view, shown)] if shown.before is not None else []),
            _table_card(view, shown),
        ]
    )


def _map(view: View, services: Services, graph: CallGraph) -> _Map:
    health = judged(services.patrol(view.window))
    impact = {one.service: one.impact for one in shown_impact(view, services)}
    whole = drawing_of(graph, health, impact)
    asked = _resolved(asked_of(view.address), whole)
    before = asked.before(view.window)
    diff = services.graph_diff(before, view.window) if before is not None else None
    if diff is not None and not (diff.edges["calls_before"] > 0).any():
        diff = None
    if diff is not None:
        whole = compared(whole, diff)
    around = _around(view, services, whole, asked)
    kept = filtered(around, asked)
    plan = plan_of(kept, asked)
    moments = moments_of(view.window)
    part = moments.part(asked.at_ns) if asked.at_ns is not None and asked.level == "service" else None
    if part is not None:
        kept = at_moment(kept, services.moment(view.window, part))
    drawing = collapsed(kept, plan, lambda key: group_name(view, key))
    return _Map(asked, graph, whole, drawing, plan, len(kept.boxes), moments, part, before, diff)


def _resolved(asked: Asked, whole: Drawing) -> Asked:
    """With the focus dropped where it is not on the map, and the box that the words searched for mean."""
    focus = asked.focus if whole.place(asked.focus) is not None else ""
    found = named_like(whole, asked.find) if asked.find else ""
    return replace(asked, focus=focus, level=asked.level if focus else "service", find=found)


def _around(view: View, services: Services, whole: Drawing, asked: Asked) -> Drawing:
    place = whole.place(asked.focus)
    if place is None:
        return whole
    near = whole.kept(within(whole, [place], asked.hops))
    if asked.level == "service":
        return near
    return unfolded(near, services.level_graph(view.window, Level(asked.level)), asked.focus)


def _answer(view: View, shown: _Map) -> Component:
    boxes, whole = shown.drawing.boxes, shown.whole.boxes
    if view.address.get("find") and not shown.asked.find:
        return answer(view, Verdict.UNKNOWN, view.say("map.not_found", words=view.address.get("find")))
    if shown.part is not None:
        off = boxes.name[(boxes.rank >= OFF) & (boxes.type != "group")]
        start, end = view.clock(shown.part.start_ns, seconds=True), view.clock(shown.part.end_ns, seconds=True)
        groups = int(((boxes.rank >= OFF) & (boxes.type == "group")).sum())
        values: dict[str, MessageValue] = {
            "start": start,
            "end": end,
            "names": _named(view, off.tolist()),
            "groups": groups,
        }
        said = "map.off_then" if len(off) else "map.off_then_groups" if groups else "map.quiet_then"
        return answer(view, Verdict.WARNING if len(off) or groups else Verdict.OK, view.say(said, **values))
    off = whole.name[whole.rank >= OFF]
    total = len(shown.graph.nodes)
    if len(off):
        words = view.say("map.off", count=f"{len(off):,}", names=_named(view, off.tolist()), nodes=f"{total:,}")
        return answer(view, Verdict.WARNING, words)
    return answer(view, Verdict.OK, view.say("map.quiet", nodes=f"{total:,}", edges=f"{len(shown.graph.edges):,}"))


def _named(view: View, names: Sequence[str]) -> str:
    words = view.say("comma").join(names[:NAMED_MAX])
    rest = len(names) - NAMED_MAX
    return view.join([words, view.say("and_more", count=rest)]) if rest > 0 else words


def _map_card(view: View, shown: _Map) -> Component:
    found = shown.asked.find
    nodes = boxes_of(view, shown.drawing, found=found)
    drawn = (
        service_map(view, "map", nodes, arrows_of(shown.drawing), label=view.say("map.label"), layers=shown.plan.layers)
        if nodes
        else nothing(view.say("map.nothing_passes"))
    )
    busiest = shown.whole.boxes.name[np.argsort(-shown.whole.boxes.calls_per_s, kind="stable")]
    opened = [(key, group_name(view, key)) for key in shown.asked.opened]
    spaces = sorted(set(namespaces(shown.whole).tolist()) - {""})
    tools = [
        search_form(view, shown.asked, busiest.tolist()),
        filter_form(view, shown.asked, spaces),
        pills(view, shown.asked, total=f"{len(shown.whole.boxes):,}", opened=opened),
    ]
    return card(
        view.say("title_map"),
        html.Div(
            [
                html.Div(tools, id="live-map-tools", className="map-controls"),
                html.Div(_time(view, shown), id="live-map-time"),
                drawn,
                html.Div(_footing(view, shown), id="live-map-foot"),
            ]
        ),
        note=_note(view, shown),
        class_name="flush",
        key="map",
    )


def _time(view: View, shown: _Map) -> Component:
    if shown.asked.level != "service":
        return html.P(view.say("map.whole_only"), className="map-time dim small")
    return time_slider(view, shown.moments, shown.part)


def _note(view: View, shown: _Map) -> str:
    total = len(shown.whole.boxes)
    plan = shown.plan
    if plan.groups:
        alone = int(plan.alone.sum())
        said = view.say("map.collapsed", groups=len(plan.groups), inside=plan.hidden, shown=alone)
    else:
        said = view.say("map.click")
    left = total - shown.kept
    return view.join([said, view.say("map.left_out", left=f"{left:,}", total=f"{total:,}")]) if left > 0 else said


def _footing(view: View, shown: _Map) -> Component:
    return html.Div(
        [
            map_legend(view, compared=shown.diff is not None),
            coverage_long(view, shown.graph.coverage),
        ]
    )


def _changes_card(view: View, shown: _Map) -> Component:
    assert shown.before is not None
    title = view.say("map.changes", window=view.span_of(shown.before))
    if shown.diff is None:
        return card(title, nothing(view.say("map.nothing_before", window=view.span_of(shown.before))), key="changes")
    counts = shown.diff.counts()
    note = view.say("map.changes_note", **{name: counts[name] for name in ("new", "removed", "changed", "too_few")})
    differing = sum(counts[name] for name in ("new", "removed", "changed"))
    if not differing:
        return card(title, nothing(view.say("map.no_changes")), note=note, key="changes")
    if differing > CHANGES_MAX:
        note = view.join([note, view.say("partial", shown=CHANGES_MAX, total=differing)])
    table = grid("map-changes", view, change_columns(view), change_rows(view, shown.diff), label=title)
    return card(title, table, note=note, class_name="flush", key="changes")


def _table_card(view: View, shown: _Map) -> Component:
    rows = map_rows(view, shown.drawing)
    total = len(shown.drawing.arrows)
    note = view.say("map.table_note")
    if total > ROWS_MAX:
        note = view.join([note, view.say("map.table_first", shown=ROWS_MAX, total=f"{total:,}")])
    columns = map_columns(view, compared=shown.diff is not None)
    table = grid("map-edges", view, columns, rows, label=view.say("map.table"))
    return card(view.say("map.table"), table, note=note, class_name="flush")


PAGE = Page(name="map", path="/map", title="title_map", render=render, nav=(1, "sitemap"))
