"""Critical paths of many requests of one entry operation, added up per operation."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from analytics.traces.critical import critical_self_ns, speed_up_saves_ns
from analytics.traces.forest import Forest
from analytics.traces.sampling import TraceSample
from causeway.errors import ConfigError
from causeway.window import Window

FASTER = 0.1
# 95 %, two-sided.
_Z = 1.96
KNOWN_MAX = 12


@dataclass(frozen=True, slots=True)
class OperationPath:
    """What one operation adds to the time that a request waits. Means are over all requests.

    share: its part of the requests' time, with its 95 % bounds (between requests; normal approximation of a ratio,
    None below two requests). touched: share of requests that wait for it at all. calls: spans per request. saves_ms:
    how much sooner a request ends when the operation's own time is 10 % less; at most 10 % of self_ms.
    """

    service: str
    operation: str
    share: float
    share_low: float | None
    share_high: float | None
    self_ms: float
    touched: float
    calls: float
    saves_ms: float
    saves_ratio: float


@dataclass(frozen=True, slots=True)
class PathCoverage:
    """How far the numbers can be trusted.

    requests: how many were added up; requests_stored: root spans of the whole window, of any entry. broken: requests
    in traces where a parent span is missing, so that its time counts for the span above. moved, cut: spans that did
    not fit into their parent. not_waited: spans that nobody waits for (asynchronous). doubles: spans left out.
    """

    requests: int
    traces: int
    traces_found: int
    requests_stored: int
    spans: int
    spans_stored: int
    broken: int
    moved: int
    cut: int
    not_waited: int
    doubles: int
    sampled: bool
    capped: bool
    spread: str
    pieces: tuple[Window, ...]


@dataclass(frozen=True, slots=True)
class EntryPaths:
    """The critical paths of an entry; operations by share, the largest first. example: a trace of median length."""

    window: Window
    service: str
    operation: str | None
    mean_ms: float
    p50_ms: float
    p95_ms: float
    example: str
    operations: tuple[OperationPath, ...]
    coverage: PathCoverage


@dataclass(frozen=True, slots=True)
class Entry:
    """An operation where requests come in. share: of the sampled requests; time_share: of their time."""

    service: str
    operation: str
    requests: int
    share: float
    time_share: float
    mean_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class EntryList:
    """Where requests come in, the most time first."""

    window: Window
    entries: tuple[Entry, ...]
    coverage: PathCoverage


def entry_list(sample: TraceSample) -> EntryList:
    """The entry operations of the sampled traces."""
    forest, tops = sample.forest, sample.forest.entries
    took, name = forest.duration_ms(tops), forest.name[tops]
    found = []
    for code in np.unique(name).tolist():
        own = took[name == code]
        service, operation = forest.names[code]
        found.append(
            Entry(
                service,
                operation,
                requests=len(own),
                share=len(own) / len(tops),
                time_share=float(own.sum() / took.sum()) if took.sum() else 0.0,
                mean_ms=float(own.mean()),
                p95_ms=float(np.quantile(own, 0.95)),
            )
        )
    found.sort(key=lambda entry: (-entry.time_share, entry.service, entry.operation))
    return EntryList(sample.window, tuple(found), _coverage(sample, tops))


def entry_paths(sample: TraceSample, service: str, operation: str | None = None) -> EntryPaths:
    """The critical paths below the outermost spans of that service (and operation).

    Raises ConfigError, naming what there is, when the sample has none.
    """
    forest = sample.forest
    tops = forest.tops(service, operation)
    if not len(tops):
        raise ConfigError(_not_found(sample, service, operation))
    took = forest.duration_ms(tops)
    middle = tops[np.argsort(took, kind="stable")[len(tops) // 2]]
    return EntryPaths(
        window=sample.window,
        service=service,
        operation=operation,
        mean_ms=float(took.mean()),
        p50_ms=float(np.quantile(took, 0.5)),
        p95_ms=float(np.quantile(took, 0.95)),
        example=forest.example(int(middle)),
        operations=operation_paths(forest, tops),
        coverage=_coverage(sample, tops),
    )


def named(sample: TraceSample, entry: str) -> tuple[str, str | None]:
    """The service, and the operation if any, that `service` or `service operation` names. Raises ConfigError."""
    forest = sample.forest
    if entry in forest.service.values:
        return entry, None
    for service, operation in forest.names:
        if f"{service} {operation}" == entry:
            return service, operation
    raise ConfigError(_not_found(sample, entry, None))


def operation_paths(forest: Forest, tops: np.ndarray, *, faster: float = FASTER) -> tuple[OperationPath, ...]:
    """Every operation on the critical paths below the tops, by share; ties by name."""
    critical = critical_self_ns(forest, tops)
    saved, _ = speed_up_saves_ns(forest, tops, critical, factor=1 - faster)
    took = (forest.end_ns[tops] - forest.start_ns[tops]).astype(np.float64)
    trees, spans, own, squares, products = _tally(tops, forest.size, forest.name, critical, took, len(forest.names))
    count, total = len(tops), float(took.sum())
    share = own / total if total else np.zeros_like(own)
    left = squares - 2 * share * products + share**2 * float((took**2).sum())
    spread = _Z * np.sqrt(np.maximum(left, 0) * count / max(count - 1, 1)) / total if total else np.zeros_like(own)
    known = count > 1
    found = [
        OperationPath(
            *forest.names[code],
            share=float(share[code]),
            share_low=max(0.0, float(share[code] - spread[code])) if known else None,
            share_high=min(1.0, float(share[code] + spread[code])) if known else None,
            self_ms=float(own[code]) / count / 1e6,
            touched=float(trees[code]) / count,
            calls=float(spans[code]) / count,
            saves_ms=float(saved[code]) / count / 1e6,
            saves_ratio=float(saved[code]) / total,
        )
        for code in np.flatnonzero(trees).tolist()
    ]
    return tuple(sorted(found, key=lambda one: (-one.share, one.service, one.operation)))


@njit(nogil=True, cache=True)
def _tally(tops, size, name, critical, took, names):  # noqa: ANN001, ANN202
    """Per name: trees with critical time, spans, its sum, and the sums of its squares and products with `took`."""
    trees, spans = np.zeros(names, np.int64), np.zeros(names, np.int64)
    total, squares, products = np.zeros(names), np.zeros(names), np.zeros(names)
    here = np.zeros(names)
    for t in range(tops.shape[0]):
        first, last = tops[t], tops[t] + size[tops[t]]
        for i in range(first, last):
            here[name[i]] += critical[i]
            spans[name[i]] += 1
        for i in range(first, last):
            own = here[name[i]]
            if own > 0:
                trees[name[i]] += 1
                total[name[i]] += own
                squares[name[i]] += own * own
                products[name[i]] += own * took[t]
                here[name[i]] = 0.0
    return trees, spans, total, squares, products


def _coverage(sample: TraceSample, tops: np.ndarray) -> PathCoverage:
    forest = sample.forest
    inside = np.zeros(len(forest) + 1, dtype=np.int64)
    np.add.at(inside, tops, 1)
    np.add.at(inside, tops + forest.size[tops], -1)
    below = np.cumsum(inside[:-1]) > 0
    inner = below.copy()
    inner[tops] = False
    return PathCoverage(
        requests=len(tops),
        traces=forest.traces,
        traces_found=sample.traces_found,
        requests_stored=sample.requests_stored,
        spans=int(below.sum()),
        spans_stored=sample.spans_stored,
        broken=int(forest.broken[forest.trace[tops]].sum()),
        moved=int((forest.moved & inner).sum()),
        cut=int((forest.cut & inner).sum()),
        not_waited=int((~forest.waited & inner).sum()),
        doubles=forest.doubles,
        sampled=sample.sampled,
        capped=sample.capped,
        spread=sample.spread.value,
        pieces=sample.pieces,
    )


def _not_found(sample: TraceSample, service: str, operation: str | None) -> str:
    asked = service if operation is None else f"{service} {operation}"
    entries = [f"{one.service} {one.operation}" for one in entry_list(sample).entries]
    if not entries:
        return f"no span of {asked!r}: there are no traces in this window; choose another with --from and --to"
    known = ", ".join(repr(entry) for entry in entries[:KNOWN_MAX])
    return f"no span of {asked!r} in {sample.forest.traces} traces; requests come in at {known}"
