"""What the patterns share: their limits, and the findings they give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analytics.traces.forest import Forest
from causeway.findings import Finding, Message, MessageValue, Verdict


@dataclass(frozen=True, slots=True)
class Limits:
    """From when on a habit is worth a finding. Where there are two, the second one makes it CRITICAL.

    traces_min: in how many traces it must show. The numbers are decisions; there is no published scale.
    """

    traces_min: int = 3
    repeated_calls: tuple[float, float] = (10, 50)  # sequential calls of one kind from one span
    chatty_calls: tuple[float, float] = (20, 100)  # calls between two services in a trace
    chatty_operations: int = 3
    attempts: tuple[float, float] = (1.2, 2.0)  # per logical call
    retries_min: int = 10
    amplified: tuple[float, float] = (4, 9)  # attempts at the end of a chain per call at its beginning
    fan_out: tuple[float, float] = (20, 100)  # calls of one span at the same time
    abandoned: tuple[float, float] = (0.01, 0.1)  # share of calls that go on after their caller gave up
    abandoned_min: int = 5
    serial_ratio: float = 0.2  # part of the caller's time that calls side by side would save
    serial_gap_ratio: float = 0.05  # of the caller's time, at most, between one call and the next


def verdict(value: float, limits: tuple[float, float]) -> Verdict:
    """WARNING from the first limit on, CRITICAL from the second, else OK."""
    if value >= limits[1]:
        return Verdict.CRITICAL
    return Verdict.WARNING if value >= limits[0] else Verdict.OK


def finding(
    pattern: str,
    entity: str,
    judged: Verdict,
    values: Mapping[str, MessageValue],
    *,
    value: float,
    unit: str = "",
    threshold: float | None = None,
    case: str = "found",
) -> Finding:
    """A finding in the words `traces.PATTERN_<case>`. values holds the numbers and `example`, a trace id."""
    return Finding(
        inspection=pattern,
        entity=entity,
        verdict=judged,
        reason=Message(f"traces.{pattern}_{case}", values),
        value=value,
        unit=unit,
        threshold=threshold,
        remedy=Message(f"traces.{pattern}_remedy"),
        link=f"/trace/{values['example']}",
    )


@dataclass(frozen=True, slots=True)
class Groups:
    """Rows by a key of several columns: `first` the row that stands for it, `of` each row's group, `rows` count."""

    first: np.ndarray
    of: np.ndarray
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.first)

    def total(self, values: np.ndarray) -> np.ndarray:
        """(groups,) float64 sums of (rows,) values."""
        return np.bincount(self.of, weights=values, minlength=len(self))

    def mean(self, values: np.ndarray) -> np.ndarray:
        """(groups,) means."""
        return self.total(values) / self.rows

    def distinct(self, values: np.ndarray) -> np.ndarray:
        """(groups,) how many different values of (rows,) int64."""
        pairs = np.unique(np.stack([self.of, values]), axis=1)
        return np.bincount(pairs[0], minlength=len(self))


def grouped(*keys: np.ndarray) -> Groups:
    """Groups of rows that agree in all keys, each (rows,) int64 and not negative; ascending by keys."""
    code = np.zeros(len(keys[0]), dtype=np.int64)
    for key in keys:
        _, place = np.unique(key, return_inverse=True)
        _, code = np.unique(code * (int(place.max(initial=0)) + 1) + place, return_inverse=True)
    _, first, of, rows = np.unique(code, return_index=True, return_inverse=True, return_counts=True)
    return Groups(first, of, rows)


def entry_text(forest: Forest, row: int) -> str:
    """`service operation` of a row."""
    return " ".join(forest.names[int(forest.name[row])])
