"""Recorded tables become OTLP requests that say exactly what was recorded."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from causeway.errors import ConfigError
from causeway.window import SECOND_NS, Window
from collectors.replay.exports import Cut, Shift, exports, service_of, severity_of, unwrap
from collectors.replay.metric_columns import COLUMNS
from collectors.replay.recording import Recording, read
from tests.otlp.sink import logs_in, metrics_in, spans_in

T0 = 1_675_000_000 * SECOND_NS
POD = "ts-order-service-5b67c48447-fj8b7"
TRACE, OTHER_TRACE = "b0103bb0161ad7fa352fe1828eeb643a", "00000000000000000000000000000001"


def docker(line: str, *, tail: str = "") -> str:
    return json.dumps({"log": line + "\n", "stream": "stdout", "time": "2023-01-29T08:42:22Z"}) + tail


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three spans, four lines, two metric rows, out of order in time."""
    spans = pa.table(
        {
            "TraceID": [TRACE, TRACE, OTHER_TRACE],
            "SpanID": ["520b067330e3ede5", "a4424f20bffee416", "00000000000000ff"],
            "ParentID": ["root", "520b067330e3ede5", "root"],
            "PodName": ["ts-gateway-service-6f6cfc45b-h5m2n", POD, POD],
            "OperationName": ["/*", "OrderController.query", "job"],
            "StartTimeUnixNano": [T0 + 5, T0 + 10, T0],
            "EndTimeUnixNano": [T0 + 1000, T0 + 900, T0 + 3 * SECOND_NS],
            "Duration": [0, 0, 3_000_000],
        }
    )
    logs = pa.table(
        {
            "TimeUnixNano": [T0 + 40, T0 + 20, T0 + 60, T0 + 80],
            "Node": ["33.33.33.1"] * 4,
            "PodName": [POD] * 4,
            "Container": ["server"] * 4,
            "TraceID": [TRACE, "", "not hex", TRACE],
            "SpanID": ["a4424f20bffee416", "", "", "0" * 16],
            "Log": [
                docker("16:42:22.382 ERROR  o.Order#1 failed 订单"),
                docker("plain words"),
                docker("12:00:00 WARN torn", tail='rest of another"}'),
                "no JSON at all",
            ],
        }
    )
    metrics = pa.table(
        {
            "TimeStamp": [T0 // SECOND_NS + 60, T0 // SECOND_NS],
            "PodName": [POD, None],
            "CpuUsage(m)": [250.0, None],
            "MemoryUsage(Mi)": [2.0, None],
            "CpuUsageRate(%)": [None, None],
            "source": ["pod", "front_service"],
            "ServiceName": [None, "Frontend"],
            "LatencyP50(s)": [None, 0.25],
        },
        schema=pa.schema(
            [
                ("TimeStamp", pa.int64()),
                ("PodName", pa.string()),
                ("CpuUsage(m)", pa.float64()),
                ("MemoryUsage(Mi)", pa.float64()),
                ("CpuUsageRate(%)", pa.float64()),
                ("source", pa.string()),
                ("ServiceName", pa.string()),
                ("LatencyP50(s)", pa.float64()),
            ]
        ),
    )
    for name, table in (("spans", spans), ("logs", logs), ("metrics", metrics)):
        pq.write_table(table, tmp_path / f"{name}.parquet")
    return tmp_path


def bodies(recording: Recording, signal: str, *, cut: Cut | None = None, shift: Shift | None = None) -> list[bytes]:
    made = exports(recording, cut=cut or Cut(), shift=shift or Shift())
    return [due.export.body for due in made if due.export.signal == signal]


def test_spans_say_what_was_recorded(folder: Path) -> None:
    """Service and pod from the pod's name, exact times, `root` is no parent, nothing invented; by start."""
    spans = spans_in(bodies(read(folder), "spans"))
    assert [span.name for _, span in sorted(spans, key=lambda item: item[1].start_time_unix_nano)] == [
        "job",
        "/*",
        "OrderController.query",
    ]
    by_name = {span.name: (resource, span) for resource, span in spans}
    resource, child = by_name["OrderController.query"]
    assert resource == {"service.name": "ts-order-service", "k8s.pod.name": POD}
    assert child.trace_id.hex() == TRACE
    assert child.parent_span_id.hex() == "520b067330e3ede5"
    assert (child.start_time_unix_nano, child.end_time_unix_nano) == (T0 + 10, T0 + 900)
    assert (child.kind, len(child.attributes), child.status.code) == (0, 0, 0)
    assert by_name["/*"][1].parent_span_id == b""


def test_log_lines_are_unwrapped(folder: Path) -> None:
    """The message inside the Docker line, its level, its ids where they are valid; a torn line up to its JSON."""
    records = {
        record.body.string_value: (resource, record) for resource, record in logs_in(bodies(read(folder), "logs"))
    }
    assert set(records) == {
        "16:42:22.382 ERROR  o.Order#1 failed 订单",
        "plain words",
        "12:00:00 WARN torn",
        "no JSON at all",
    }
    resource, error = records["16:42:22.382 ERROR  o.Order#1 failed 订单"]
    assert resource["k8s.node.name"] == "33.33.33.1" and resource["service.name"] == "ts-order-service"
    assert (error.severity_number, error.severity_text, error.time_unix_nano) == (17, "ERROR", T0 + 40)
    assert (error.trace_id.hex(), error.span_id.hex()) == (TRACE, "a4424f20bffee416")
    assert records["plain words"][1].severity_number == 0
    assert records["12:00:00 WARN torn"][1].trace_id == b""
    assert records["no JSON at all"][1].span_id == b"", "an id of zeros is none"


def test_every_metric_value_is_a_point(folder: Path) -> None:
    """In base units, at the row's time; a missing value is no point; a row of the front end is its service's."""
    found = {
        (resource["service.name"], metric.name): metric
        for resource, metric in metrics_in(bodies(read(folder), "samples"))
    }
    values = {key: (m.gauge.data_points[0].as_double, m.unit) for key, m in found.items()}
    assert values == {
        ("ts-order-service", "k8s.pod.cpu.usage"): (0.25, "{cpu}"),
        ("ts-order-service", "k8s.pod.memory.usage"): (2.0 * 1024 * 1024, "By"),
        ("Frontend", "frontend.latency_p50"): (0.25, "s"),
    }
    assert found["ts-order-service", "k8s.pod.cpu.usage"].gauge.data_points[0].time_unix_nano == T0 + 60 * SECOND_NS


@pytest.mark.parametrize("shift", [Shift(), Shift(12345 * SECOND_NS)])
@pytest.mark.parametrize("cut", [Cut(), Cut(1), Cut(2, SECOND_NS)])
def test_the_same_run_sends_the_same_bytes(folder: Path, cut: Cut, shift: Shift) -> None:
    """Twice the same options, twice the same requests, in the same order, with every record once."""
    first = list(exports(read(folder), cut=cut, shift=shift))
    assert first == list(exports(read(folder), cut=cut, shift=shift))
    assert [due.time_ns for due in first] == sorted(due.time_ns for due in first)
    counts = {
        signal: sum(due.export.records for due in first if due.export.signal == signal)
        for signal in ("spans", "logs", "samples")
    }
    assert counts == {"spans": 3, "logs": 4, "samples": 3}


def test_a_shift_moves_times_and_makes_new_traces(folder: Path) -> None:
    """All times move alike; ids change, but alike, so that parents and log lines still find their spans."""
    recording, by_ns = read(folder), 7 * SECOND_NS
    shift = Shift(by_ns)
    spans = {span.name: span for _, span in spans_in(bodies(recording, "spans", shift=shift))}
    child = spans["OrderController.query"]
    assert child.start_time_unix_nano == T0 + 10 + by_ns
    assert child.trace_id.hex() != TRACE
    assert child.trace_id == spans["/*"].trace_id and child.parent_span_id == spans["/*"].span_id
    logs = [record for _, record in logs_in(bodies(recording, "logs", shift=shift)) if record.span_id]
    assert [(record.trace_id, record.span_id) for record in logs] == [(child.trace_id, child.span_id)]


@pytest.mark.parametrize(
    ("pod", "service"),
    [
        (POD, "ts-order-service"),
        ("ts-ui-dashboard-5477b965f-2chkr", "ts-ui-dashboard"),
        ("frontend", "frontend"),
        ("mysql-0", "mysql-0"),
    ],
)
def test_service_of_a_pod(pod: str, service: str) -> None:
    """The replica set's hash and the pod's suffix go; other names stay."""
    assert service_of(pod) == service


@pytest.mark.parametrize(
    ("message", "severity"),
    [
        ("16:42 INFO x", (9, "INFO")),
        ("WARNING: disk", (13, "WARN")),
        ("[FATAL] gone", (21, "FATAL")),
        ("no level, ERRORS counted", (0, "")),
        ("x" * 80 + " ERROR", (0, "")),
    ],
)
def test_severity_of_a_line(message: str, severity: tuple[int, str]) -> None:
    """A whole word near the start is the level; the same letters elsewhere are not."""
    assert severity_of(message) == severity


def test_only_the_last_newline_goes() -> None:
    """The runtime's newline is not part of the message; those inside are."""
    assert unwrap(docker("a\nb\n")) == ("a\nb\n", "stdout")


def test_a_window_keeps_half_open_bounds(folder: Path) -> None:
    """Records at the start are in, records at the end are not."""
    recording = read(folder, signals=("spans",), window=Window(T0, T0 + 10))
    assert recording.tables["spans"]["OperationName"].to_pylist() == ["job", "/*"]


def test_a_folder_that_is_no_recording_is_refused(tmp_path: Path) -> None:
    """The error names what is missing."""
    with pytest.raises(ConfigError, match=r"spans\.parquet"):
        read(tmp_path)
    pq.write_table(pa.table({"x": [1]}), tmp_path / "logs.parquet")
    with pytest.raises(ConfigError, match="TimeUnixNano"):
        read(tmp_path)


def test_every_column_of_the_real_recording_is_sent(shared_data: Path) -> None:
    """No value of TrainTicket's metrics is left out, and every span and line becomes one record."""
    recording = read(shared_data / "nezha" / "trainticket")
    metrics = recording.tables["metrics"]
    measured = [field.name for field in metrics.schema if pa.types.is_floating(field.type)]
    assert set(measured) == {column.recorded for column in COLUMNS}
    sent = {"spans": 0, "logs": 0, "samples": 0}
    for due in exports(recording, cut=Cut(), shift=Shift()):
        sent[due.export.signal] += due.export.records
    assert sent == {
        "spans": recording.tables["spans"].num_rows,
        "logs": recording.tables["logs"].num_rows,
        "samples": sum(len(metrics) - metrics[name].null_count for name in measured),
    }
