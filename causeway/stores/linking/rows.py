"""What the linker counts, as rows of the rollup tables."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from causeway import records
from causeway.stores.linking.spans import Names
from causeway.stores.linking.tally import Tally

COVERAGE = tuple(name for name in records.COVERAGE.names if name not in {"slot_ns", "service"})
_COUNTS = ("calls", "errors", "duration")

Rows = dict[str, np.ndarray]


class Tallies:
    """One tally per rollup table. Their measures are named as here, not as the columns."""

    def __init__(self) -> None:
        self.operations = Tally(("slot", "operation", "inbound", "entry", "bucket"), (*_COUNTS, "self_time"))
        self.instances = Tally(("slot", "instance", "bucket"), (*_COUNTS, "spans"))
        edges = (*_COUNTS, "gap_calls", "gap", "estimated", "lag_calls", "lag")
        self.edges = Tally(("slot", "edge", "bucket"), edges)
        self.calls = Tally(("slot", "pair"), (*_COUNTS, "estimated"))
        self.instance_calls = Tally(("slot", "pair"), _COUNTS)
        self.coverage = Tally(("slot", "service"), COVERAGE)

    def take(self, names: Names) -> dict[str, pa.Table]:
        """The rows since the last call, by table name; tables without rows are left out."""
        makers: dict[str, tuple[Tally, Callable[[Rows, Names], pa.Table]]] = {
            "rollup_operations": (self.operations, _operation_rows),
            "rollup_instances": (self.instances, _instance_rows),
            "rollup_edges": (self.edges, _edge_rows),
            "rollup_calls": (self.calls, _call_rows),
            "rollup_instance_calls": (self.instance_calls, _instance_call_rows),
            "rollup_coverage": (self.coverage, _coverage_rows),
        }
        found = {}
        for name, (tally, make) in makers.items():
            rows = tally.take()
            if rows is not None:
                found[name] = make(rows, names)
        return found


def _counts(rows: Rows) -> dict[str, np.ndarray]:
    return {
        "latency_bucket": rows["bucket"].astype(np.int16),
        "calls": rows["calls"],
        "errors": rows["errors"],
        "duration_ns_sum": rows["duration"],
    }


def _operation_rows(rows: Rows, names: Names) -> pa.Table:
    keys = names.operations.members(rows["operation"])
    columns = {
        "slot_ns": rows["slot"],
        "service": names.services.column(keys[:, 0]),
        "operation": names.operation_names.column(keys[:, 1]),
        "kind": pa.array(records.SPAN_KINDS).take(pa.array(keys[:, 2])),
        "inbound": rows["inbound"].astype(bool),
        "entry": rows["entry"].astype(bool),
        **_counts(rows),
        "self_ns_sum": rows["self_time"],
    }
    return pa.table(columns, schema=records.OPERATIONS)


def _instance_rows(rows: Rows, names: Names) -> pa.Table:
    columns = {
        "slot_ns": rows["slot"],
        **_instance(rows["instance"], names, ("service", "instance", "version")),
        **_counts(rows),
        "spans": rows["spans"],
    }
    return pa.table(columns, schema=records.INSTANCES)


def _edge_rows(rows: Rows, names: Names) -> pa.Table:
    keys = names.edges.members(rows["edge"])
    types = pa.array(records.NODE_TYPES)
    columns = {
        "slot_ns": rows["slot"],
        "caller": names.services.column(keys[:, 0]),
        "caller_type": types.take(pa.array(keys[:, 1])),
        "callee": names.services.column(keys[:, 2]),
        "callee_type": types.take(pa.array(keys[:, 3])),
        "kind": _kinds(keys[:, 4]),
        "protocol": names.protocols.column(keys[:, 5]),
        **_counts(rows),
        "gap_calls": rows["gap_calls"],
        "gap_ns_sum": rows["gap"],
        "estimated_milli": rows["estimated"],
        "lag_calls": rows["lag_calls"],
        "lag_ns_sum": rows["lag"],
    }
    return pa.table(columns, schema=records.EDGES)


def _call_rows(rows: Rows, names: Names) -> pa.Table:
    pairs = names.calls.members(rows["pair"])
    ends = [names.operations.members(pairs[:, end]) for end in (0, 1)]
    columns = {
        "slot_ns": rows["slot"],
        "caller": names.services.column(ends[0][:, 0]),
        "caller_operation": names.operation_names.column(ends[0][:, 1]),
        "callee": names.services.column(ends[1][:, 0]),
        "callee_operation": names.operation_names.column(ends[1][:, 1]),
        "kind": _kinds(pairs[:, 2]),
        "calls": rows["calls"],
        "errors": rows["errors"],
        "estimated_milli": rows["estimated"],
        "duration_ns_sum": rows["duration"],
    }
    return pa.table(columns, schema=records.CALLS)


def _instance_call_rows(rows: Rows, names: Names) -> pa.Table:
    pairs = names.instance_calls.members(rows["pair"])
    columns = {
        "slot_ns": rows["slot"],
        **_instance(pairs[:, 0], names, ("caller", "caller_instance", "caller_version")),
        **_instance(pairs[:, 1], names, ("callee", "callee_instance", "callee_version")),
        "kind": _kinds(pairs[:, 2]),
        "calls": rows["calls"],
        "errors": rows["errors"],
        "duration_ns_sum": rows["duration"],
    }
    return pa.table(columns, schema=records.INSTANCE_CALLS)


def _coverage_rows(rows: Rows, names: Names) -> pa.Table:
    columns = {
        "slot_ns": rows["slot"],
        "service": names.services.column(rows["service"]),
        **{name: rows[name] for name in COVERAGE},
    }
    return pa.table(columns, schema=records.COVERAGE)


def _instance(ids: np.ndarray, names: Names, columns: tuple[str, str, str]) -> dict[str, pa.Array]:
    keys = names.instances.members(ids)
    texts = (names.services, names.instance_names, names.versions)
    return {name: text.column(keys[:, place]) for place, (name, text) in enumerate(zip(columns, texts, strict=True))}


def _kinds(codes: np.ndarray) -> pa.Array:
    return pa.array(records.EDGE_KINDS).take(pa.array(codes))
