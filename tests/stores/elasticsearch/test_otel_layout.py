"""Documents as the OpenTelemetry Collector's exporter writes them (by its source; no collector wrote these)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import orjson
import pytest

from causeway.stores.contract import LogFilter, SpanFilter
from causeway.stores.elasticsearch.layouts.columns import ids, times_ns
from causeway.stores.elasticsearch.reader import ElasticsearchReader
from causeway.window import MINUTE_NS, Window
from tests.servers.elasticsearch import Cluster
from tests.stores.elasticsearch.namespaces import namespace

MS = 1_764_000_000_123
START_NS = MS * 1_000_000
WINDOW = Window(START_NS - MINUTE_NS, START_NS + MINUTE_NS)
TRACE = "0123456789abcdef0123456789abcdef"
_KEYWORD = {"type": "keyword", "ignore_above": 1024}
# The parts of Elastic's traces-otel@mappings and logs-otel@mappings that queries need.
MAPPING = {
    "dynamic_templates": [{"strings": {"match_mapping_type": "string", "mapping": _KEYWORD}}],
    "properties": {
        "@timestamp": {"type": "date_nanos"},
        "observed_timestamp": {"type": "date_nanos"},
        "trace_id": _KEYWORD,
        "duration": {"type": "long"},
        "body": {"properties": {"text": {"type": "text"}, "structured": {"type": "flattened"}}},
        "attributes": {"type": "passthrough", "priority": 40, "dynamic": True},
        "resource": {
            "properties": {"attributes": {"type": "passthrough", "priority": 30, "dynamic": True}},
        },
    },
}
RESOURCE = {"attributes": {"service.name": "shop", "service.version": "2.1", "k8s.pod.name": "shop-7", "cpus": 4}}
SPAN: dict[str, Any] = {
    "@timestamp": f"{MS}.5",  # five nanoseconds after the millisecond
    "data_stream": {"type": "traces", "dataset": "generic.otel", "namespace": "x"},
    "trace_id": TRACE,
    "span_id": "00000000000000aa",
    "name": "charge",
    "kind": "Client",
    "duration": 1500,
    "attributes": {
        "http.url": "https://bank.example:8443/pay",
        "http.status_code": 503,
        "retry": True,
        "ratio": 1.0,
        "tags": ["a", "b"],
        "big": "y" * 2000,
    },
    "links": [{"trace_id": "f" * 32, "span_id": "1" * 16, "attributes": {"n": 1}}],
    "status": {"message": "no", "code": "Error"},
    "resource": RESOURCE,
    "scope": {"name": "io.shop"},
}
BARE: dict[str, Any] = {
    "@timestamp": f"{MS}.123456",
    "trace_id": TRACE,
    "span_id": "00000000000000bb",
    "parent_span_id": "00000000000000aa",
    "duration": 7,
    "links": [],
    "status": {},
    "resource": {},
    "scope": {},
}
EVENT = {
    "@timestamp": f"{MS}.9",
    "trace_id": TRACE,
    "span_id": "00000000000000aa",
    "event_name": "exception",
    "attributes": {"event.name": "exception", "exception.type": "Timeout"},
    "resource": RESOURCE,
    "scope": {},
}
LINE = {
    "@timestamp": f"{MS}.7",
    "observed_timestamp": f"{MS}.8",
    "severity_text": "warning",
    "severity_number": 13,
    "trace_id": TRACE,
    "span_id": "00000000000000aa",
    "attributes": {"thread": 3},
    "resource": RESOURCE,
    "scope": {"name": "log4j"},
    "body": {"text": "Order 17 refused"},
}
STRUCTURED = {**LINE, "severity_number": 0, "body": {"structured": {"order": 17, "state": "Refused"}}}


@pytest.fixture(scope="module")
def reader(elasticsearch: Cluster) -> Iterator[ElasticsearchReader]:
    """A reader of two spans, one span event and two log records."""
    with namespace(elasticsearch, layout="otel") as settings:
        documents = {"traces-generic": [SPAN, BARE], "logs-generic": [EVENT, LINE, STRUCTURED]}
        for name, some in documents.items():
            index = f"{elasticsearch.url}/{name}.otel-{settings.namespace}"
            template = {"index_patterns": [f"{name}.otel-{settings.namespace}"], "priority": 900}
            template |= {"template": {"settings": {"number_of_replicas": 0}, "mappings": MAPPING}}
            _ok(httpx2.put(f"{elasticsearch.url}/_index_template/test-{name}-{settings.namespace}", json=template))
            body = b"".join(orjson.dumps({"index": {}}) + b"\n" + orjson.dumps(one) + b"\n" for one in some)
            headers = {"content-type": "application/x-ndjson"}
            answer = _ok(httpx2.post(f"{index}/_bulk?refresh=true", content=body, headers=headers, timeout=60))
            assert not answer["errors"], answer
        found = ElasticsearchReader(settings)
        yield found
        found.close()
        for name in documents:
            httpx2.delete(f"{elasticsearch.url}/_index_template/test-{name}-{settings.namespace}")


def _ok(answer: httpx2.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_span_reads_as_if_it_had_come_by_otlp(reader: ElasticsearchReader) -> None:
    """Times to the nanosecond, values as text, the sender, the peer: by the rules of the OTLP decoder."""
    first, second = reader.spans(WINDOW).table.to_pylist()
    assert (first["start_ns"], first["duration_ns"]) == (START_NS + 5, 1500)
    assert (first["service"], first["instance"], first["version"]) == ("shop", "shop-7", "2.1")
    assert (first["kind"], first["status"], first["status_message"]) == ("CLIENT", "ERROR", "no")
    assert (first["peer_service"], first["peer_type"], first["protocol"]) == ("bank.example", "external", "http")
    told = dict(first["attributes"])
    assert (told["http.status_code"], told["retry"], told["tags"]) == ("503", "true", '["a","b"]')
    assert first["links"] == [{"trace_id": b"\xff" * 16, "span_id": b"\x11" * 8, "attributes": [("n", "1")]}]
    assert (second["service"], second["instance"], second["kind"], second["status"]) == (
        "unknown_service",
        "",
        "UNSPECIFIED",
        "UNSET",
    )
    assert second["parent_span_id"] == bytes.fromhex("00000000000000aa")


def test_a_trace_has_the_events_of_its_spans(reader: ElasticsearchReader) -> None:
    """Events come from their own documents; log records of the span are none."""
    first, second = reader.trace(bytes.fromhex(TRACE)).to_pylist()
    assert first["events"] == [
        {"time_ns": START_NS + 9, "name": "exception", "attributes": [("exception.type", "Timeout")]}
    ]
    assert second["events"] == []
    assert dict(first["resource"])["cpus"] == "4"


@pytest.mark.parametrize(
    ("where", "spans"),
    [
        (SpanFilter(service="shop"), 1),
        (SpanFilter(service="unknown_service"), 1),
        (SpanFilter(kind="UNSPECIFIED"), 1),
        (SpanFilter(status="UNSET"), 1),
        (SpanFilter(instance="shop-7"), 1),
        (SpanFilter(duration_min_ns=8), 1),
        (SpanFilter(attributes={"http.status_code": "503"}), 1),
        (SpanFilter(attributes={"http.status_code": "many"}), 0),
        (SpanFilter(attributes={"retry": "true"}), 1),
        (SpanFilter(attributes={"tags": '["a","b"]'}), 1),
        (SpanFilter(attributes={"tags": "a"}), 0),
        (SpanFilter(attributes={"big": "y" * 2000}), 1),
    ],
    ids=str,
)
def test_filters_compare_text(reader: ElasticsearchReader, where: SpanFilter, spans: int) -> None:
    """Numbers, flags and lists are compared as the text that they read as."""
    assert reader.spans(WINDOW, where).table.num_rows == spans
    assert reader.traces(WINDOW, where).table.num_rows == min(spans, 1)


def test_windows_are_exact(reader: ElasticsearchReader) -> None:
    """The server files a document by five tenths of the millisecond where five nanoseconds were meant."""
    assert reader.spans(Window(START_NS, START_NS + 6)).table.num_rows == 1
    assert reader.spans(Window(START_NS, START_NS + 5)).table.num_rows == 0
    assert reader.spans(Window(START_NS + 6, START_NS + 123_457), limit=None).table.num_rows == 1


def test_log_records(reader: ElasticsearchReader) -> None:
    """Bodies as text whatever they are; span events are no log records; substrings are compared exactly."""
    lines = reader.logs(WINDOW).table.to_pylist()
    assert sorted(line["body"] for line in lines) == ["Order 17 refused", '{"order":17,"state":"Refused"}']
    assert {line["severity"] for line in lines} == {"WARN", "UNSPECIFIED"}
    assert {line["time_ns"] for line in lines} == {START_NS + 7}
    assert reader.logs(WINDOW, LogFilter(contains="efuse")).table.num_rows == 2
    assert reader.logs(WINDOW, LogFilter(contains="Refused")).table.num_rows == 1
    assert reader.logs(WINDOW, LogFilter(severity_min=13, service="shop")).table.num_rows == 1
    counted = {row["severity"]: row["lines"] for row in reader.log_counts(Window(0, START_NS * 2)).to_pylist()}
    assert counted == {"WARN": 1, "UNSPECIFIED": 1}


def test_services(reader: ElasticsearchReader) -> None:
    """Those that name themselves, rolled up or not."""
    assert reader.services(WINDOW) == ["shop"]


SECOND = "2025-11-24T16:00:00Z"
TIMES = {
    "exporter": ([f"{MS}.5", f"{MS}.123456", f"{MS}.0"], [START_NS + 5, START_NS + 123_456, START_NS]),
    "rfc 3339": (
        ["2025-11-24T16:00:00.123456789Z", "2025-11-24T16:00:00Z"],
        [START_NS + 456_789, START_NS - 123_000_000],
    ),
    "milliseconds": ([MS, str(MS)], [START_NS, START_NS]),
    "mixed": ([f"{MS}.5", SECOND, None, "soon"], [START_NS + 5, START_NS - 123_000_000, None, None]),
    "nothing": ([], []),
}


@pytest.mark.parametrize("case", TIMES)
def test_times(case: str) -> None:
    """Every way in which products write `@timestamp`."""
    given, wanted = TIMES[case]
    assert times_ns(given).to_pylist() == wanted


def test_ids() -> None:
    """Short ids are padded in front; what is no id is null, as is one of zeros."""
    given = ["0a" * 8, "A" * 16, "1", "", None, "0" * 16, "xy" * 8, "1" * 17]
    wanted = [b"\x0a" * 8, b"\xaa" * 8, b"\0" * 7 + b"\x01", None, None, None, None, None]
    assert ids(given, 8).to_pylist() == wanted
    assert ids([], 8).to_pylist() == []
    assert ids([None, "1" * 16], 8).to_pylist() == [None, b"\x11" * 8]
