"""The decoder against the official protobuf classes, over all kinds of records and odd bytes."""

from __future__ import annotations

import math
import random
import struct
from typing import Any

import pyarrow as pa
import pytest
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, Phase, given, settings
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from causeway.errors import BadRequest, TooLarge
from causeway.records import TABLES
from collectors.decoded import Decoded, Outcome
from collectors.otlp.decode import SIGNALS, decode
from tests.collectors.otlp import oracle
from tests.collectors.otlp.messages import LOG_REQUESTS, METRIC_REQUESTS, TRACE_REQUESTS
from tests.collectors.otlp.requests import attributes, logs_request, metrics_request, otlp_json, span, trace_request

# A failing request is readable as it is, and making it smaller takes minutes.
PATIENT = settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
REQUESTS = {"traces": trace_request, "metrics": metrics_request, "logs": logs_request}
TABLES_OF = {
    "traces": {"spans", "resources"},
    "logs": {"logs", "events", "resources"},
    "metrics": {"series", "samples", "histograms", "exemplars", "resources"},
}


def rows_of(table: pa.Table, columns: list[str]) -> list[dict[str, Any]]:
    """Rows as dicts; NaN as text, so that rows can be compared."""
    return [comparable(row) for row in table.select(columns).to_pylist()]


def comparable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: comparable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [comparable(item) for item in value]
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    return value


def decode_one(signal: str, payload: bytes, encoding: str = "protobuf") -> Decoded:
    decoded = decode(signal, [(payload, encoding)])
    for name, table in decoded.tables.items():
        assert table.cast(TABLES[name][0]).schema == TABLES[name][0]
        table.validate(full=True)
    return decoded


def rejected(decoded: Decoded) -> int:
    outcome = decoded.outcomes[0]
    assert isinstance(outcome, Outcome), outcome
    assert bool(outcome.rejected) == bool(outcome.message)
    return outcome.rejected


def check_spans(request: ExportTraceServiceRequest, decoded: Decoded) -> None:
    expected, bad = oracle.spans(request)
    columns = list(expected[0]) if expected else []
    assert rows_of(decoded.tables["spans"], columns) == comparable(expected)
    assert decoded.tables["spans"].num_rows == len(expected)
    assert rejected(decoded) == bad


@PATIENT
@given(TRACE_REQUESTS)
def test_spans(request: ExportTraceServiceRequest) -> None:
    """Every good span is one row that says what the official classes say; bad ones are counted."""
    check_spans(request, decode_one("traces", request.SerializeToString()))


@PATIENT
@given(LOG_REQUESTS)
def test_logs(request: ExportLogsServiceRequest) -> None:
    """Every record with a time is one row; equal ones are told apart by `ordinal`."""
    decoded = decode_one("logs", request.SerializeToString())
    expected, bad = oracle.logs(request)
    columns = list(expected[0]) if expected else []
    assert rows_of(decoded.tables["logs"], columns) == comparable(expected)
    assert decoded.tables["events"].num_rows == 0
    assert rejected(decoded) == bad


@PATIENT
@given(METRIC_REQUESTS)
def test_metrics(request: ExportMetricsServiceRequest) -> None:
    """Every good point of every kind is one row of its series; exemplars follow their points."""
    decoded = decode_one("metrics", request.SerializeToString())
    expected, bad = oracle.metrics(request)
    assert rejected(decoded) == bad
    resources = {
        row["resource_id"]: tuple(sorted(row["attributes"])) for row in decoded.tables["resources"].to_pylist()
    }
    series = {}
    for row in decoded.tables["series"].to_pylist():
        named = [row[name] for name in ("name", "unit", "type", "temporality", "monotonic")]
        series[row["series_id"]] = (*named, resources[row["resource_id"]], tuple(sorted(row["attributes"])))
    for name, rows in expected.items():
        found = [{"series": series[row.pop("series_id")], **row} for row in decoded.tables[name].to_pylist()]
        assert comparable(found) == comparable(rows), name


@PATIENT
@given(TRACE_REQUESTS | LOG_REQUESTS | METRIC_REQUESTS)
def test_json_is_protobuf(request: Any) -> None:
    """A request decodes to equal tables and outcomes from protobuf and from JSON."""
    signal = {"Trace": "traces", "Logs": "logs", "Metri": "metrics"}[type(request).__name__[6:11].removesuffix("S")]
    binary, text = decode_one(signal, request.SerializeToString()), decode_one(signal, otlp_json(request), "json")
    assert binary.outcomes == text.outcomes
    for name, table in binary.tables.items():
        assert comparable(text.tables[name].to_pylist()) == comparable(table.to_pylist())


