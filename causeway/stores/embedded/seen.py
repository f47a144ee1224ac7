"""Which records a table holds already, minute by minute, so that a resent record is stored once.

Minutes that were written lately are kept in memory; another minute is read from the table when a record of it
arrives, which costs nothing where the table has no file of that time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from causeway.stores.embedded.delta import DeltaSignal
from causeway.stores.linking.hashing import IdentitySet, attributes_hash, binary_hash, fold
from causeway.window import MINUTE_NS

IDENTITIES_MAX = 4_000_000  # per table; 16 to 32 bytes each

Identity = Callable[[pa.Table], np.ndarray]


def span_identity(table: pa.Table) -> np.ndarray:
    return fold(binary_hash(table["trace_id"]), binary_hash(table["span_id"]))


def log_identity(table: pa.Table) -> np.ndarray:
    texts = [binary_hash(table[name]) for name in ("service", "instance", "severity", "body", "trace_id", "span_id")]
    numbers = [_integers(table[name]) for name in ("time_ns", "observed_ns", "ordinal", "resource_id")]
    return fold(*texts, *numbers, attributes_hash(table["attributes"]))


def event_identity(table: pa.Table) -> np.ndarray:
    texts = [binary_hash(table[name]) for name in ("kind", "entity", "instance", "reason", "message")]
    return fold(*texts, _integers(table["time_ns"]), attributes_hash(table["attributes"]))


def point_identity(table: pa.Table) -> np.ndarray:
    return fold(_integers(table["series_id"]), _integers(table["time_ns"]))


def exemplar_identity(table: pa.Table) -> np.ndarray:
    value = table["value"].to_numpy().view(np.uint64)
    return fold(_integers(table["series_id"]), _integers(table["time_ns"]), value, binary_hash(table["trace_id"]))


IDENTITIES: dict[str, tuple[Identity, tuple[str, ...]]] = {
    "spans": (span_identity, ("trace_id", "span_id")),
    "logs": (
        log_identity,
        (
            "service",
            "instance",
            "severity",
            "body",
            "trace_id",
            "span_id",
            "observed_ns",
            "ordinal",
            "resource_id",
            "attributes",
        ),
    ),
    "samples": (point_identity, ("series_id",)),
    "histograms": (point_identity, ("series_id",)),
    "exemplars": (exemplar_identity, ("series_id", "value", "trace_id")),
    "events": (event_identity, ("kind", "entity", "instance", "reason", "message", "attributes")),
}


class SeenMinutes:
    """The identities of one table. For one thread."""

    def __init__(
        self, signal: DeltaSignal, *, identities_max: int = IDENTITIES_MAX, columns: tuple[str, ...] = ()
    ) -> None:
        """columns: what `load` returns of the rows it reads, beside what identities need."""
        self._signal = signal
        self._identity, needed = IDENTITIES[signal.name]
        self._columns = list(dict.fromkeys((signal.time_column, *needed, *columns)))
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
            rows = pq.read_table(file.path, columns=self._columns, **options)
            wanted = np.isin(rows[self._signal.time_column].to_numpy() // MINUTE_NS, minutes)
            if wanted.any():
                parts.append(rows.filter(pa.array(wanted)))
        return pa.concat_tables(parts) if parts else None


def _integers(column: pa.ChunkedArray) -> np.ndarray:
    """(n,) uint64 of an integer column, null as 0."""
    return pc.fill_null(column, 0).to_numpy().astype(np.int64).view(np.uint64)
