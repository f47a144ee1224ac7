"""The service map behind our own wrapper: places come from the server, the browser only draws."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import dash_cytoscape as cyto
from dash import html
from dash.development.base_component import Component

from causeway.findings import Verdict
from dashboards.components.basics import aria
from dashboards.layout.layered import Place, Spacing, layered
from dashboards.theme import FONT, Theme
from dashboards.view import View

# Shape says what a thing is.
SHAPES = {
    "service": "round-rectangle",
    "database": "barrel",
    "queue": "polygon",
    "external": "round-rectangle",
    "entry": "ellipse",
    "group": "round-rectangle",
}
WIDTH_PX, HEIGHT_PX = 150, 50
HEIGHT_MIN_PX, HEIGHT_MAX_PX = 320, 820
# A box that leans a little: half axes of its corners.
SLANTED = "-0.86 -1 1 -1 0.86 1 -1 1"


@dataclass(frozen=True, slots=True)
class MapNode:
    """A box of the map. `line` is its second line of text; impact is 0-100 or None."""

    id: str
    type: str
    verdict: Verdict
    line: str
    href: str
    impact: float | None = None
    entry: bool = False
    cause: bool = False
    label: str = ""


@dataclass(frozen=True, slots=True)
class MapEdge:
    """An arrow. Coloured only where `verdict` is at least a warning."""

    caller: str
    callee: str
    calls_per_s: float
    verdict: Verdict = Verdict.OK
    asynchronous: bool = False
    on_path: bool = False


def service_map(
    view: View, key: str, nodes: Sequence[MapNode], edges: Sequence[MapEdge], *, height: str, label: str
) -> Component:
    """The drawing. A click on a box follows its address; a table beside it carries the same facts."""
    places = places_of(nodes, edges)
    drawn = cyto.Cytoscape(
        id=key,
        elements=elements(nodes, edges, places),
        stylesheet=stylesheet(view.theme),
        layout={"name": "preset", "fit": True, "padding": 28},
        style={"width": "100%", "height": height},
        autoungrabify=True,
        boxSelectionEnabled=False,
        responsive=True,
        minZoom=0.12,
        maxZoom=1.6,
        wheelSensitivity=1,
    )
    return html.Div(drawn, className="map-canvas", role="img", **aria(label=label))


def places_of(nodes: Sequence[MapNode], edges: Sequence[MapEdge]) -> Mapping[str, Place]:
    """Where the boxes go."""
    return layered(
        (node.id for node in nodes),
        ((edge.caller, edge.callee) for edge in edges),
        first=(node.id for node in nodes if node.entry),
        spacing=spacing_for(len(nodes)),
    )


def map_height(nodes: Sequence[MapNode], edges: Sequence[MapEdge]) -> str:
    """As tall as the drawing needs, within what a screen shows."""
    tallest = max((place.y for place in places_of(nodes, edges).values()), default=0.0)
    return f"{min(HEIGHT_MAX_PX, max(HEIGHT_MIN_PX, round(tallest) + 130))}px"


def spacing_for(count: int) -> Spacing:
    """Closer rows for many boxes."""
    return Spacing(layer=204.0, row=74.0) if count <= 40 else Spacing(layer=214.0, row=60.0)


def elements(nodes: Sequence[MapNode], edges: Sequence[MapEdge], places: Mapping[str, Place]) -> list[dict[str, Any]]:
    """Cytoscape's elements, in a stable order."""
    boxes = [_box(node, places[node.id]) for node in sorted(nodes, key=lambda node: node.id)]
    arrows = [_arrow(edge, places) for edge in sorted(edges, key=lambda edge: (edge.caller, edge.callee))]
    return boxes + [arrow for arrow in arrows if arrow is not None]


def _box(node: MapNode, place: Place) -> dict[str, Any]:
    classes = [node.type, f"is-{node.verdict.value.lower()}"]
    classes += ["cause"] if node.cause else []
    name = node.label or node.id
    shown = name if len(name) <= 22 else name[:20] + "…"
    impact = 0.0 if node.impact is None else max(0.0, min(100.0, node.impact))
    return {
        "data": {"id": node.id, "label": f"{shown}\n{node.line}", "href": node.href, "impact": round(impact)},
        "position": {"x": place.x, "y": place.y},
        "classes": " ".join(classes),
    }