def test_mutated_bytes() -> None:
    """Of damaged bytes, what the official parser still accepts is decoded alike, and the rest never crashes."""
    rng = random.Random(5)
    source = trace_request(good=3, bad=1).SerializeToString()
    accepted = 0
    for _ in range(3000):
        damaged = bytearray(source)
        for _ in range(rng.randrange(1, 3)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        payload = bytes(damaged[: rng.randrange(len(damaged) + 1)] if rng.random() < 0.3 else damaged)
        decoded = decode("traces", [(payload, "protobuf")])
        try:
            request = ExportTraceServiceRequest.FromString(payload)
        except DecodeError:
            continue
        accepted += 1
        check_spans(request, decoded)
    assert accepted > 500


@pytest.mark.parametrize("signal", SIGNALS)
def test_random_bytes(signal: str) -> None:
    """Random bytes are answered with an outcome, whatever they are."""
    rng = random.Random(6)
    payloads = [(rng.randbytes(rng.randrange(60)), "protobuf") for _ in range(300)]
    assert len(decode(signal, payloads).outcomes) == 300


@pytest.mark.parametrize("signal", SIGNALS)
def test_one_bad_request_among_good_ones(signal: str) -> None:
    """Each request has its own outcome in order; one that cannot be parsed takes no other with it."""
    good = REQUESTS[signal]().SerializeToString()
    part = REQUESTS[signal](good=2, bad=1).SerializeToString()
    # The last one has a well-formed envelope around a malformed resource.
    payloads = [good, b"\xff", part, b"", good[:-3], b"\x0a\x04\x0a\x02\x0a\x7f"]
    decoded = decode(signal, [*((payload, "protobuf") for payload in payloads), (b"[", "json")])
    kinds = [type(outcome) for outcome in decoded.outcomes]
    assert kinds == [Outcome, BadRequest, Outcome, Outcome, BadRequest, BadRequest, BadRequest]
    assert [outcome.rejected for outcome in decoded.outcomes if isinstance(outcome, Outcome)] == [0, 1, 0]
    records = {"traces": "spans", "metrics": "samples", "logs": "logs"}[signal]
    assert decoded.tables[records].num_rows == 3
    assert set(decoded.tables) == TABLES_OF[signal]


@pytest.mark.parametrize("signal", SIGNALS)
def test_deterministic(signal: str) -> None:
    """The same payloads give the same tables: they are replayed from the log after a crash."""
    payloads = [(REQUESTS[signal](good=5, bad=1).SerializeToString(), "protobuf")] * 2
    first, second = decode(signal, payloads), decode(signal, payloads)
    assert first.outcomes == second.outcomes
    assert all(first.tables[name].equals(second.tables[name]) for name in first.tables)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"trace_id": b""}, "trace_id: must be 16 bytes, not all zero"),
        ({"trace_id": bytes(16)}, "trace_id: must be 16 bytes, not all zero"),
        ({"trace_id": bytes(range(8))}, "trace_id: must be 16 bytes, not all zero"),
        ({"span_id": b"\0" * 8}, "span_id: must be 8 bytes, not all zero"),
        ({"span_id": b"1234567"}, "span_id: must be 8 bytes, not all zero"),
        ({"parent_span_id": b"123"}, "parent_span_id: must be 8 bytes or empty"),
        ({"start_time_unix_nano": 0}, "start_time_unix_nano: missing or out of range"),
        ({"end_time_unix_nano": 0}, "end_time_unix_nano: missing or out of range"),
        ({"end_time_unix_nano": 1 << 63}, "end_time_unix_nano: missing or out of range"),
        ({"end_time_unix_nano": 5}, "end_time_unix_nano: before start_time_unix_nano"),
    ],
)
def test_reject_message(fields: dict[str, Any], reason: str) -> None:
    """A refused span is named with field, reason, count and one example; the good one is kept."""
    request = trace_request(spans=[span(1), span(2, **fields), span(3, **fields)])
    decoded = decode_one("traces", request.SerializeToString())
    message = f"2 spans rejected: {reason} (first: span 'GET /x' of service 'cart')"
    assert decoded.outcomes == (Outcome(2, message),)
    assert decoded.tables["spans"].num_rows == 1


def test_reject_message_is_bounded() -> None:
    """However many and long the names, the message stays short."""
    spans = [span(number, span_id=b"x", name="n" * 10_000) for number in range(1, 50)]
    outcome = decode_one("traces", trace_request(spans=spans).SerializeToString()).outcomes[0]
    assert isinstance(outcome, Outcome) and outcome.rejected == 49 and len(outcome.message) < 300


def test_invalid_utf8_is_repaired() -> None:
    """Text cut in the middle of a character loses that character, not the record."""
    payload = trace_request().SerializeToString().replace(b"GET /x", b"GET /\xe4")
    decoded = decode_one("traces", payload)
    assert decoded.tables["spans"]["operation"].to_pylist() == ["GET /\ufffd"]


