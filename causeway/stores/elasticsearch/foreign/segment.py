"""The message `SegmentObject` of SkyWalking's data collect protocol 3, field by field as published.

Fields that we do not read are left out: protobuf keeps them apart as unknown.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_TYPES = descriptor_pb2.FieldDescriptorProto
_TEXT, _INT32, _INT64, _BOOL = _TYPES.TYPE_STRING, _TYPES.TYPE_INT32, _TYPES.TYPE_INT64, _TYPES.TYPE_BOOL
_PACKAGE = "causeway.skywalking"
# Message -> field -> (number, type, repeated); enumerations are read as the numbers that they are on the wire.
_MESSAGES: dict[str, dict[str, tuple[int, Any, bool]]] = {
    "KeyStringValuePair": {"key": (1, _TEXT, False), "value": (2, _TEXT, False)},
    "Log": {"time": (1, _INT64, False), "data": (2, "KeyStringValuePair", True)},
    "SegmentReference": {
        "refType": (1, _INT32, False),
        "traceId": (2, _TEXT, False),
        "parentTraceSegmentId": (3, _TEXT, False),
        "parentSpanId": (4, _INT32, False),
        "parentService": (5, _TEXT, False),
        "parentServiceInstance": (6, _TEXT, False),
        "parentEndpoint": (7, _TEXT, False),
        "networkAddressUsedAtPeer": (8, _TEXT, False),
    },
    "SpanObject": {
        "spanId": (1, _INT32, False),
        "parentSpanId": (2, _INT32, False),
        "startTime": (3, _INT64, False),
        "endTime": (4, _INT64, False),
        "refs": (5, "SegmentReference", True),
        "operationName": (6, _TEXT, False),
        "peer": (7, _TEXT, False),
        "spanType": (8, _INT32, False),
        "spanLayer": (9, _INT32, False),
        "componentId": (10, _INT32, False),
        "isError": (11, _BOOL, False),
        "tags": (12, "KeyStringValuePair", True),
        "logs": (13, "Log", True),
    },
    "SegmentObject": {
        "traceId": (1, _TEXT, False),
        "traceSegmentId": (2, _TEXT, False),
        "spans": (3, "SpanObject", True),
        "service": (4, _TEXT, False),
        "serviceInstance": (5, _TEXT, False),
    },
}
ENTRY, EXIT, LOCAL = range(3)  # SpanType
UNKNOWN, DATABASE, RPC, HTTP, QUEUE, CACHE, FAAS = range(7)  # SpanLayer


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="causeway/skywalking.proto", package=_PACKAGE, syntax="proto3")
    for message, fields in _MESSAGES.items():
        described = file.message_type.add(name=message)
        for name, (number, kind, repeated) in fields.items():
            field = described.field.add(name=name, number=number)
            field.label = _TYPES.LABEL_REPEATED if repeated else _TYPES.LABEL_OPTIONAL
            if isinstance(kind, str):
                field.type, field.type_name = _TYPES.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
            else:
                field.type = kind
    return file


_POOL = descriptor_pool.DescriptorPool()
_POOL.Add(_file())
SegmentObject: Any = message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"{_PACKAGE}.SegmentObject"))