def _arrow(edge: MapEdge, places: Mapping[str, Place]) -> dict[str, Any] | None:
    if edge.caller not in places or edge.callee not in places:
        return None
    backward = places[edge.callee].layer <= places[edge.caller].layer
    classes = [f"is-{edge.verdict.value.lower()}"]
    classes += ["asynchronous"] if edge.asynchronous else []
    classes += ["backward"] if backward else []
    classes += ["on-path"] if edge.on_path else []
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
    return round(min(6.0, max(1.0, 1.6 + math.log10(max(calls_per_s, 1e-3)))), 2)


def stylesheet(theme: Theme) -> list[dict[str, Any]]:
    """Colours of the theme; colour means attention, so what is well stays grey."""
    boxes: dict[str, Any] = {
        "label": "data(label)",
        "text-wrap": "wrap",
        "text-valign": "center",
        "text-halign": "center",
        "text-max-width": f"{WIDTH_PX + 30}px",
        "font-family": FONT,
        "font-size": 13,
        "line-height": 1.35,
        "color": theme.text,
        "width": WIDTH_PX,
        "height": HEIGHT_PX,
        "background-color": theme.card,
        "border-width": 1.5,
        "border-color": theme.ok,
    }
    arrows: dict[str, Any] = {
        "width": "data(width)",
        "curve-style": "bezier",
        "line-color": theme.border,
        "target-arrow-color": theme.border,
        "target-arrow-shape": "triangle",
        "arrow-scale": 0.9,
        "source-distance-from-node": 2,
        "target-distance-from-node": 3,
    }
    sheet = [{"selector": "node", "style": boxes}, {"selector": "edge", "style": arrows}]
    sheet += [{"selector": f"node.{kind}", "style": {"shape": shape}} for kind, shape in SHAPES.items()]
    sheet.append({"selector": "node.queue", "style": {"shape-polygon-points": SLANTED}})
    sheet.append({"selector": "node.database", "style": {"width": 132, "height": 54}})
    sheet += _impact_bars(theme)
    sheet.append({"selector": "node.external", "style": {"border-style": "dashed"}})
    sheet.append({"selector": "node.group", "style": {"border-style": "double", "border-width": 4}})
    sheet.append({"selector": "node.is-unknown", "style": {"border-style": "dashed", "color": theme.dimmed}})
    for verdict in (Verdict.WARNING, Verdict.CRITICAL):
        colour = theme.verdict(verdict)
        name = verdict.value.lower()
        sheet.append({"selector": f"node.is-{name}", "style": {"border-color": colour, "border-width": 3}})
        sheet.append({"selector": f"edge.is-{name}", "style": {"line-color": colour, "target-arrow-color": colour}})
    sheet += [
        {"selector": "edge.asynchronous", "style": {"line-style": "dashed"}},
        {"selector": "edge.backward", "style": {"curve-style": "unbundled-bezier", "control-point-distances": 90}},
        {"selector": "edge.on-path", "style": {"z-index": 9}},
        {"selector": "node.cause", "style": {"border-width": 5, "font-weight": "bold"}},
        {"selector": ":selected", "style": {"overlay-opacity": 0}},
    ]
    return sheet


def _impact_bars(theme: Theme) -> list[dict[str, Any]]:
    """The impact factor as a thin bar along the foot of a box: a drawn image per ten points, made here."""
    sheet = []
    for low in range(5, 101, 5):
        share = low / 100
        svg = (
            f"<svg xmlns='http://www.w3.org/2000/svg' width='120' height='4'>"
            f"<rect width='120' height='4' rx='2' fill='{theme.grid}'/>"
            f"<rect width='{120 * share:.0f}' height='4' rx='2' fill='{theme.accent}'/></svg>"
        )
        address = "data:image/svg+xml;utf8," + quote(svg)
        sheet.append(
            {
                "selector": f"node[impact >= {low - 2.5}]",
                "style": {
                    "background-image": address,
                    "background-width": "120px",
                    "background-height": "4px",
                    "background-position-y": "91%",
                    "background-clip": "none",
                },
            }
        )
    return sheet


def map_legend(view: View) -> Component:
    """What shapes and lines mean, in words."""
    parts = ["legend_shapes", "legend_border", "legend_edges", "legend_impact"]
    return html.Div([html.Span(view.say(part)) for part in parts], className="legend")
