"""A layered drawing of a call graph: the same system looks the same tomorrow.

After Sugiyama, Tagawa and Toda (IEEE Trans. SMC 1981): break cycles, longest-path layers, barycentre ordering,
coordinates. Ours differs in that every tie is broken by name and that layers hold their order by the barycentre only,
without inserting dummy nodes for long edges (a call graph has few, and readers follow names, not crossings).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

SWEEPS = 8
# A taller layer would make everything else too small to read; many boxes fill a screen's shape instead.
ROWS_MAX = 16
SCREEN_RATIO = 1.5


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
    layers: Mapping[str, int] | None = None,
) -> Mapping[str, Place]:
    """A place for every node, left to right along the edges; `first` are held in the leftmost layer if possible.

    layers: of every node, where they are known already; only the order inside them is chosen then. Depends on the sets
    only, not on their order. Edges with an unknown end and loops are ignored.
    """
    spacing = spacing or Spacing()
    names = sorted(set(nodes))
    known = set(names)
    arcs = sorted({(a, b) for a, b in edges if a != b and a in known and b in known})
    if layers:
        found: list[list[str]] = [[] for _ in range(max(layers.values()) + 1)]
        for name in names:
            found[layers[name]].append(name)
    else:
        found = _layers(names, _without_cycles(names, arcs, first=sorted(set(first) & known)))
    return _placed(_ordered(found, arcs), spacing)


def _placed(layers: Sequence[Sequence[str]], spacing: Spacing) -> dict[str, Place]:
    """Pixels: every layer in the middle; one that is too tall stands in several columns, in reading order."""
    rows_max = _rows_max(sum(len(layer) for layer in layers), spacing)
    columns = [max(1, -(-len(layer) // rows_max)) for layer in layers]
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


def _rows_max(count: int, spacing: Spacing) -> int:
    """So many rows that a full rectangle of that many boxes has the shape of a screen, at least ROWS_MAX."""
    return max(ROWS_MAX, math.ceil(math.sqrt(count * spacing.layer / spacing.row / SCREEN_RATIO)))


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
    names = sorted(name for layer in layers for name in layer)
    place = {name: number for number, name in enumerate(names)}
    members = [np.array([place[name] for name in layer], dtype=np.int64) for layer in layers]
    of = np.zeros(len(names), dtype=np.int64)
    for number, layer in enumerate(members):
        of[layer] = number
    ends = np.array([(place[a], place[b]) for a, b in arcs], dtype=np.int64).reshape(-1, 2)
    both = np.concatenate([ends, ends[:, ::-1]])
    leftward = both[of[both[:, 1]] < of[both[:, 0]]]
    rightward = both[of[both[:, 1]] > of[both[:, 0]]]
    height = np.zeros(len(names))
    for layer in members:
        height[layer] = _heights(len(layer))
    for sweep in range(SWEEPS):
        forth = sweep % 2 == 0
        arcs_of = _by_layer(leftward if forth else rightward, of, len(members))
        for number in range(len(members)) if forth else range(len(members) - 1, -1, -1):
            layer = np.sort(members[number])
            means = _barycentres(layer, arcs_of[number], height)
            members[number] = layer[np.argsort(np.round(means, 9), kind="stable")]
            height[members[number]] = _heights(len(layer))
    return [[names[number] for number in layer.tolist()] for layer in members]


def _by_layer(arcs: np.ndarray, of: np.ndarray, layers: int) -> list[np.ndarray]:
    """The arcs ((m, 2) places) by the layer of their first end."""
    order = np.argsort(of[arcs[:, 0]], kind="stable")
    bounds = np.searchsorted(of[arcs[order, 0]], np.arange(layers + 1))
    return [arcs[order[bounds[i] : bounds[i + 1]]] for i in range(layers)]


def _barycentres(layer: np.ndarray, arcs: np.ndarray, height: np.ndarray) -> np.ndarray:
    """(k,) the mean height of the neighbours of each place of the layer (ascending); its own where it has none."""
    row = np.searchsorted(layer, arcs[:, 0])
    total = np.bincount(row, height[arcs[:, 1]], len(layer))
    count = np.bincount(row, minlength=len(layer))
    return np.where(count > 0, total / np.maximum(count, 1), height[layer])


def _heights(count: int) -> np.ndarray:
    """Rows counted from the middle, so that short and tall layers compare."""
    return np.arange(count) - (count - 1) / 2
