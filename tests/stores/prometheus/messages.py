"""The messages of remote write 1.0 as its specification describes them, for reading what we encode."""

from __future__ import annotations

from typing import Any

import cramjam
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_FIELD = descriptor_pb2.FieldDescriptorProto
_MESSAGES: dict[str, list[tuple[str, int, Any, bool, str]]] = {
    "Label": [("name", 1, _FIELD.TYPE_STRING, False, ""), ("value", 2, _FIELD.TYPE_STRING, False, "")],
    "Sample": [("value", 1, _FIELD.TYPE_DOUBLE, False, ""), ("timestamp", 2, _FIELD.TYPE_INT64, False, "")],
    "TimeSeries": [
        ("labels", 1, _FIELD.TYPE_MESSAGE, True, "Label"),
        ("samples", 2, _FIELD.TYPE_MESSAGE, True, "Sample"),
    ],
    "MetricMetadata": [
        ("type", 1, _FIELD.TYPE_INT32, False, ""),
        ("metric_family_name", 2, _FIELD.TYPE_STRING, False, ""),
        ("help", 4, _FIELD.TYPE_STRING, False, ""),
        ("unit", 5, _FIELD.TYPE_STRING, False, ""),
    ],
    "WriteRequest": [
        ("timeseries", 1, _FIELD.TYPE_MESSAGE, True, "TimeSeries"),
        ("metadata", 3, _FIELD.TYPE_MESSAGE, True, "MetricMetadata"),
    ],
}


def _write_request() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="remote.proto", package="prometheus", syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field_name, number, type_, repeated, kind in fields:
            label = _FIELD.LABEL_REPEATED if repeated else _FIELD.LABEL_OPTIONAL
            field = message.field.add(name=field_name, number=number, type=type_, label=label)
            if kind:
                field.type_name = f".prometheus.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("prometheus.WriteRequest"))


WriteRequest = _write_request()

Decoded = dict[tuple[tuple[str, str], ...], list[tuple[int, float]]]


def decode(message: bytes) -> Decoded:
    """(time in ms, value) by label set, in the order they stand."""
    found: Decoded = {}
    for series in WriteRequest.FromString(message).timeseries:
        labels = tuple((label.name, label.value) for label in series.labels)
        found.setdefault(labels, []).extend((sample.timestamp, sample.value) for sample in series.samples)
    return found


def unpacked(body: bytes) -> bytes:
    """A request's body, decompressed."""
    return bytes(cramjam.snappy.decompress_raw(body))
