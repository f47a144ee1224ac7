"""Map: who calls whom, where it hurts, and how much hangs on each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dash import html
from dash.development.base_component import Component

from causeway.findings import Verdict
from causeway.messages import quantity
from dashboards.components.basics import answer, card, heading, page_body
from dashboards.components.map_view import MapShown, choose_shown, map_columns, map_edges, map_nodes, map_rows
from dashboards.components.service_map import map_height, map_legend, service_map
from dashboards.components.states import no_spans
from dashboards.components.tables import grid
from dashboards.judged import judged
from dashboards.page import Page
from dashboards.services import Services
from dashboards.view import View


def render(view: View, services: Services, _values: Mapping[str, str]) -> Component:
    """The page. `?focus=NAME&hops=K` shows a neighbourhood, `?all=1` everything."""
    title = view.say("title_map")
    graph = services.graph(view.window)
    if graph.nodes.empty:
        return no_spans(view, services, title=title)
    health = judged(services.patrol(view.window))
    impact = {one.service: one.impact for one in services.impact(view.window)}
    shown = choose_shown(
        graph,
        health,
        focus=view.address.get("focus"),
        hops=view.address.get("hops"),
        everything=view.address.get("all") == "1",
    )
    nodes = map_nodes(view, graph, health, impact, shown)
    edges = map_edges(graph, health, shown)
    drawn = service_map(view, "map", nodes, edges, height=map_height(nodes, edges), label=view.say("map_label"))
    rows = map_rows(view, graph, shown)
    return page_body(
        [
            heading(title),
            _answer(
                view,
                nodes_off=[node.id for node in nodes if node.verdict.rank >= Verdict.WARNING.rank],
                graph_nodes=len(graph.nodes),
                graph_edges=len(graph.edges),
            ),
            card(
                view.say("title_map"),
                html.Div([_tools(view, shown, len(graph.nodes)), drawn, map_legend(view)]),
                note=_note(view, shown),
                class_name="flush",
            ),
            card(
                view.say("map_table"),
                grid("map-edges", view, map_columns(view), rows, label=view.say("map_table")),
                note=view.say("map_table_note"),
                class_name="flush",
            ),
        ]
    )


def _answer(view: View, *, nodes_off: Sequence[str], graph_nodes: int, graph_edges: int) -> Component:
    if not nodes_off:
        return answer(view, Verdict.OK, view.say("map_quiet", nodes=graph_nodes, edges=graph_edges))
    named = view.say("comma").join(nodes_off[:4])
    return answer(view, Verdict.WARNING, view.say("map_off", count=len(nodes_off), names=named, nodes=graph_nodes))


def _note(view: View, shown: MapShown) -> str:
    if shown.hidden:
        return view.say("map_hidden", shown=len(shown.names), hidden=shown.hidden)
    return view.say("map_click")


def _tools(view: View, shown: MapShown, total: int) -> Component:
    tabs = []
    if shown.focus:
        for hops in (1, 2, 3):
            chosen = " chosen" if shown.hops == hops else ""
            tabs.append(html.A(view.say("map_hops", hops=hops), href=view.href(hops=hops), className=f"pill{chosen}"))
        tabs.append(
            html.A(
                view.say("map_everything", count=quantity(total)),
                href=view.href(focus=None, hops=None),
                className="pill",
            )
        )
    elif shown.hidden:
        tabs.append(html.A(view.say("map_show_all", count=total), href=view.href(all=1), className="pill"))
    elif view.address.get("all") == "1":
        tabs.append(html.A(view.say("map_show_some"), href=view.href(all=None), className="pill"))
    return html.Div(tabs, className="pills map-tools")


PAGE = Page(name="map", path="/map", title="title_map", render=render, nav=(1, "sitemap"))
