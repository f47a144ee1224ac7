"""Which records a table holds already, minute by minute, so that a resent record is stored once.

Minutes that were written lately are kept in memory; another minute is read from the table when a record of it
arrives, which costs nothing where the table has no file of that time.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from causeway.stores.embedded.delta import DeltaSignal
from causeway.stores.linking.hashing import IdentitySet
from causeway.stores.linking.identity import IDENTITIES
from causeway.stores.older import in_full
from causeway.window import MINUTE_NS

IDENTITIES_MAX = 4_000_000  # per table; 16 to 32 bytes each


class SeenMinutes:
    """The identities of one table. For one thread."""

    def __init__(
        self, signal: DeltaSignal, *, identities_max: int = IDENTITIES_MAX, columns: tuple[str, ...] = ()
    ) -> None:
        """columns: what `load` returns of the rows it reads, beside what identities need."""
        self._signal = signal
        self._identity, needed = IDENTITIES[signal.name]
        self._columns = list(dict.fromkeys((signal.time_column, *needed, *columns)))
        self._wanted = pa.schema([signal.schema.field(name) for name in self._columns])
        self._minutes: OrderedDict[int, IdentitySet] = OrderedDict()
        self._identities_max = identities_max

    def load(self, table: pa.Table) -> pa.Table | None:
        """Read from disk the minutes of these rows that are not in memory; returns the stored rows, if any."""
        minutes = np.unique(table[self._signal.time_column].to_numpy() // MINUTE_NS)
        missing = np.array([minute for minute in minutes.tolist() if minute not in self._minutes], np.int64)
        for minute in missing.tolist():
            self._minutes[minute] = IdentitySet()
        stored = self._stored(missing)
        if stored is not None:
            self._add(stored)
        return stored

    def fresh(self, table: pa.Table) -> pa.Table:
        """The rows not seen before (the first of equal ones); `load` must have been called with them."""
        new = self._add(table)
        return table if new.all() else table.filter(pa.array(new))

    def shrink(self) -> None:
        """Forget the minutes touched longest ago; only when everything seen is committed."""
        total = sum(found.count for found in self._minutes.values())
        while total > self._identities_max and len(self._minutes) > 1:
            total -= self._minutes.popitem(last=False)[1].count
        # Empty minutes cost as well: a backlog of old metrics touches thousands.
        while len(self._minutes) > 20_000:
            self._minutes.popitem(last=False)

    def _add(self, table: pa.Table) -> np.ndarray:
        identity = self._identity(table)
        minutes = table[self._signal.time_column].to_numpy() // MINUTE_NS
        new = np.empty(len(identity), np.bool_)
        for minute in np.unique(minutes).tolist():
            rows = np.flatnonzero(minutes == minute)
            new[rows] = self._minutes.setdefault(minute, IdentitySet()).add(identity[rows])
            self._minutes.move_to_end(minute)
        return new

    def _stored(self, minutes: np.ndarray) -> pa.Table | None:
        if not len(minutes):
            return None
        first, last = int(minutes.min()) * MINUTE_NS, (int(minutes.max()) + 1) * MINUTE_NS
        parts = []
        for file in self._signal.files():
            if file.last_ns < first or file.first_ns >= last:
                continue
            span = np.arange(file.first_ns // MINUTE_NS, file.last_ns // MINUTE_NS + 1)
            if not np.isin(span, minutes).any():
                continue
            time = pc.field(self._signal.time_column)
            options: dict[str, Any] = {"filters": (time >= first) & (time < last), "partitioning": None}
            held = set(pq.read_schema(file.path).names)  # a file may be older than some columns
            rows = pq.read_table(file.path, columns=[name for name in self._columns if name in held], **options)
            rows = in_full(rows, self._wanted)
            wanted = np.isin(rows[self._signal.time_column].to_numpy() // MINUTE_NS, minutes)
            if wanted.any():
                parts.append(rows.filter(pa.array(wanted)))
        return pa.concat_tables(parts) if parts else None
