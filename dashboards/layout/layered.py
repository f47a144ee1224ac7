"""A layered drawing of a call graph: the same system looks the same tomorrow.

After Sugiyama, Tagawa and Toda (IEEE Trans. SMC 1981): break cycles, longest-path layers, barycentre ordering,
coordinates. Ours differs in that every tie is broken by name and that layers hold their order by the barycentre only,
without inserting dummy nodes for long edges (a call graph has few, and readers follow names, not crossings).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

SWEEPS = 8
# A taller layer would make everything else too small to read.
ROWS_MAX = 16


@dataclass(frozen=True, slots=True)
class Spacing:
    """Pixels between the middles of neighbouring layers and of neighbours in one layer."""

    layer: float = 230.0
    row: float = 74.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node goes: its layer (0 is left), its row in the layer, and its middle in pixels."""

    layer: int
    row: int
    x: float
    y: float


def layered(
    nodes: Iterable[str],
    edges: Iterable[tuple[str, str]],
    *,
    first: Iterable[str] = (),
    spacing: Spacing | None = None,
) -> Mapping[str, Place]:
    """A place for every node, left to right along the edges; `first` are held in the leftmost layer if possible.

    Depends on the sets only, not on their order. Edges with an unknown end and loops are ignored.
    """
    spacing = spacing or Spacing()
    names = sorted(set(nodes))
    known = set(names)
    arcs = sorted({(a, b) for a, b in edges if a != b and a in known and b in known})
    kept = _without_cycles(names, arcs, first=sorted(set(first) & known))
    layers = _ordered(_layers(names, kept), arcs)
    return _placed(layers, spacing)


def _placed(layers: Sequence[Sequence[str]], spacing: Spacing) -> dict[str, Place]:
    """Pixels: every layer in the middle; one taller than ROWS_MAX stands in several columns, in reading order."""
    columns = [max(1, -(-len(layer) // ROWS_MAX)) for layer in layers]
    tallest = max((-(-len(layer) // wide) for layer, wide in zip(layers, columns, strict=True)), default=0)
    places: dict[str, Place] = {}
    left = 0
    for number, (layer, wide) in enumerate(zip(layers, columns, strict=True)):
        offset = (tallest - -(-len(layer) // wide)) / 2
        for row, name in enumerate(layer):
            down, across = divmod(row, wide)
            places[name] = Place(number, row, (left + across) * spacing.layer, (down + offset) * spacing.row)
        left += wide
    return places


def _without_cycles(
    names: Sequence[str], arcs: Sequence[tuple[str, str]], *, first: Sequence[str]
) -> list[tuple[str, str]]:
    """The arcs without those that lead back to a node still being visited, from `first`, then sources, then names."""
    following: dict[str, list[str]] = {name: [] for name in names}
    called = set()
    for a, b in arcs:
        following[a].append(b)
        called.add(b)
    starts = [*first, *(name for name in names if name not in called), *names]
    done: set[str] = set()
    open_: set[str] = set()
    kept: list[tuple[str, str]] = []
    for start in starts:
        stack: list[tuple[str, int]] = [(start, 0)] if start not in done else []
        open_.update(name for name, _ in stack)
        while stack:
            name, i = stack.pop()
            if i == len(following[name]):
                open_.discard(name)
                done.add(name)
                continue
            stack.append((name, i + 1))
            target = following[name][i]
            if target in open_:
                continue
            kept.append((name, target))
            if target not in done:
                open_.add(target)
                stack.append((target, 0))
    return kept


def _layers(names: Sequence[str], arcs: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Longest path from the left: a node stands one layer right of its rightmost caller."""
    following: dict[str, list[str]] = {name: [] for name in names}
    waiting = dict.fromkeys(names, 0)
    for a, b in arcs:
        following[a].append(b)
        waiting[b] += 1
    layer = dict.fromkeys(names, 0)
    ready = [name for name in names if not waiting[name]]
    while ready:
        name = ready.pop()
        for target in following[name]:
            layer[target] = max(layer[target], layer[name] + 1)
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    found: list[list[str]] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    for name in names:
        found[layer[name]].append(name)
    return found


def _ordered(layers: list[list[str]], arcs: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Each layer by the mean relative height of its neighbours, swept to and fro; ties by name."""
    neighbours: dict[str, list[str]] = {name: [] for layer in layers for name in layer}
    for a, b in arcs:
        neighbours[a].append(b)
        neighbours[b].append(a)
    height: dict[str, float] = {}
    for layer in layers:
        height.update(_heights(layer))
    layer_of = {name: i for i, layer in enumerate(layers) for name in layer}
    for sweep in range(SWEEPS):
        rightward = sweep % 2 == 0
        for i in range(len(layers)) if rightward else range(len(layers) - 1, -1, -1):
            means = {name: _barycentre(name, neighbours, height, layer_of, left=rightward) for name in layers[i]}
            layers[i].sort(key=lambda name: (round(means[name], 9), name))
            height.update(_heights(layers[i]))
    return layers


def _barycentre(
    name: str,
    neighbours: Mapping[str, Sequence[str]],
    height: Mapping[str, float],
    layer_of: Mapping[str, int],
    *,
    left: bool,
) -> float:
    here = layer_of[name]
    seen = [height[other] for other in neighbours[name] if (layer_of[other] < here) == left and layer_of[other] != here]
    return sum(seen) / len(seen) if seen else height[name]


def _heights(layer: Sequence[str]) -> dict[str, float]:
    """Rows counted from the middle, so that short and tall layers compare."""
    middle = (len(layer) - 1) / 2
    return {name: row - middle for row, name in enumerate(layer)}
