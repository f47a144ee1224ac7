"""Bytes by hand are what the official classes read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from causeway.otlp import encode

KIND = {str: "string_value", bool: "bool_value", int: "int_value", float: "double_value"}
INT64 = st.integers(-(2**63), 2**63 - 1)


@given(st.one_of(st.text(), st.booleans(), INT64, st.floats(allow_nan=False)))
def test_values_of_every_kind_survive(value: str | bool | float) -> None:
    """A text, boolean, 64-bit integer or double is read back as the same kind and value."""
    read = AnyValue.FromString(encode.any_value(value))
    assert read.WhichOneof("value") == KIND[type(value)]
    assert getattr(read, KIND[type(value)]) == value


@given(st.integers(0, 2**64 - 1))
def test_times_survive(time_ns: int) -> None:
    """Any unsigned 64-bit time is read back exactly."""
    assert Span.FromString(encode.fixed64(7, time_ns)).start_time_unix_nano == time_ns


def test_attributes_keep_their_order() -> None:
    """KeyValues are written in the order of the mapping, each with its key."""
    pairs = {"b": "x", "a": 7, "c": True}
    span = Span.FromString(encode.attributes(9, pairs))
    assert [pair.key for pair in span.attributes] == ["b", "a", "c"]


@pytest.mark.parametrize("size", [0, 1, 127, 128, 300, 70_000])
def test_long_fields_have_the_right_length(size: int) -> None:
    """The length prefix is a varint of any size."""
    assert KeyValue.FromString(encode.field(1, b"k" * size)).key == "k" * size


def test_a_request_groups_by_resource() -> None:
    """Each resource comes once, with its scope and its records."""
    resources = [encode.resource({"service.name": name}) for name in ("a", "b")]
    records = [encode.field(2, encode.text(5, name)) for name in ("one", "two")]
    body = encode.request({resources[0]: records[0] + records[1], resources[1]: records[1]}, encode.scope("test", "1"))
    request = ExportTraceServiceRequest.FromString(body)
    names = [[span.name for span in group.scope_spans[0].spans] for group in request.resource_spans]
    assert names == [["one", "two"], ["two"]]
    assert request.resource_spans[0].scope_spans[0].scope.version == "1"
    assert request.SerializeToString() == body
