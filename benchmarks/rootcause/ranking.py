"""Figures of rankings with ties: expected values over all ways of breaking them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

TOP = (1, 3, 5)


@dataclass(frozen=True, slots=True)
class Places:
    """Where the truth stands: `first` is its best rank, `last` its worst; 0 for a miss."""

    first: int
    last: int

    def within(self, k: int) -> float:
        """The chance that a random order of the tied ones puts it among the first k."""
        if not self.first:
            return 0.0
        return float(np.clip((k - self.first + 1) / (self.last - self.first + 1), 0.0, 1.0))

    def reciprocal(self) -> float:
        """The expected reciprocal rank."""
        return float(np.mean(1.0 / np.arange(self.first, self.last + 1))) if self.first else 0.0


MISS = Places(0, 0)


def places(scores: Mapping[str, float], truth: frozenset[str]) -> Places:
    """The places of the best scored true entity; a miss where none is scored. Higher is better."""
    mine = max((score for name, score in scores.items() if name in truth), default=None)
    if mine is None or np.isnan(mine):
        return MISS
    better = sum(score > mine for score in scores.values())
    tied = sum(score == mine for name, score in scores.items() if name not in truth)
    return Places(better + 1, better + 1 + tied)


def figures(found: Sequence[Places]) -> dict[str, float | int]:
    """cases, AC@1, AC@3, AC@5, Avg@5 (mean of AC@1 to AC@5) and MRR."""
    if not found:
        return {"cases": 0}
    at = {k: float(np.mean([place.within(k) for place in found])) for k in range(1, 6)}
    told: dict[str, float | int] = {"cases": len(found)}
    told |= {f"ac{k}": round(at[k], 4) for k in TOP}
    told["avg5"] = round(float(np.mean(list(at.values()))), 4)
    told["mrr"] = round(float(np.mean([place.reciprocal() for place in found])), 4)
    return told
