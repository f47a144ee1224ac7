"""ExportTraceServiceRequests to the tables spans and resources."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from causeway.records import SPAN_KINDS, SPAN_STATUSES
from collectors.decoded import Decoded
from collectors.otlp.gather import binaries, dictionary, texts, words_by_code
from collectors.otlp.ids import ID_GOOD, ID_LENGTH, id_states
from collectors.otlp.layouts import TRACES
from collectors.otlp.peers import CONSTANTS, peer_columns
from collectors.otlp.resources import Remembered
from collectors.otlp.rows import (
    Envelope,
    Rejects,
    attribute_map,
    keep_children,
    keep_rows,
    offsets_of,
    outcomes,
    shown,
    table_of,
    text_at,
)
from collectors.otlp.sampling import sampling_column
from collectors.otlp.walker import Walked, Walker

REASONS = (
    "trace_id: must be 16 bytes, not all zero",
    "span_id: must be 8 bytes, not all zero",
    "parent_span_id: must be 8 bytes or empty",
    "start_time_unix_nano: missing or out of range",
    "end_time_unix_nano: missing or out of range",
    "end_time_unix_nano: before start_time_unix_nano",
)
_SPAN = TRACES.columns["spans"]


class TraceDecoder:
    """Decodes trace requests; it remembers resources and sizes, which changes nothing but its speed."""

    def __init__(self) -> None:
        self._walker = Walker(TRACES)
        self._remembered = Remembered()

    def decode(self, payloads: Sequence[bytes]) -> Decoded:
        """Spans of all requests in order. Raises BadRequest for a malformed resource, scope or nested value."""
        walked = self._walker.walk(payloads, CONSTANTS)
        envelope = Envelope(walked, self._remembered)
        spans = walked.tables["spans"]
        codes = _reject_codes(walked, spans)
        keep = codes == 0
        kept = keep_rows(spans, keep)
        resource_rows = envelope.resource_rows(kept)
        tables = {
            "spans": table_of("spans", _columns(walked, envelope, kept, resource_rows, keep), len(kept)),
            "resources": envelope.resources_seen(resource_rows, kept[:, _SPAN["start"]]),
        }
        return Decoded(tables, outcomes(walked, _rejects(walked, envelope, spans, codes)))


def _reject_codes(walked: Walked, spans: np.ndarray) -> np.ndarray:
    """Per span 0, or the place of the first reason that holds, counted from one."""
    start, end = spans[:, _SPAN["start"]], spans[:, _SPAN["end"]]
    parents = id_states(walked.buffer, spans, _SPAN["parent_span_id"], 8)
    checks = (
        id_states(walked.buffer, spans, _SPAN["trace_id"], 16) != ID_GOOD,
        id_states(walked.buffer, spans, _SPAN["span_id"], 8) != ID_GOOD,
        parents == ID_LENGTH,
        start <= 0,
        end <= 0,
        end < start,
    )
    codes = np.zeros(len(spans), dtype=np.int64)
    for code, failed in reversed(list(enumerate(checks, 1))):
        codes[failed] = code
    return codes


def _rejects(walked: Walked, envelope: Envelope, spans: np.ndarray, codes: np.ndarray) -> Rejects:
    resource_rows = envelope.resource_rows(spans)

    def example(row: int) -> str:
        service = envelope.resources[resource_rows[row]].service
        return f"span {shown(text_at(walked, spans[row], _SPAN['name']))} of service {shown(service)}"

    return Rejects("span", codes, envelope.payload_of_resource[resource_rows], REASONS, example)


def _columns(
    walked: Walked, envelope: Envelope, spans: np.ndarray, resource_rows: np.ndarray, keep: np.ndarray
) -> dict[str, pa.Array]:
    buffer = walked.buffer
    start = np.ascontiguousarray(spans[:, _SPAN["start"]])
    kinds = spans[:, _SPAN["kind"]]
    parents = id_states(buffer, spans, _SPAN["parent_span_id"], 8)
    attributes = keep_children(walked.tables["attributes"], keep)
    attribute_maps = attribute_map(walked, TRACES, "attributes", attributes, len(spans))
    states = texts(buffer, spans, _SPAN["trace_state"])
    return {
        "trace_id": binaries(buffer, spans, _SPAN["trace_id"]),
        "span_id": binaries(buffer, spans, _SPAN["span_id"]),
        "parent_span_id": binaries(buffer, spans, _SPAN["parent_span_id"], valid=parents == ID_GOOD),
        "service": envelope.words(resource_rows, "service"),
        "operation": dictionary(buffer, spans, _SPAN["name"]),
        "kind": _enum(kinds, SPAN_KINDS),
        "start_ns": pa.array(start),
        "duration_ns": pa.array(spans[:, _SPAN["end"]] - start),
        "status": _enum(spans[:, _SPAN["status"]], SPAN_STATUSES),
        "status_message": texts(buffer, spans, _SPAN["status_message"]),
        "instance": envelope.words(resource_rows, "instance"),
        "version": envelope.words(resource_rows, "version"),
        "resource_id": pa.array(envelope.resource_ids[resource_rows]),
        "scope": envelope.scope_words(spans),
        "trace_state": states,
        "attributes": attribute_maps,
        "events": _events(walked, keep, len(spans)),
        "links": _links(walked, keep, len(spans)),
        **sampling_column(buffer, attributes, states, attribute_maps),
        **peer_columns(buffer, kinds, attributes, int(walked.bounds[-1])),
    }


def _enum(numbers: np.ndarray, words: tuple[str, ...]) -> pa.Array:
    """The word of each enum number; a number that we do not know is the first word."""
    numbers = numbers.astype(np.int32)  # as protobuf reads an enum
    known = np.where((numbers >= 0) & (numbers < len(words)), numbers, 0)
    return words_by_code(known, words)


def _events(walked: Walked, keep: np.ndarray, spans: int) -> pa.Array:
    column = TRACES.columns["events"]
    kept = np.ones(0, dtype=bool) if keep.all() else keep[walked.tables["events"][:, 0]]
    rows = keep_children(walked.tables["events"], keep)
    details = keep_children(walked.tables["event_attributes"], kept)
    items = pa.StructArray.from_arrays(
        [
            pa.array(rows[:, column["time"]]),
            texts(walked.buffer, rows, column["name"]),
            attribute_map(walked, TRACES, "event_attributes", details, len(rows)),
        ],
        names=["time_ns", "name", "attributes"],
    )
    return pa.ListArray.from_arrays(pa.array(offsets_of(rows, spans)), items)


def _links(walked: Walked, keep: np.ndarray, spans: int) -> pa.Array:
    column = TRACES.columns["links"]
    kept = np.ones(0, dtype=bool) if keep.all() else keep[walked.tables["links"][:, 0]]
    rows = keep_children(walked.tables["links"], keep)
    details = keep_children(walked.tables["link_attributes"], kept)
    items = pa.StructArray.from_arrays(
        [
            binaries(walked.buffer, rows, column["trace_id"]),
            binaries(walked.buffer, rows, column["span_id"]),
            attribute_map(walked, TRACES, "link_attributes", details, len(rows)),
        ],
        names=["trace_id", "span_id", "attributes"],
    )
    return pa.ListArray.from_arrays(pa.array(offsets_of(rows, spans)), items)
