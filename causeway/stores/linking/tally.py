"""Sums of counted contributions by an integer key: what a flush turns into rollup rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numba import njit


@njit(cache=True, nogil=True)
def _sum_by(group: np.ndarray, values: np.ndarray, groups: int) -> np.ndarray:
    out = np.zeros((groups, values.shape[0]), np.int64)
    for i in range(len(group)):
        place = group[i]
        for j in range(values.shape[0]):
            out[place, j] += values[j, i]
    return out


class Tally:
    """Collects (key columns, measures) and sums the measures over equal keys, exactly, in int64."""

    def __init__(self, keys: tuple[str, ...], measures: tuple[str, ...]) -> None:
        self._keys, self._measures = keys, measures
        self._parts: list[tuple[list[np.ndarray], np.ndarray]] = []

    def add(self, keys: dict[str, np.ndarray], **measures: np.ndarray | int) -> None:
        """keys: (n,) integers each; measures: (n,) or one number for all; those not named are 0."""
        count = len(next(iter(keys.values())))
        if count == 0:
            return
        values = np.zeros((len(self._measures), count), np.int64)
        for place, name in enumerate(self._measures):
            values[place] = measures.pop(name, 0)
        assert not measures, measures
        self._parts.append(([keys[name] for name in self._keys], values))

    def take(self) -> dict[str, np.ndarray] | None:
        """The summed rows as columns, rows of all zeros left out, None if there are none; empties the tally."""
        parts, self._parts = self._parts, []
        if not parts:
            return None
        columns = [np.concatenate([part[0][i] for part in parts]).astype(np.int64) for i in range(len(self._keys))]
        values = np.concatenate([part[1] for part in parts], axis=1)
        group = _codes(columns[0])
        for column in columns[1:]:
            codes = _codes(column)
            group = _codes(group * (int(codes.max()) + 1) + codes)
        count = int(group.max()) + 1
        sums = _sum_by(group, values, count)
        first = np.zeros(count, np.int64)
        first[group[::-1]] = np.arange(len(group) - 1, -1, -1)
        kept = np.flatnonzero(sums.any(axis=1))
        if len(kept) == 0:
            return None
        rows = {name: column[first[kept]] for name, column in zip(self._keys, columns, strict=True)}
        rows.update({name: sums[kept, i] for i, name in enumerate(self._measures)})
        return rows


def _codes(column: np.ndarray) -> np.ndarray:
    """(n,) int64 codes 0.. in order of first appearance."""
    return pa.array(column).dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)
