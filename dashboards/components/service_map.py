"""The service map behind our own wrapper: places come from the server, the browser only draws."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dash_cytoscape as cyto
from dash import html
from dash.development.base_component import Component

from causeway.findings import Verdict
from dashboards.components.basics import aria
from dashboards.components.map_style import stylesheet
from dashboards.layout.layered import Place, Spacing, layered
from dashboards.view import View

HEIGHT_MIN_PX, HEIGHT_MAX_PX = 320, 820
# Above either a map is drawn plainly, so that it still follows the mouse: see `stylesheet`.
LARGE_NODES, LARGE_EDGES = 150, 500
LABEL_MAX = 22
# The map of the map page, whose boxes come and go while it stands.
MAP = "map"


@dataclass(frozen=True, slots=True)
class MapNode:
    """A box of the map. `line` is its second line of text; impact is 0-100 or None.

    href: where a click leads; a path without a query keeps range and language. found: what was searched for.
    """

    id: str
    type: str
    verdict: Verdict
    line: str
    href: str
    impact: float | None = None
    entry: bool = False
    cause: bool = False
    label: str = ""
    found: bool = False


@dataclass(frozen=True, slots=True)
class MapEdge:
    """An arrow. Coloured only where `verdict` is at least a warning. change: "", new, removed or changed."""

    caller: str
    callee: str
    calls_per_s: float
    verdict: Verdict = Verdict.OK
    asynchronous: bool = False
    on_path: bool = False
    linked: bool = False
    change: str = ""


def service_map(
    view: View,
    key: str,
    nodes: Sequence[MapNode],
    edges: Sequence[MapEdge],
    *,
    label: str,
    height: str | None = None,
    layers: Mapping[str, int] | None = None,
) -> Component:
    """The drawing. A click on a box follows its address; a table beside it carries the same facts.

    height: CSS; by default as tall as the drawing needs, within what a screen shows. layers: the columns of all boxes,
    where their arrows do not decide.
    """
    places = places_of(nodes, edges, layers)
    large = len(nodes) > LARGE_NODES or len(edges) > LARGE_EDGES
    drawn = cyto.Cytoscape(
        id=key,
        elements=elements(nodes, edges, places, large=large),
        stylesheet=stylesheet(view.theme, large=large),
        layout={"name": "preset", "fit": True, "padding": 28},
        style={"width": "100%", "height": height or _height(places)},
        autoRefreshLayout=key != MAP,  # `map.js` keeps the view where the same boxes stand
        autoungrabify=True,
        autounselectify=large,
        boxSelectionEnabled=False,
        responsive=True,
        minZoom=0.02 if large else 0.12,
        maxZoom=1.6,
        wheelSensitivity=1,
    )
    return html.Div(drawn, className="map-canvas", role="img", **aria(label=label))


def places_of(
    nodes: Sequence[MapNode], edges: Sequence[MapEdge], layers: Mapping[str, int] | None = None
) -> Mapping[str, Place]:
    """Where the boxes go."""
    return layered(
        (node.id for node in nodes),
        ((edge.caller, edge.callee) for edge in edges),
        first=(node.id for node in nodes if node.entry),
        spacing=spacing_for(len(nodes)),
        layers=layers,
    )


def map_height(nodes: Sequence[MapNode], edges: Sequence[MapEdge]) -> str:
    """As tall as the drawing needs, within what a screen shows."""
    return _height(places_of(nodes, edges))


def _height(places: Mapping[str, Place]) -> str:
    tallest = max((place.y for place in places.values()), default=0.0)
    return f"{min(HEIGHT_MAX_PX, max(HEIGHT_MIN_PX, round(tallest) + 130))}px"


def spacing_for(count: int) -> Spacing:
    """Closer rows for many boxes."""
    return Spacing(layer=204.0, row=74.0) if count <= 40 else Spacing(layer=214.0, row=60.0)


def elements(
    nodes: Sequence[MapNode], edges: Sequence[MapEdge], places: Mapping[str, Place], *, large: bool = False
) -> list[dict[str, Any]]:
    """Cytoscape's elements, in a stable order; whatever is not needed is left out, for there may be thousands."""
    boxes = [_box(node, places[node.id], large=large) for node in sorted(nodes, key=lambda node: node.id)]
    arrows = [
        _arrow(edge, places)
        for edge in sorted(edges, key=lambda edge: (edge.caller, edge.callee))
        if edge.caller in places and edge.callee in places
    ]
    return boxes + arrows


def _box(node: MapNode, place: Place, *, large: bool) -> dict[str, Any]:
    classes = [node.type, f"is-{node.verdict.value.lower()}"]
    classes += ["cause"] if node.cause else []
    classes += ["found"] if node.found else []
    name = node.label or node.id
    shown = name if len(name) <= LABEL_MAX else name[: LABEL_MAX - 2] + "…"
    box: dict[str, Any] = {"id": node.id, "label": f"{shown}\n{node.line}", "href": node.href}
    if not large and node.impact is not None:
        box["impact"] = round(max(0.0, min(100.0, node.impact)))
    return {"data": box, "position": {"x": round(place.x), "y": round(place.y)}, "classes": " ".join(classes)}


def _arrow(edge: MapEdge, places: Mapping[str, Place]) -> dict[str, Any]:
    backward = places[edge.callee].layer <= places[edge.caller].layer
    classes = [f"is-{edge.verdict.value.lower()}"] if edge.verdict is not Verdict.OK else []
    classes += ["asynchronous"] if edge.asynchronous else []
    classes += ["linked"] if edge.linked else []
    classes += ["backward"] if backward else []
    classes += ["on-path"] if edge.on_path else []
    classes += [f"change-{edge.change}"] if edge.change else []
    return {
        "data": {
            "id": f"{edge.caller}→{edge.callee}",
            "source": edge.caller,
            "target": edge.callee,
            "width": edge_width(edge.calls_per_s),
        },
        "classes": " ".join(classes),
    }


def edge_width(calls_per_s: float) -> float:
    """1 to 6 pixels: the logarithm of calls per second."""
    return round(min(6.0, max(1.0, 1.6 + math.log10(max(calls_per_s, 1e-3)))), 1)


def map_legend(view: View, *, compared: bool = False) -> Component:
    """What shapes and lines mean, in words."""
    parts = ["legend_shapes", "legend_border", "legend_edges", "legend_impact", *(["map.legend_changes"] * compared)]
    return html.Div([html.Span(view.say(part)) for part in parts], className="legend")
