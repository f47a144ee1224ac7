"""Log records: which are events, severities, ordinals."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from causeway.records import EVENT_KINDS
from collectors.otlp.decode import decode
from collectors.otlp.happenings import kind_of_name
from tests.collectors.otlp.requests import NOW_NS, any_value, attributes, resource


def request_of(*records: dict[str, Any]) -> ExportLogsServiceRequest:
    """Records of service cart; `told` become attributes, `body` any value."""
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add(resource=resource(k8s_pod_name="cart-0")).scope_logs.add()
    for fields in records:
        given = dict(fields)
        told, body = given.pop("told", {}), given.pop("body", None)
        scope.log_records.add(**{"time_unix_nano": NOW_NS, **given}, attributes=attributes(told), body=any_value(body))
    return request


def tables_of(*records: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    decoded = decode("logs", [(request_of(*records).SerializeToString(), "protobuf")])
    return {name: table.to_pylist() for name, table in decoded.tables.items()}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("deployment", "deploy"),
        ("deployment.finished", "deploy"),
        ("app.release", "deploy"),
        ("Rollout", "deploy"),
        ("config.changed", "config"),
        ("ConfigMapUpdated", "config"),
        ("k8s.pod.restarted", "restart"),
        ("container.restart", "restart"),
        ("BackOff", "restart"),
        ("CrashLoopBackOff", "restart"),
        ("oom", "oom"),
        ("k8s.container.oom_killed", "oom"),
        ("OOMKilling", "oom"),
        ("ScalingReplicaSet", "scale"),
        ("hpa.scaled", "scale"),
        ("liveness_probe.failed", "probe"),
        ("Unhealthy", "probe"),
        ("feature_flag.changed", "flag"),
        ("audit.login", "audit"),
        # These happen all the time and change nothing.
        ("feature_flag.evaluation", None),
        ("exception", None),
        ("browser.click", None),
        ("session.start", None),
        ("room.booked", None),
        ("lock.released", None),
        ("payment.configured", None),
        ("gen_ai.user.message", None),
    ],
)
def test_kind_of_name(name: str, kind: str | None) -> None:
    """The names of operational events stand for their kinds; all other names are log records."""
    assert kind_of_name(name) == kind
    assert kind is None or kind in EVENT_KINDS


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (
            {"event_name": "deployment.finished", "body": "cart 1.2 is out"},
            ("deploy", "cart", "deployment.finished", "cart 1.2 is out"),
        ),
        ({"told": {"event.name": "container.restart"}}, ("restart", "cart", "container.restart", "")),
        (
            {"told": {"causeway.event.kind": "config", "causeway.event.entity": "cart-0", "reason": "Reload"}},
            ("config", "cart-0", "Reload", ""),
        ),
        ({"event_name": "exception", "told": {"causeway.event.kind": "scale"}}, ("scale", "cart", "exception", "")),
        ({"told": {"causeway.event.kind": "party"}}, ("other", "cart", "", "")),
        ({"told": {"k8s.event.reason": "OOMKilling"}, "body": "killed"}, ("oom", "cart", "OOMKilling", "killed")),
        ({"told": {"k8s.event.reason": "Pulled"}}, ("other", "cart", "Pulled", "")),
        (
            {"event_name": "config.changed", "told": {"message": "limit is 5"}, "body": {"limit": 5}},
            ("config", "cart", "config.changed", '{"limit":5}'),
        ),
        ({"event_name": "config.changed", "told": {"message": "now 5"}}, ("config", "cart", "config.changed", "now 5")),
    ],
)
def test_event(record: dict[str, Any], expected: tuple[str, ...]) -> None:
    """An operational event goes to `events`, not to `logs`, with kind, entity, reason and message."""
    tables = tables_of({"body": "before"}, record, {"body": "after"})
    assert [row["body"] for row in tables["logs"]] == ["before", "after"]
    (event,) = tables["events"]
    assert tuple(event[name] for name in ("kind", "entity", "reason", "message")) == expected
    assert (event["time_ns"], event["service"], event["instance"]) == (NOW_NS, "cart", "cart-0")
    assert dict(event["attributes"]) == {key: str(value) for key, value in record.get("told", {}).items()}


def test_other_events_are_logs() -> None:
    """A record with a name that says nothing about operations stays a log record and keeps its name."""
    tables = tables_of({"event_name": "exception", "body": "boom"})
    assert not tables["events"]
    assert tables["logs"][0]["event_name"] == "exception"


@pytest.mark.parametrize(
    ("number", "text", "expected"),
    [
        (9, "", ("INFO", 9)),
        (12, "whatever", ("INFO", 12)),
        (24, "", ("FATAL", 24)),
        (0, "", ("UNSPECIFIED", 0)),
        (0, "Warning", ("WARN", 13)),
        (0, " ERROR ", ("ERROR", 17)),
        (0, "critical", ("ERROR", 18)),
        (0, "loud", ("UNSPECIFIED", 0)),
        (99, "", ("UNSPECIFIED", 0)),
    ],
)
def test_severity(number: int, text: str, expected: tuple[str, int]) -> None:
    """The number decides; where there is none, the usual words are understood."""
    request = request_of({"severity_text": text})
    record = request.resource_logs[0].scope_logs[0].log_records[0].SerializeToString()
    # By hand, because the classes do not send a number that is not in the enum.
    payload = _around(request, record + (b"\x10" + bytes((number,)) if number else b""))
    row = decode("logs", [(payload, "protobuf")]).tables["logs"].to_pylist()[0]
    assert (row["severity"], row["severity_number"]) == expected


def _length(data: bytes) -> bytes:
    return bytes((len(data),)) + data


def _around(request: ExportLogsServiceRequest, record: bytes) -> bytes:
    """The request's resource around one raw record, all below 128 bytes."""
    raw_resource = request.resource_logs[0].resource.SerializeToString()
    return b"\x0a" + _length(b"\x0a" + _length(raw_resource) + b"\x12" + _length(b"\x12" + _length(record)))


def test_ordinals() -> None:
    """Equal records of one request count up; what differs in anything, or in its request, begins anew."""
    records = [{"body": "a"}, {"body": "a"}, {"body": "b"}, {"body": "a"}, {"body": "a", "told": {"x": 1}}]
    payload = request_of(*records).SerializeToString()
    rows = decode("logs", [(payload, "protobuf"), (payload, "protobuf")]).tables["logs"]["ordinal"].to_pylist()
    assert rows == [0, 1, 0, 2, 0] * 2


@pytest.mark.parametrize("length", [0, 3, 15, 16, 17])
def test_bad_trace_id_means_no_trace(length: int) -> None:
    """A log record with an invalid trace id belongs to no trace; it is kept (logs.proto)."""
    (row,) = tables_of({"trace_id": b"x" * length})["logs"]
    assert row["trace_id"] == (b"x" * 16 if length == 16 else None)
