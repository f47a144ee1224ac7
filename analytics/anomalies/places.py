"""Which row of the detector's state is whose: series come, stay in their row, and give it up when they are gone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from analytics.anomalies.matters import least_change
from analytics.anomalies.series import Kind, SeriesKey

_NOBODY = -1


class Places:
    """Rows 0 to `size`, of which some are free. What is known of a series by its name alone is kept by row."""

    def __init__(self) -> None:
        self.rows: dict[SeriesKey, int] = {}
        self.size = 0
        self.kind = np.empty(0, np.int8)
        self.is_count = np.empty(0, np.bool_)
        # The least change that matters, in the unit of the series and as a share; whether silence means anything.
        self.absolute, self.share = np.empty(0), np.empty(0)
        self.speaks = np.empty(0, np.bool_)
        self._asked: tuple[Sequence[SeriesKey], np.ndarray] = ((), np.empty(0, np.int64))

    def find(self, keys: Sequence[SeriesKey]) -> np.ndarray:
        """(n,) the row of each, -1 for those without. The same sequence is looked up once."""
        if self._asked[0] is not keys:
            self._asked = (keys, np.array([self.rows.get(key, _NOBODY) for key in keys], dtype=np.int64))
        return self._asked[1]

    def free(self) -> list[int]:
        """Rows that belong to nobody, ascending."""
        used = set(self.rows.values())
        return [row for row in range(self.size) if row not in used]

    def grow(self, more: int) -> None:
        """So many free rows at the end."""
        self.size += more
        self.kind = np.concatenate([self.kind, np.full(more, _NOBODY, np.int8)])
        self.is_count = np.concatenate([self.is_count, np.zeros(more, np.bool_)])
        self.absolute = np.concatenate([self.absolute, np.zeros(more)])
        self.share = np.concatenate([self.share, np.zeros(more)])
        self.speaks = np.concatenate([self.speaks, np.zeros(more, np.bool_)])

    def give(self, key: SeriesKey, row: int) -> None:
        """A free row to a series."""
        self.rows[key] = row
        self.kind[row], self.is_count[row] = key.kind, key.is_count
        self.absolute[row], self.share[row] = least_change(key)
        # That a ratio or a latency is missing says no more than that the count beside it is 0.
        self.speaks[row] = key.is_count or key.kind is Kind.METRICS
        self._asked = ((), np.empty(0, np.int64))

    def take(self, keys: Iterable[SeriesKey]) -> np.ndarray:
        """Free the rows of those series; (n,) which they were."""
        gone = np.array([self.rows.pop(key) for key in keys], dtype=np.int64)
        self.kind[gone] = _NOBODY
        self._asked = ((), np.empty(0, np.int64))
        return gone

    def taken(self) -> np.ndarray:
        """(k,) the rows that belong to somebody."""
        return np.flatnonzero(self.kind != _NOBODY)

    def names(self) -> dict[int, SeriesKey]:
        """Whose each row is."""
        return {row: key for key, row in self.rows.items()}
