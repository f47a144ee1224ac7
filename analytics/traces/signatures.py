"""Requests of the same shape: who calls what, whatever the order and however often."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xxhash
from numba import njit

from analytics.traces.forest import Forest
from analytics.traces.linking import children


@dataclass(frozen=True, slots=True)
class TraceGroup:
    """Requests whose trees have one shape. extra, lacking: "service operation" against the largest group.

    share: of the requests; failed_ratio: whose top span failed; example: a trace id.
    """

    signature: str
    requests: int
    share: float
    mean_ms: float
    p95_ms: float
    failed_ratio: float
    spans: float
    extra: tuple[str, ...]
    lacking: tuple[str, ...]
    example: str


def signatures(forest: Forest) -> np.ndarray:
    """(n,) uint64 the shape of each span's subtree.

    Equal for equal names and equal sets of children's shapes: neither the order of calls nor their number counts.
    Stable between runs and stores.
    """
    names = [xxhash.xxh3_64_intdigest(f"{service}\x1f{operation}".encode()) for service, operation in forest.names]
    offsets, child = children(forest.parent)
    return _shapes(offsets, child, np.array(names, dtype=np.uint64)[forest.name])


@njit(nogil=True, cache=True)
def _mixed(value):  # noqa: ANN001, ANN202
    """Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014: SplitMix64's last step."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@njit(nogil=True, cache=True)
def _shapes(offsets, child, name):  # noqa: ANN001, ANN202
    shape = np.empty(name.shape[0], dtype=np.uint64)
    for i in range(name.shape[0] - 1, -1, -1):
        total = name[i]
        below = np.sort(shape[child[offsets[i] : offsets[i + 1]]])
        for k in range(below.shape[0]):
            if k == 0 or below[k] != below[k - 1]:
                total += _mixed(below[k] + np.uint64(0x9E3779B97F4A7C15))
        shape[i] = _mixed(total)
    return shape


def trace_groups(forest: Forest, tops: np.ndarray) -> tuple[TraceGroup, ...]:
    """The requests below the tops by shape, the largest group first; ties by signature."""
    shape = signatures(forest)[tops]
    kinds, first, group, count = np.unique(shape, return_index=True, return_inverse=True, return_counts=True)
    order = sorted(range(len(kinds)), key=lambda place: (-count[place], int(kinds[place])))
    usual = _names(forest, int(tops[first[order[0]]])) if order else frozenset()
    found = []
    for place in order:
        rows = tops[group == place]
        took, names = forest.duration_ms(rows), _names(forest, int(rows[0]))
        found.append(
            TraceGroup(
                signature=f"{int(kinds[place]):016x}",
                requests=len(rows),
                share=len(rows) / len(tops),
                mean_ms=float(took.mean()),
                p95_ms=float(np.quantile(took, 0.95)),
                failed_ratio=float(forest.failed[rows].mean()),
                spans=float(forest.size[rows].mean()),
                extra=tuple(sorted(names - usual)),
                lacking=tuple(sorted(usual - names)),
                example=forest.example(int(rows[0])),
            )
        )
    return tuple(found)


def _names(forest: Forest, top: int) -> frozenset[str]:
    codes = np.unique(forest.name[top : top + forest.size[top]]).tolist()
    return frozenset(" ".join(forest.names[code]) for code in codes)
