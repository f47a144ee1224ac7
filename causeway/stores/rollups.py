"""Sums over rollup rows, the same for every store: one SQL text that DuckDB runs over files or over Arrow tables."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from causeway import records
from causeway.errors import StoreError
from causeway.window import Window

MEASURES: dict[str, tuple[str, ...]] = {
    "rollup_edges": (
        "calls",
        "errors",
        "duration_ns_sum",
        "gap_calls",
        "gap_ns_sum",
        "estimated_milli",
        "lag_calls",
        "lag_ns_sum",
    ),
    "rollup_calls": ("calls", "errors", "estimated_milli", "duration_ns_sum"),
    "rollup_instance_calls": ("calls", "errors", "duration_ns_sum"),
    "rollup_operations": ("calls", "errors", "duration_ns_sum", "self_ns_sum"),
    "rollup_instances": ("calls", "errors", "duration_ns_sum", "spans"),
    "rollup_coverage": tuple(name for name in records.COVERAGE.names if name not in {"slot_ns", "service"}),
    "rollup_logs": ("lines",),
}


@dataclass(frozen=True, slots=True)
class RollupQuery:
    """A query over `{source}` with its bound values, and the schema of its answer."""

    sql: str
    values: tuple[int | str, ...]
    schema: pa.Schema


def rollup_query(name: str, window: Window, *, step_ns: int | None, service: str | None) -> RollupQuery:
    """The rows of a rollup table summed as `Reader.edges` says.

    Raises StoreError for a step that is no multiple of the rollups'.
    """
    measures, keys = MEASURES[name], keys_of(name)
    selected = list(keys)
    if step_ns is not None:
        check_step(step_ns)
        selected.insert(0, f"slot_ns // {step_ns} * {step_ns} AS slot_ns")
    values: list[int | str] = []
    conditions = []
    if service is not None:
        ends = ("caller", "callee") if "caller" in keys else ("service",)
        conditions.append("(" + " OR ".join(f"{end} = ?" for end in ends) + ")")
        values += [service] * len(ends)
    conditions.append("slot_ns >= ? AND slot_ns < ?")
    values += [window.start_ns, window.end_ns]
    sums = ", ".join(f"coalesce(sum({measure}), 0)::BIGINT AS {measure}" for measure in measures)
    places = ", ".join(str(place + 1) for place in range(len(selected)))
    some = " OR ".join(f"sum({measure}) <> 0" for measure in measures)
    order = ("slot_ns, " if step_ns is not None else "") + ", ".join(keys)
    sql = (
        f"SELECT {', '.join(selected)}, {sums} FROM {{source}} WHERE {' AND '.join(conditions)} "
        f"GROUP BY {places} HAVING {some} ORDER BY {order}"
    )
    return RollupQuery(sql, tuple(values), summed_schema(name, step_ns))


def check_step(step_ns: int) -> None:
    """Raises StoreError for a step that is no multiple of the rollups'."""
    if step_ns % records.ROLLUP_STEP_NS:
        raise StoreError(f"a step of {step_ns} ns is no multiple of the rollups' {records.ROLLUP_STEP_NS} ns")


def keys_of(name: str) -> list[str]:
    """The columns of a rollup table that rows are summed by, without the slot."""
    return [field for field in records.TABLES[name][0].names if field not in MEASURES[name] and field != "slot_ns"]


def summed_schema(name: str, step_ns: int | None) -> pa.Schema:
    """The columns of a summed rollup: `slot_ns` only with a step."""
    return pa.schema([field for field in records.TABLES[name][0] if step_ns is not None or field.name != "slot_ns"])
