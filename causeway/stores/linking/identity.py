"""What makes a record the same record when it comes again: 64 bits per row, over whole columns.

Identities are compared among records of one minute of one table only.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from causeway.stores.linking.hashing import attributes_hash, binary_hash, fold

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


# By table: the identity of each row, (n,) uint64, and the columns beside the time that it is computed from.
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


def _integers(column: pa.ChunkedArray) -> np.ndarray:
    """(n,) uint64 of an integer column, null as 0."""
    return pc.fill_null(column, 0).to_numpy().astype(np.int64).view(np.uint64)
