"""Which boxes and arrows of a drawing are asked for. What needs attention is never taken for noise."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from analytics.callgraph.level import WITHIN
from dashboards.topology.asked import VERDICTS, Asked
from dashboards.topology.drawing import OFF, Drawing

# An arrow with less than this share of all calls on the map is noise.
NOISE_SHARE = 0.0005
# Operations that only ask whether somebody is there.
HEALTH = re.compile(
    r"(?i)(^|[/_. ])(health|healthz|ready|readyz|live|livez|liveness|readiness|ping|metrics|actuator)\b"
)
# `shop/cart` as OpenTelemetry writes a namespace into `job`, and `shop.cart`.
NAMESPACE = re.compile(r"([A-Za-z][\w-]*)[./](?=[A-Za-z])")


def within(drawing: Drawing, starts: Iterable[int], hops: int) -> np.ndarray:
    """(n,) bool: boxes at most that many steps from the starts, in either direction."""
    near = np.zeros(len(drawing.boxes), dtype=bool)
    near[list(starts)] = True
    a, b = drawing.arrows.caller, drawing.arrows.callee
    for _ in range(hops):
        reached = near.copy()
        reached[b[near[a]]] = True
        reached[a[near[b]]] = True
        near = reached
    return near


def namespaces(drawing: Drawing) -> np.ndarray:
    """(n,) the namespace written into each service's name, "" where there is none or nobody shares it.

    A store or an outside host belongs to the namespace of all who call it, if that is one.
    """
    boxes, arrows = drawing.boxes, drawing.arrows
    found = np.array([_namespace(str(name)) for name in boxes.owner], dtype=object)
    found[~np.isin(boxes.type, ("service", "entry"))] = ""
    names, count = np.unique(found.astype(str), return_counts=True)
    found[np.isin(found, names[count < 2])] = ""
    of = found[arrows.caller]
    for place in np.flatnonzero(~np.isin(boxes.type, ("service", "entry"))).tolist():
        callers = set(of[arrows.callee == place])
        found[place] = callers.pop() if len(callers) == 1 else ""
    return found


def _namespace(name: str) -> str:
    match = NAMESPACE.match(name)
    return match.group(1) if match else ""


def filtered(drawing: Drawing, asked: Asked) -> Drawing:
    """The boxes and arrows that pass every filter; boxes left without a neighbour by a filter on arrows go too.

    The service in focus and the one searched for always stay.
    """
    boxes, arrows = drawing.boxes, drawing.arrows
    lit = np.ones(len(arrows), dtype=bool)
    if asked.kind:
        lit &= arrows.kind == asked.kind
    if asked.calls_min:
        lit &= arrows.calls_per_s * 60 >= asked.calls_min
    if asked.quiet:
        lit &= ~_noise(drawing)
    kept = np.ones(len(boxes), dtype=bool)
    if not lit.all():
        kept = _joined(drawing, lit) | (boxes.rank >= OFF)
    if asked.quiet:
        kept &= ~_health_checks(boxes.name) | (boxes.rank >= OFF)
    if asked.type:
        kept &= _type(drawing, asked.type)
    if asked.verdict:
        kept &= _verdict(drawing, asked.verdict)
    if asked.namespace:
        kept &= _named(drawing, namespaces(drawing) == asked.namespace)
    kept |= np.isin(boxes.name, [name for name in (asked.focus, asked.find) if name])
    return drawing.kept(kept, lit)


def _health_checks(names: np.ndarray) -> np.ndarray:
    """(n,) bool: operations that only ask whether a service is there; never a whole service."""
    parts = (str(name).partition(WITHIN)[2] for name in names)
    return np.array([bool(HEALTH.search(part)) for part in parts], dtype=bool)


def _joined(drawing: Drawing, lit: np.ndarray) -> np.ndarray:
    """(n,) bool: boxes at an end of a lit arrow."""
    joined = np.zeros(len(drawing.boxes), dtype=bool)
    joined[drawing.arrows.caller[lit]] = True
    joined[drawing.arrows.callee[lit]] = True
    return joined


def _noise(drawing: Drawing) -> np.ndarray:
    """(m,) bool: arrows with hardly any traffic that are neither off nor changed."""
    arrows = drawing.arrows
    little = arrows.calls_per_s < NOISE_SHARE * arrows.calls_per_s.sum()
    return little & (arrows.rank < OFF) & (arrows.change == "")


def _type(drawing: Drawing, wanted: str) -> np.ndarray:
    """Stores, queues and outside hosts are shown with who calls them; services alone."""
    boxes, arrows = drawing.boxes, drawing.arrows
    chosen = boxes.type == wanted
    if wanted == "service":
        return chosen
    near = chosen.copy()
    near[arrows.caller[chosen[arrows.callee]]] = True
    return near


def _verdict(drawing: Drawing, wanted: str) -> np.ndarray:
    """Boxes of the verdict with their neighbours, so that one sees who suffers."""
    chosen = np.isin(drawing.boxes.rank, [verdict.rank for verdict in VERDICTS[wanted]])
    return chosen if wanted == "ok" else within(drawing, np.flatnonzero(chosen).tolist(), 1)


def _named(drawing: Drawing, chosen: np.ndarray) -> np.ndarray:
    """A namespace with those it talks to."""
    return within(drawing, np.flatnonzero(chosen).tolist(), 1)


def named_like(drawing: Drawing, words: str) -> str:
    """The box that is meant: by its whole name, else the busiest whose name begins with the words or holds them."""
    asked = words.casefold()
    names = [str(name).casefold() for name in drawing.boxes.name]
    order = np.argsort(-drawing.boxes.calls_per_s, kind="stable").tolist()
    for fits in (asked.__eq__, lambda name: name.startswith(asked), lambda name: asked in name):
        found = next((place for place in order if fits(names[place])), None)
        if found is not None:
            return str(drawing.boxes.name[found])
    return ""
