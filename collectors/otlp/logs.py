"""ExportLogsServiceRequests to the tables logs, events and resources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from causeway.records import EVENT_KINDS, SEVERITIES
from collectors.decoded import Decoded
from collectors.otlp.fingerprints import attribute_sums, combine, repeat_numbers, text_hashes, value_hashes
from collectors.otlp.gather import binaries, dictionary, intern, texts, values, words_by_code
from collectors.otlp.happenings import kind_of_record
from collectors.otlp.ids import ID_GOOD, id_states
from collectors.otlp.keys import KeySet
from collectors.otlp.layouts import LOGS
from collectors.otlp.resources import Remembered
from collectors.otlp.rows import (
    Envelope,
    Rejects,
    attribute_map,
    keep_children,
    keep_rows,
    outcomes,
    shown,
    table_of,
    text_at,
)
from collectors.otlp.walker import Walked, Walker

REASONS = ("time_unix_nano: it and observed_time_unix_nano are missing or out of range",)
SEVERITY_NUMBER_MAX = 24

_LOG = LOGS.columns["logs"]
_VALUE = LOGS.columns["attributes"]["value"]
_KEYS = KeySet(
    [
        ("causeway.event.kind",),
        ("causeway.event.entity",),
        ("event.name",),
        ("k8s.event.reason",),
        ("event.reason", "reason", "causeway.event.reason"),
        ("event.message", "message", "causeway.event.message"),
    ]
)
_KIND, _ENTITY, _NAME, _KUBERNETES, _REASON, _MESSAGE = range(6)

# What programs write as severity text when they give no number, and the OTLP number it stands for.
_SEVERITY_WORDS = {
    "trace": 1,
    "debug": 5,
    "info": 9,
    "information": 9,
    "informational": 9,
    "notice": 10,
    "warn": 13,
    "warning": 13,
    "error": 17,
    "err": 17,
    "severe": 17,
    "critical": 18,
    "crit": 18,
    "alert": 19,
    "fatal": 21,
    "emergency": 21,
    "emerg": 21,
    "panic": 21,
}


@dataclass(frozen=True, slots=True)
class _Kept:
    """The log records that were not refused, with what several columns need. Arrays are by record."""

    rows: np.ndarray
    attributes: np.ndarray
    found: np.ndarray  # (n, slots of _KEYS) KeyValue rows
    resource_rows: np.ndarray
    time_ns: np.ndarray
    observed_ns: np.ndarray


class LogDecoder:
    """Decodes log requests; it remembers resources and sizes, which changes nothing but its speed."""

    def __init__(self) -> None:
        self._walker = Walker(LOGS)
        self._remembered = Remembered()

    def decode(self, payloads: Sequence[bytes]) -> Decoded:
        """Records of all requests in order. Raises BadRequest for a malformed resource, scope or nested value."""
        walked = self._walker.walk(payloads)
        envelope = Envelope(walked, self._remembered)
        logs = walked.tables["logs"]
        observed = np.maximum(logs[:, _LOG["observed"]], 0)
        time_ns = np.where(logs[:, _LOG["time"]] > 0, logs[:, _LOG["time"]], observed)
        observed = np.where(observed > 0, observed, time_ns)
        keep = time_ns > 0
        rows = keep_rows(logs, keep)
        attributes = keep_children(walked.tables["attributes"], keep)
        kept = _Kept(
            rows=rows,
            attributes=attributes,
            found=_KEYS.find(walked.buffer, attributes, len(rows)),
            resource_rows=envelope.resource_rows(rows),
            time_ns=time_ns[keep],
            observed_ns=observed[keep],
        )
        kinds = _event_kinds(walked, kept)
        tables = {
            **_split(walked, envelope, kept, kinds),
            "resources": envelope.resources_seen(kept.resource_rows, kept.time_ns),
        }
        return Decoded(tables, outcomes(walked, _rejects(envelope, logs, (~keep).astype(np.int64))))


def _rejects(envelope: Envelope, logs: np.ndarray, codes: np.ndarray) -> Rejects:
    resource_rows = envelope.resource_rows(logs)

    def example(row: int) -> str:
        body = ""
        if logs[row, _LOG["value_type"]] == 1:
            body = shown(text_at(envelope.walked, logs[row], _LOG["value"])) + " "
        return f"log record {body}of service {shown(envelope.resources[resource_rows[row]].service)}"

    return Rejects("log record", codes, envelope.payload_of_resource[resource_rows], REASONS, example)


def _named(kept: _Kept, slot: int) -> np.ndarray:
    """(n, 2) references to the text of a well-known attribute; length 0 where there is none."""
    found = kept.found[:, slot]
    named = np.zeros((len(found), 2), dtype=np.int64)
    present = np.flatnonzero(found >= 0)
    named[present] = kept.attributes[found[present], _VALUE : _VALUE + 2]
    return named


def _event_names(kept: _Kept) -> np.ndarray:
    """(n, 2) references to the event's name: the field, else the attribute event.name."""
    names = kept.rows[:, _LOG["event_name"] : _LOG["event_name"] + 2].copy()
    absent = names[:, 1] == 0
    names[absent] = _named(kept, _NAME)[absent]
    return names


