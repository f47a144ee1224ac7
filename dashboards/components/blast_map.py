"""A map of what falls with something: the darker a box, the more of its requests fail."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import dash_cytoscape as cyto
from dash import html
from dash.development.base_component import Component

from analytics.impact.blast import BlastRadius, Victim
from analytics.impact.transmission import Transmission
from causeway.findings import Verdict
from causeway.messages import quantity
from dashboards.components.basics import aria
from dashboards.components.map_style import stylesheet
from dashboards.components.service_map import MapEdge, MapNode, elements, places_of
from dashboards.layout.layered import Place
from dashboards.theme import Theme
from dashboards.view import View

# The likeliest victims; a larger drawing says less.
VICTIMS_MAX = 32
# Strengths of the shade: a box takes the one nearest to its share of failing requests.
SHADES = 10
HEIGHT_MIN_PX, HEIGHT_MAX_PX = 170, 640


def shown_victims(found: BlastRadius) -> Sequence[Victim]:
    """The victims on the map, and those on their likeliest ways that are victims too."""
    return found.victims[:VICTIMS_MAX]


def travelled(found: BlastRadius, transmissions: Sequence[Transmission]) -> list[Transmission]:
    """The edges between the target and the victims on the map, the busiest transmitters first."""
    inside = {one.service for one in shown_victims(found)} | {step for one in found.victims[:1] for step in one.path}
    starts = {one.path[0] for one in shown_victims(found)} | {found.target.name}
    both = inside | starts
    kept = [one for one in transmissions if one.caller in inside and one.callee in both and one.caller != one.callee]
    return sorted(kept, key=lambda one: (-one.errors * one.touched, one.caller, one.callee))


def blast_map(view: View, key: str, found: BlastRadius, edges: Sequence[Transmission]) -> Component:
    """The target and who is hit, left to right as calls go, with what each call passes on."""
    share = {one.service: one for one in shown_victims(found)}
    starts = {one.path[0] for one in share.values()} | {found.target.name}
    nodes = [_node(view, name, share.get(name), starts) for name in sorted(starts | set(share))]
    arrows = [MapEdge(one.caller, one.callee, 1.0 + 99.0 * one.touched, Verdict.OK) for one in edges]
    places = places_of(nodes, arrows)
    drawn = elements(nodes, arrows, places)
    passed = {f"{one.caller}→{one.callee}": one for one in edges}
    for element in drawn:
        name = element["data"]["id"]
        if name in passed:
            element["data"]["passes"] = quantity(passed[name].errors, "%") if passed[name].measured else "?"
        else:
            lost = 1.0 if name in starts else share[name].probability
            element["data"]["lost"] = round(lost * SHADES)
    canvas = cyto.Cytoscape(
        id=key,
        elements=drawn,
        stylesheet=[*stylesheet(view.theme), *_shades(view.theme)],
        layout={"name": "preset", "fit": True, "padding": 28},
        style={"width": "100%", "height": f"{_height_px(places.values())}px"},
        autoungrabify=True,
        boxSelectionEnabled=False,
        responsive=True,
        minZoom=0.12,
        maxZoom=1.3,
        wheelSensitivity=1,
    )
    return html.Div(canvas, className="map-canvas", role="img", **aria(label=view.say("impactpages.map_label")))


def _height_px(places: Iterable[Place]) -> int:
    tallest = max((place.y for place in places), default=0.0)
    return min(HEIGHT_MAX_PX, max(HEIGHT_MIN_PX, round(tallest) + 130))


def _node(view: View, name: str, victim: Victim | None, starts: set[str]) -> MapNode:
    line = (
        view.say("impactpages.map_target") if name in starts else quantity(victim.probability if victim else None, "%")
    )
    return MapNode(
        id=name,
        type=victim.type if victim is not None else "service",
        verdict=Verdict.OK,
        line=line,
        href=view.href(f"/impact/{name}"),
        cause=name in starts,
    )


def _shades(theme: Theme) -> list[dict[str, Any]]:
    sheet: list[dict[str, Any]] = [
        {
            "selector": f"node[lost >= {level}]",
            "style": {
                "background-color": _mixed(theme.card, theme.critical, 0.08 + 0.5 * level / SHADES),
                "border-color": theme.critical,
            },
        }
        for level in range(1, SHADES + 1)
    ]
    sheet.append(
        {
            "selector": "edge[passes]",
            "style": {
                "label": "data(passes)",
                "line-color": theme.unknown,
                "target-arrow-color": theme.unknown,
                "font-size": 11,
                "color": theme.dimmed,
                "text-background-color": theme.card,
                "text-background-opacity": 0.85,
                "text-background-padding": "2px",
            },
        }
    )
    return sheet


def _mixed(below: str, above: str, share: float) -> str:
    """`#rrggbb` of a colour laid over another."""
    pairs = [(int(below[i : i + 2], 16), int(above[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(low + (high - low) * share):02x}" for low, high in pairs)
