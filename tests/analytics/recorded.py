"""The recorded TrainTicket telemetry as tables of `causeway.records`, without going through the intake."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from causeway import records


def recorded_folder(shared_data: Path) -> Path:
    return shared_data / "nezha" / "trainticket"


def recorded_spans(folder: Path) -> pa.Table:
    """Every recorded span: `ParentID == "root"` marks a root, a pod is `<service>-<replicaset>-<pod>`."""
    raw = pq.read_table(folder / "spans.parquet")
    start = raw["StartTimeUnixNano"]
    columns = {
        "trace_id": _hex(raw["TraceID"], 16),
        "span_id": _hex(raw["SpanID"], 8),
        "parent_span_id": _parents(raw["ParentID"]),
        "service": service_of(raw["PodName"]),
        "operation": raw["OperationName"].cast(pa.string()),
        "kind": pa.repeat("INTERNAL", raw.num_rows),
        "start_ns": start,
        "duration_ns": pc.subtract(raw["EndTimeUnixNano"], start),
        "status": pa.repeat("UNSET", raw.num_rows),
        "instance": raw["PodName"].cast(pa.string()),
    }
    return _filled(columns, records.SPANS, raw.num_rows)


def recorded_logs(folder: Path) -> pa.Table:
    """Every recorded log line as it came, the runtime's JSON around it included."""
    raw = pq.read_table(folder / "logs.parquet")
    columns = {
        "time_ns": raw["TimeUnixNano"],
        "service": service_of(raw["PodName"]),
        "instance": raw["PodName"].cast(pa.string()),
        "severity": pa.repeat("INFO", raw.num_rows),
        "severity_number": pa.repeat(pa.scalar(9, pa.int8()), raw.num_rows),
        "body": raw["Log"].cast(pa.string()),
        "ordinal": pa.repeat(pa.scalar(0, pa.int32()), raw.num_rows),
    }
    return _filled(columns, records.LOGS, raw.num_rows)


def service_of(pod: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.replace_substring_regex(pod.cast(pa.string()), r"-[^-]+-[^-]+$", "")


def _hex(column: pa.ChunkedArray, size: int) -> pa.Array:
    return pa.array([bytes.fromhex(value.zfill(2 * size)) for value in column.to_pylist()], pa.binary())


def _parents(column: pa.ChunkedArray) -> pa.Array:
    values = column.to_pylist()
    return pa.array([None if value == "root" else bytes.fromhex(value.zfill(16)) for value in values], pa.binary())


def _filled(columns: dict[str, pa.Array], schema: pa.Schema, size: int) -> pa.Table:
    arrays = [
        columns[field.name].cast(field.type) if field.name in columns else pa.nulls(size, field.type)
        for field in schema
    ]
    return pa.table(arrays, schema=schema)
