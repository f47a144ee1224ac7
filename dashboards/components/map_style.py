"""How boxes and arrows of the service map look: colours of the theme; colour means attention."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from causeway.findings import Verdict
from dashboards.theme import FONT, Theme

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
# A box that leans a little: half axes of its corners.
SLANTED = "-0.86 -1 1 -1 0.86 1 -1 1"
# Labels smaller than this on the screen are not drawn: nobody can read them, and drawing them takes longest.
LABEL_MIN_PX = 6
LABEL_MIN_PX_LARGE = 8

Sheet = list[dict[str, Any]]


def stylesheet(theme: Theme, *, large: bool = False) -> Sheet:
    """The rules, later ones winning. A large map has straight arrows without heads and no bars."""
    sheet = [
        _rule("node", _boxes(theme, large=large)),
        _rule("edge", _arrows(theme, large=large)),
        *(_rule(f"node.{kind}", {"shape": shape}) for kind, shape in SHAPES.items() if kind != "service"),
        _rule("node.queue", {"shape-polygon-points": SLANTED}),
        _rule("node.database", {"width": 132, "height": 54}),
        *([] if large else _impact_bars(theme)),
        _rule("node.external", {"border-style": "dashed"}),
        _rule("node.group", {"border-style": "double", "border-width": 4, "height": HEIGHT_PX + 6}),
        _rule("node.is-unknown", {"border-style": "dashed", "color": theme.dimmed}),
    ]
    for verdict in (Verdict.WARNING, Verdict.CRITICAL):
        colour, name = theme.verdict(verdict), verdict.value.lower()
        sheet.append(_rule(f"node.is-{name}", {"border-color": colour, "border-width": 8 if large else 3}))
        strong = {"line-color": colour, "target-arrow-color": colour, "line-opacity": 1, "z-index": 5}
        sheet.append(_rule(f"edge.is-{name}", strong))
    sheet += _kinds(theme, large=large)
    sheet += _changes(theme)
    sheet += [
        _rule("edge.on-path", {"z-index": 9}),
        _rule("node.cause", {"border-width": 5, "font-weight": "bold"}),
        _rule(
            "node.found",
            {"underlay-color": theme.accent, "underlay-opacity": 0.35, "underlay-padding": 12, "z-index": 20},
        ),
        _rule(":selected", {"overlay-opacity": 0}),
    ]
    return sheet


def _rule(selector: str, style: dict[str, Any]) -> dict[str, Any]:
    return {"selector": selector, "style": style}


def _boxes(theme: Theme, *, large: bool) -> dict[str, Any]:
    return {
        "label": "data(label)",
        "shape": SHAPES["service"],
        "text-wrap": "wrap",
        "text-valign": "center",
        "text-halign": "center",
        "text-max-width": f"{WIDTH_PX + 30}px",
        "font-family": FONT,
        "font-size": 13,
        "min-zoomed-font-size": LABEL_MIN_PX_LARGE if large else LABEL_MIN_PX,
        "line-height": 1.35,
        "color": theme.text,
        "width": WIDTH_PX,
        "height": HEIGHT_PX,
        "background-color": theme.grid if large else theme.card,
        "border-width": 3 if large else 1.5,
        "border-color": theme.ok,
    }


def _arrows(theme: Theme, *, large: bool) -> dict[str, Any]:
    if large:  # the layers run from left to right, and so do nearly all calls
        return {
            "width": "data(width)",
            "curve-style": "haystack",
            "haystack-radius": 0,
            "line-color": theme.ok,
            "line-opacity": 0.3,
            "events": "no",
        }
    return {
        "width": "data(width)",
        "curve-style": "bezier",
        "line-color": theme.arrow,
        "target-arrow-color": theme.arrow,
        "target-arrow-shape": "triangle",
        "arrow-scale": 0.9,
        "source-distance-from-node": 2,
        "target-distance-from-node": 3,
        "font-family": FONT,
        "font-size": 12,
    }


def _kinds(theme: Theme, *, large: bool) -> Sheet:
    rules = [
        _rule("edge.asynchronous", {"line-style": "dashed"}),
        _rule("edge.linked", {"line-style": "dotted"}),
    ]
    if not large:
        curved = {"curve-style": "unbundled-bezier", "control-point-distances": 90}
        rules.append(_rule("edge.backward", curved))
        rules.append(_rule("edge.linked", {"target-arrow-color": theme.dimmed, "line-color": theme.dimmed}))
    return rules


def _changes(theme: Theme) -> Sheet:
    """What is new is solid in the accent; what is gone is dashed; what changed carries a mark."""
    accent = {"line-color": theme.accent, "target-arrow-color": theme.accent, "z-index": 8}
    mark = {"color": theme.text, "text-background-color": theme.card, "text-background-opacity": 1}
    return [
        _rule("edge.change-new", {**accent, **mark, "label": "+", "line-style": "solid", "line-opacity": 1}),
        _rule("edge.change-removed", {**accent, **mark, "label": "−", "line-style": "dashed", "width": 1.5}),
        _rule("edge.change-changed", {**mark, "label": "Δ", "z-index": 7}),
    ]


def _impact_bars(theme: Theme) -> Sheet:
    """The impact factor as a thin bar along the foot of a box: a drawn image per five points, made here."""
    sheet = []
    for low in range(5, 101, 5):
        share = low / 100
        svg = (
            f"<svg xmlns='http://www.w3.org/2000/svg' width='120' height='4'>"
            f"<rect width='120' height='4' rx='2' fill='{theme.grid}'/>"
            f"<rect width='{120 * share:.0f}' height='4' rx='2' fill='{theme.accent}'/></svg>"
        )
        style = {
            "background-image": "data:image/svg+xml;utf8," + quote(svg),
            "background-width": "120px",
            "background-height": "4px",
            "background-position-y": "91%",
            "background-clip": "none",
        }
        sheet.append(_rule(f"node[impact >= {low - 2.5}]", style))
    return sheet
