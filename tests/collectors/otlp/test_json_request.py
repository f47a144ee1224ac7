"""What OTLP/JSON may look like beyond what the official classes write."""

from __future__ import annotations

import json
from typing import Any

import pytest

from causeway.errors import BadRequest
from collectors.decoded import Outcome
from collectors.otlp.decode import decode
from tests.collectors.otlp.requests import NOW_NS


def span_json(**fields: Any) -> dict[str, Any]:
    return {
        "traceId": "0102030405060708090A0B0C0D0E0F10",
        "spanId": "eee19b7ec3c1b174",
        "name": "GET /x",
        "kind": 2,
        "startTimeUnixNano": str(NOW_NS),
        "endTimeUnixNano": NOW_NS + 5,
        **fields,
    }


def request_json(*spans: dict[str, Any]) -> bytes:
    sender = {"attributes": [{"key": "service.name", "value": {"stringValue": "cart"}}]}
    return json.dumps({"resourceSpans": [{"resource": sender, "scopeSpans": [{"spans": list(spans)}]}]}).encode()


def row_of(*spans: dict[str, Any]) -> dict[str, Any]:
    decoded = decode("traces", [(request_json(*spans), "json")])
    assert decoded.outcomes == (Outcome(),)
    return decoded.tables["spans"].to_pylist()[0]


def test_ids_in_any_case() -> None:
    """Ids are hex, upper or lower case; 64-bit numbers text or number."""
    row = row_of(span_json())
    assert row["trace_id"] == bytes(range(1, 17)) and row["span_id"] == bytes.fromhex("eee19b7ec3c1b174")
    assert (row["start_ns"], row["duration_ns"]) == (NOW_NS, 5)


@pytest.mark.parametrize(
    ("fields", "column", "expected"),
    [
        ({"kind": "SPAN_KIND_CLIENT"}, "kind", "CLIENT"),
        ({"kind": 99}, "kind", "UNSPECIFIED"),
        ({"kind": None}, "kind", "UNSPECIFIED"),
        ({"status": {"code": 2, "message": "no"}}, "status", "ERROR"),
        ({"status": {}}, "status", "UNSET"),
        ({"parentSpanId": ""}, "parent_span_id", None),
        ({"parent_span_id": "eee19b7ec3c1b174"}, "parent_span_id", None),
        ({"unknown": {"a": [1]}}, "operation", "GET /x"),
        ({"endTimeUnixNano": float(NOW_NS)}, "duration_ns", 0),
    ],
    ids=str,
)
def test_lenient(fields: dict[str, Any], column: str, expected: object) -> None:
    """Enum names are understood, null is absent, unknown names (snake_case too) are ignored."""
    assert row_of(span_json(**fields))[column] == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"stringValue": "价格"}, "价格"),
        ({"intValue": "-7"}, "-7"),
        ({"intValue": 9007199254740993}, "9007199254740993"),
        ({"boolValue": True}, "true"),
        ({"doubleValue": 0.1}, "0.1"),
        ({"doubleValue": "NaN"}, "NaN"),
        ({"doubleValue": "-Infinity"}, "-Infinity"),
        ({"bytesValue": "AQI="}, "AQI="),
        ({"bytesValue": "_-8"}, "/+8="),
        ({"arrayValue": {"values": [{"intValue": 1}, None, {"stringValue": "x"}]}}, '[1,null,"x"]'),
        ({"kvlistValue": {"values": [{"key": "a", "value": {"intValue": "1"}}]}}, '{"a":1}'),
        ({"arrayValue": {}}, "[]"),
        ({}, ""),
        (None, ""),
    ],
    ids=str,
)
def test_values(value: dict[str, Any] | None, text: str) -> None:
    """Every kind of value becomes text as `causeway.records` says; twice alike, remembered or not."""
    told = [{"key": "k", "value": value}]
    for _ in range(2):
        assert row_of(span_json(attributes=told))["attributes"] == [("k", text)]


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"name": 5}, "name"),
        ({"startTimeUnixNano": "soon"}, "startTimeUnixNano"),
        ({"startTimeUnixNano": -1}, "startTimeUnixNano"),
        ({"startTimeUnixNano": "9" * 5000}, "startTimeUnixNano"),
        ({"startTimeUnixNano": 1.5}, "startTimeUnixNano"),
        ({"kind": True}, "kind"),
        ({"kind": "SERVER"}, "kind"),
        ({"traceId": 5}, "traceId"),
        ({"attributes": {}}, "attributes"),
        ({"attributes": [5]}, "attribute"),
        ({"attributes": [{"key": 5, "value": {"intValue": 1}}]}, "key"),
        ({"attributes": [{"key": "k", "value": {"intValue": True}}]}, "intValue"),
        ({"attributes": [{"key": "k", "value": {"intValue": 1 << 63}}]}, "intValue"),
        ({"attributes": [{"key": "k", "value": {"boolValue": 1}}]}, "boolValue"),
        ({"attributes": [{"key": "k", "value": {"bytesValue": "%"}}]}, "bytesValue"),
        ({"attributes": [{"key": "k", "value": "x"}]}, "value"),
        ({"status": 2}, "status"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_wrong_types(fields: dict[str, Any], names: str) -> None:
    """A field of a wrong type is a bad request that names it, also after a good one was remembered."""
    row_of(span_json(attributes=[{"key": "k", "value": {"intValue": 1}}]))
    (outcome,) = decode("traces", [(request_json(span_json(**fields)), "json")]).outcomes
    assert isinstance(outcome, BadRequest)
    assert str(outcome).startswith(f"JSON: {names}: must be") and len(str(outcome)) < 250


@pytest.mark.parametrize("trace_id", ["zz", "0102", "AQIDBAUGBwgJCgsMDQ4PEA=="])
def test_bad_id_rejects_the_span_only(trace_id: str) -> None:
    """An id that is not hex, or too short, or base64, costs that span and not its neighbours."""
    decoded = decode("traces", [(request_json(span_json(), span_json(traceId=trace_id)), "json")])
    (outcome,) = decoded.outcomes
    assert isinstance(outcome, Outcome) and outcome.rejected == 1 and "trace_id" in outcome.message
    assert decoded.tables["spans"].num_rows == 1


def test_nested_too_deep() -> None:
    """Values nested without end are refused, not followed."""
    value: dict[str, Any] = {"intValue": 1}
    for _ in range(100):
        value = {"arrayValue": {"values": [value]}}
    (outcome,) = decode(
        "traces", [(request_json(span_json(attributes=[{"key": "k", "value": value}])), "json")]
    ).outcomes
    assert isinstance(outcome, BadRequest) and "deeper" in str(outcome)
