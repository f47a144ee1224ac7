"""What the traces of a window say about one entry operation: everything the critical path page shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.patterns.find import find_patterns
from analytics.traces.comparing import Comparison, slow_against_fast, version_against_version
from analytics.traces.forest import Forest
from analytics.traces.paths import EntryList, EntryPaths, entry_list, entry_paths, named
from analytics.traces.sampling import TraceSample
from analytics.traces.signatures import TraceGroup, trace_groups
from causeway.errors import ConfigError
from causeway.findings import Finding

SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Journey:
    """One entry operation among all of them. chosen: None where the sample has no request of the entry asked for.

    compared: None where there are too few requests to compare. versioned: services of which these requests met two
    versions, ascending. patterns: of all traces of the sample, whatever the entry.
    """

    entries: EntryList
    entry: str
    chosen: EntryPaths | None
    groups: tuple[TraceGroup, ...]
    compared: Comparison | None
    versioned: tuple[str, ...]
    patterns: tuple[Finding, ...]


def journey_of(sample: TraceSample, entry: str = "", compare: str = "") -> Journey:
    """The entry called `service operation` or `service`; without a name the one that takes the most time.

    compare: a service, whose two commonest versions are set against each other; else slow against fast requests.
    """
    entries = entry_list(sample)
    patterns = find_patterns(sample.forest)
    if not entry and entries.entries:
        entry = f"{entries.entries[0].service} {entries.entries[0].operation}"
    try:
        service, operation = named(sample, entry)
        chosen = entry_paths(sample, service, operation)
    except ConfigError:
        return Journey(entries, entry, None, (), None, (), patterns)
    tops = sample.forest.tops(service, operation)
    versioned = _versioned(sample.forest, tops)
    compared = _compared(sample.forest, tops, compare if compare in versioned else "")
    return Journey(entries, entry, chosen, trace_groups(sample.forest, tops), compared, versioned, patterns)


def _compared(forest: Forest, tops: np.ndarray, service: str) -> Comparison | None:
    try:
        return version_against_version(forest, tops, service) if service else slow_against_fast(forest, tops)
    except ConfigError:
        return None


def _versioned(forest: Forest, tops: np.ndarray) -> tuple[str, ...]:
    inside = np.zeros(len(forest) + 1, dtype=np.int64)
    np.add.at(inside, tops, 1)
    np.add.at(inside, tops + forest.size[tops], -1)
    rows = np.flatnonzero(np.cumsum(inside[:-1]) > 0)
    width = len(forest.version.values)
    pairs = np.unique(forest.service.code[rows] * max(1, width) + forest.version.code[rows])
    several, count = np.unique(pairs // max(1, width), return_counts=True)
    return tuple(forest.service.values[code] for code in several[count > 1].tolist())
