"""What differs between two groups of requests: slow and fast ones, or those of two versions."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from analytics.traces.critical import critical_self_ns
from analytics.traces.forest import Forest
from causeway.errors import ConfigError

GROUP_MIN = 2


@dataclass(frozen=True, slots=True)
class Difference:
    """One operation in the usual and in the other requests; numbers of each are (usual, other).

    self_ms: mean time per request that is waited for it. more_ms: how much more in the other ones; over all
    operations they add up to the difference of the means. p: two-sided, of Welch's test (Biometrika 1947) with the
    normal tail, times the number of operations (Bonferroni); None where neither group varies.
    seen: share of requests that have it. calls: spans per request. failed: share of its spans that failed.
    """

    service: str
    operation: str
    more_ms: float
    self_ms: tuple[float, float]
    p: float | None
    seen: tuple[float, float]
    calls: tuple[float, float]
    failed: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two groups of requests; differences by the time they explain, the largest first."""

    usual: str
    other: str
    requests: tuple[int, int]
    mean_ms: tuple[float, float]
    examples: tuple[str, str]
    differences: tuple[Difference, ...]


def slow_against_fast(forest: Forest, tops: np.ndarray, *, slow_share: float = 0.05) -> Comparison:
    """The slowest requests against the faster half. Raises ConfigError when there are too few."""
    took = forest.duration_ms(tops)
    order = np.argsort(took, kind="stable")
    slowest = max(GROUP_MIN, round(len(tops) * slow_share))
    usual, other = order[: len(order) // 2], order[max(len(order) // 2, len(order) - slowest) :]
    return compare(forest, tops[np.sort(usual)], tops[np.sort(other)], usual="fast", other="slow")


def version_against_version(forest: Forest, tops: np.ndarray, service: str) -> Comparison:
    """Requests that met the service's older against those that met its newer version.

    Of the two versions with the most requests, the one seen first is the older. Requests that met both are left out.
    Raises ConfigError when there are not two.
    """
    rows = np.flatnonzero(forest.service.code == forest.service.code_of(service))
    place = np.searchsorted(tops, rows, side="right") - 1
    inside = (place >= 0) & (rows < (tops + forest.size[tops])[np.maximum(place, 0)]) if len(tops) else rows < 0
    rows, place = rows[inside], place[inside]
    pairs = np.unique(np.stack([place, forest.version.code[rows]]), axis=1)
    alone = np.bincount(pairs[0], minlength=len(tops)) == 1
    pairs = pairs[:, alone[pairs[0]]]
    codes, count = np.unique(pairs[1], return_counts=True)
    if len(codes) < 2:
        raise ConfigError(f"{service!r}: {len(codes)} version in these requests; comparing needs two")
    two = codes[np.argsort(-count, kind="stable")[:2]]
    begun = [int(forest.came_ns[rows[forest.version.code[rows] == code]].min()) for code in two]
    old, new = two[np.argsort(begun, kind="stable")].tolist()
    chosen = [tops[pairs[0][pairs[1] == code]] for code in (old, new)]
    names = [f"{service} {forest.version.values[code]}" for code in (old, new)]
    return compare(forest, *chosen, usual=names[0], other=names[1])


def compare(forest: Forest, usual_tops: np.ndarray, other_tops: np.ndarray, *, usual: str, other: str) -> Comparison:
    """What the operations add to the requests of two groups. Raises ConfigError for a group below two requests."""
    groups = (usual_tops, other_tops)
    if min(len(tops) for tops in groups) < GROUP_MIN:
        sizes = f"{len(usual_tops)} and {len(other_tops)}"
        raise ConfigError(f"comparing needs {GROUP_MIN} requests of each kind, not {sizes}: choose a longer window")
    sums = [_sums(forest, tops) for tops in groups]
    present = np.flatnonzero(sums[0].trees + sums[1].trees).tolist()
    found = [_difference(forest, code, sums, tests=len(present)) for code in present]
    return Comparison(
        usual=usual,
        other=other,
        requests=(len(usual_tops), len(other_tops)),
        mean_ms=_two([float(forest.duration_ms(tops).mean()) for tops in groups]),
        examples=(_middle(forest, usual_tops), _middle(forest, other_tops)),
        differences=tuple(sorted(found, key=lambda one: (-abs(one.more_ms), one.service, one.operation))),
    )


@dataclass(frozen=True, slots=True)
class _Sums:
    """Sums over the requests of a group, each (names,): trees and spans with the name, critical ns and squares."""

    count: int
    trees: np.ndarray
    spans: np.ndarray
    failed: np.ndarray
    own: np.ndarray
    squares: np.ndarray


def _sums(forest: Forest, tops: np.ndarray) -> _Sums:
    critical = critical_self_ns(forest, tops)
    return _Sums(len(tops), *_added(tops, forest.size, forest.name, critical, forest.failed, len(forest.names)))


@njit(nogil=True, cache=True)
def _added(tops, size, name, critical, failed, names):  # noqa: ANN001, ANN202
    trees, spans, errors = np.zeros(names, np.int64), np.zeros(names, np.int64), np.zeros(names, np.int64)
    total, squares, here, seen = np.zeros(names), np.zeros(names), np.zeros(names), np.full(names, -1)
    for t in range(tops.shape[0]):
        first, last = tops[t], tops[t] + size[tops[t]]
        for i in range(first, last):
            here[name[i]] += critical[i]
            spans[name[i]] += 1
            errors[name[i]] += failed[i]
        for i in range(first, last):
            k = name[i]
            if seen[k] == t:
                continue
            seen[k] = t
            trees[k] += 1
            total[k] += here[k]
            squares[k] += here[k] * here[k]
            here[k] = 0.0
    return trees, spans, errors, total, squares


def _difference(forest: Forest, code: int, sums: list[_Sums], *, tests: int) -> Difference:
    means = [float(one.own[code]) / one.count for one in sums]
    spreads = [
        max(0.0, float(one.squares[code]) - one.count * mean**2) / (one.count - 1) / one.count
        for one, mean in zip(sums, means, strict=True)
    ]
    error = math.sqrt(sum(spreads))
    # Below a nanosecond there is only rounding.
    p = min(1.0, tests * math.erfc(abs(means[1] - means[0]) / error / math.sqrt(2))) if error > 1 else None
    return Difference(
        *forest.names[code],
        more_ms=(means[1] - means[0]) / 1e6,
        self_ms=_two([mean / 1e6 for mean in means]),
        p=p,
        seen=_two([float(one.trees[code]) / one.count for one in sums]),
        calls=_two([float(one.spans[code]) / one.count for one in sums]),
        failed=_two([float(one.failed[code]) / max(1, int(one.spans[code])) for one in sums]),
    )


def _two(values: list[float]) -> tuple[float, float]:
    return values[0], values[1]


def _middle(forest: Forest, tops: np.ndarray) -> str:
    return forest.example(int(tops[np.argsort(forest.duration_ms(tops), kind="stable")[len(tops) // 2]]))