def test_groups_and_unknown_fields_are_skipped() -> None:
    """Fields that we do not know, obsolete groups among them, change nothing."""
    good = trace_request().SerializeToString()
    unknown = b"\xa2\x06\x03abc" + b"\xa8\x06\x07" + b"\xb1\x06" + bytes(8) + b"\xbd\x06" + bytes(4)
    group = b"\xc3\x06" + b"\x08\x01" + b"\x13\x08\x02\x14" + b"\xc4\x06"
    check_spans(trace_request(), decode_one("traces", unknown + good + group))


def field(number: int, content: bytes) -> bytes:
    """A length-delimited field of less than 128 bytes."""
    return bytes((number << 3 | 2, len(content))) + content


def test_not_packed_numbers() -> None:
    """Repeated numbers are read packed, one by one, and mixed."""
    counts = [b"\x31" + number.to_bytes(8, "little") for number in (1, 2)]
    rest = field(6, (3).to_bytes(8, "little")) + field(7, struct.pack("<d", 0.5)) + b"\x39" + struct.pack("<d", 1.5)
    point = b"\x19" + (5).to_bytes(8, "little") + b"".join(counts) + rest
    metric = field(1, b"wait") + field(9, field(1, point))
    payload = field(1, field(2, field(2, metric)))
    request = ExportMetricsServiceRequest.FromString(payload)
    assert list(request.resource_metrics[0].scope_metrics[0].metrics[0].histogram.data_points[0].bucket_counts) == [
        1,
        2,
        3,
    ]
    row = decode_one("metrics", payload).tables["histograms"].to_pylist()[0]
    assert (row["counts"], row["bounds"]) == ([1.0, 2.0, 3.0], [0.5, 1.5])


def test_resource_in_two_parts() -> None:
    """A resource message that comes in two parts is merged, as protobuf says, even behind its records."""
    request = trace_request()
    spans = request.resource_spans[0].scope_spans[0].SerializeToString()
    parts = [
        field(1, field(1, item.SerializeToString())) for item in attributes({"service.name": "a", "host.name": "b"})
    ]
    body = parts[0] + b"\x12" + bytes((len(spans),)) + spans + parts[1]
    payload = field(1, body) if len(body) < 128 else b"\x0a" + bytes((len(body) & 127 | 128, len(body) >> 7)) + body
    check_spans(ExportTraceServiceRequest.FromString(payload), decode_one("traces", payload))


def test_many_requests_in_one_call() -> None:
    """Rows of many requests come in their order, and tables that are too small at first grow."""
    payloads = [(trace_request(good=40).SerializeToString(), "protobuf") for _ in range(50)]
    spans = decode("traces", payloads).tables["spans"]
    assert spans.num_rows == 2000
    assert spans["span_id"].to_pylist() == [number.to_bytes(8, "big") for _ in range(50) for number in range(1, 41)]


@pytest.mark.parametrize(
    "payload",
    [
        # Empty spans in one scope, empty attributes of one span, empty resources: two bytes each.
        b"\x0a\x85\x80\xc0\x05\x12\x80\x80\xc0\x05" + b"\x12\x00" * 0x58_0000,
        b"\x0a\x00" * 300_000,
    ],
    ids=["spans", "resources"],
)
def test_bomb_of_empty_records(payload: bytes) -> None:
    """Millions of empty records are refused before they fill the memory; other requests of the group are kept."""
    good = trace_request().SerializeToString()
    decoded = decode("traces", [(good, "protobuf"), (payload, "protobuf"), (good, "protobuf")])
    assert [type(outcome) for outcome in decoded.outcomes] == [Outcome, TooLarge, Outcome]
    assert decoded.tables["spans"].num_rows == 2


@pytest.mark.parametrize("signal", SIGNALS)
def test_tables_have_one_schema(signal: str) -> None:
    """Tables of different calls have the same columns and types, empty ones too: they are put together later."""
    full = decode(signal, [(REQUESTS[signal]().SerializeToString(), "protobuf")]).tables
    for payload in (b"", REQUESTS[signal](good=0, bad=1).SerializeToString()):
        assert {name: table.schema for name, table in decode(signal, [(payload, "protobuf")]).tables.items()} == {
            name: table.schema for name, table in full.items()
        }


def test_a_bomb_leaves_no_trace() -> None:
    """After a request of countless empty records the decoder takes large good ones as before."""
    decode("traces", [(b"\x0a\x85\x80\xc0\x05\x12\x80\x80\xc0\x05" + b"\x12\x00" * 0x58_0000, "protobuf")])
    payload = trace_request(good=20_000).SerializeToString()
    decoded = decode("traces", [(payload, "protobuf")] * 8)
    assert decoded.tables["spans"].num_rows == 160_000
    assert set(decoded.outcomes) == {Outcome()}