def _event_kinds(walked: Walked, kept: _Kept) -> np.ndarray:
    """(n,) place in EVENT_KINDS of the records that are events, -1 for log records. Each distinct name once."""
    result = np.full(len(kept.rows), -1, dtype=np.int64)
    parts = [_named(kept, _KIND), _named(kept, _KUBERNETES), _event_names(kept)]
    told = np.flatnonzero((parts[0][:, 1] > 0) | (parts[1][:, 1] > 0) | (parts[2][:, 1] > 0))
    if not len(told):
        return result
    coded = [intern(walked.buffer, part[told], 0) for part in parts]
    combined = np.stack([codes for codes, _ in coded], axis=1)
    distinct, inverse = np.unique(combined, axis=0, return_inverse=True)
    words = [
        texts(walked.buffer, part[told][firsts], 0).to_pylist() for part, (_, firsts) in zip(parts, coded, strict=True)
    ]
    kinds = [kind_of_record(words[0][a], words[1][b], words[2][c]) for a, b, c in distinct.tolist()]
    places = np.array([-1 if kind is None else EVENT_KINDS.index(kind) for kind in kinds])
    result[told] = places[inverse.reshape(-1)]
    return result


def _split(walked: Walked, envelope: Envelope, kept: _Kept, kinds: np.ndarray) -> dict[str, pa.Table]:
    """The tables logs and events."""
    count = len(kept.rows)
    shared: dict[str, pa.Array] = {
        "time_ns": pa.array(kept.time_ns),
        "service": envelope.words(kept.resource_rows, "service"),
        "instance": envelope.words(kept.resource_rows, "instance"),
        "attributes": attribute_map(walked, LOGS, "attributes", kept.attributes, count),
    }
    bodies = values(walked.buffer, kept.rows, _LOG["value"], _LOG["value_type"])
    ordinals = pa.array(_ordinals(walked, envelope, kept, bodies, shared["attributes"].items))
    logs = table_of(
        "logs", {**shared, **_log_columns(walked, envelope, kept), "body": bodies, "ordinal": ordinals}, count
    )
    is_event = kinds >= 0
    if not is_event.any():
        none = {name: array.slice(0, 0) for name, array in shared.items()}
        return {"logs": logs, "events": table_of("events", {**none, "kind": words_by_code(kinds[:0], EVENT_KINDS)}, 0)}
    events = table_of("events", {**shared, **_event_columns(walked, kept, kinds, shared["service"], bodies)}, count)
    return {"logs": logs.filter(pa.array(~is_event)), "events": events.filter(pa.array(is_event))}


def _log_columns(walked: Walked, envelope: Envelope, kept: _Kept) -> dict[str, pa.Array]:
    buffer, rows = walked.buffer, kept.rows
    severities = _severity_numbers(walked, rows)
    return {
        "observed_ns": pa.array(kept.observed_ns),
        "severity": words_by_code((severities + 3) // 4, SEVERITIES),
        "severity_number": pa.array(severities.astype(np.int8)),
        "event_name": dictionary(buffer, _event_names(kept), 0),
        "trace_id": _ids(buffer, rows, _LOG["trace_id"], 16),
        "span_id": _ids(buffer, rows, _LOG["span_id"], 8),
        "resource_id": pa.array(envelope.resource_ids[kept.resource_rows]),
        "scope": envelope.scope_words(rows),
    }


def _ids(buffer: np.ndarray, rows: np.ndarray, column: int, size: int) -> pa.Array:
    """Ids, null where absent or invalid: such a record belongs to no trace (logs.proto)."""
    return binaries(buffer, rows, column, valid=id_states(buffer, rows, column, size) == ID_GOOD)


def _severity_numbers(walked: Walked, rows: np.ndarray) -> np.ndarray:
    """OTLP severity numbers; by the text where there is no number."""
    numbers = rows[:, _LOG["severity"]].astype(np.int32)
    numbers[(numbers < 0) | (numbers > SEVERITY_NUMBER_MAX)] = 0
    told = np.flatnonzero((numbers == 0) & (rows[:, _LOG["severity_text"] + 1] > 0))
    if len(told):
        column = _LOG["severity_text"]
        codes, firsts = intern(walked.buffer, rows[told], column)
        words = texts(walked.buffer, rows[told][firsts], column).to_pylist()
        numbers[told] = np.array([_SEVERITY_WORDS.get(word.strip().lower(), 0) for word in words])[codes]
    return numbers


def _ordinals(
    walked: Walked, envelope: Envelope, kept: _Kept, bodies: pa.Array, attribute_texts: pa.Array
) -> np.ndarray:
    """0, 1, 2, ... among the records of a request that say exactly the same."""
    buffer, rows = walked.buffer, kept.rows
    parts = [
        envelope.payload_of_resource[kept.resource_rows],
        envelope.resource_ids[kept.resource_rows],
        envelope.scope_hashes[rows[:, 0]],
        kept.time_ns,
        kept.observed_ns,
        rows[:, _LOG["severity"]],
        rows[:, _LOG["value_type"]],
        value_hashes(buffer, rows, _LOG["value"], _LOG["value_type"], bodies),
        attribute_sums(buffer, kept.attributes, len(rows), attribute_texts),
        *(text_hashes(buffer, rows, _LOG[name]) for name in ("trace_id", "span_id", "event_name")),
    ]
    return repeat_numbers(combine(np.stack(parts)))


def _event_columns(
    walked: Walked, kept: _Kept, kinds: np.ndarray, services: pa.Array, bodies: pa.Array
) -> dict[str, pa.Array]:
    def named(slot: int) -> pa.Array:
        found = texts(walked.buffer, _named(kept, slot), 0)
        return pc.if_else(pc.equal(found, ""), None, found)

    names = texts(walked.buffer, _event_names(kept), 0)
    return {
        "kind": words_by_code(kinds, EVENT_KINDS),
        "entity": pc.coalesce(named(_ENTITY), services.dictionary_decode()),
        "reason": pc.coalesce(named(_REASON), named(_KUBERNETES), names),
        "message": pc.if_else(pc.equal(bodies, ""), pc.coalesce(named(_MESSAGE), bodies), bodies),
    }
