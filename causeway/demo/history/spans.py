"""Drawn requests as encoded spans and log records, with the attributes that the running shop sets."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from causeway.demo.history.draw import Kind, SpanColumns, SpanShape, Traces
from causeway.demo.history.rows import MARKS, TEXT_MARKS, Rows, lay, times
from causeway.demo.shop import plan
from causeway.otlp import encode

_SEVERITY_INFO = 9
_SAY_BEFORE_END_NS = 200_000


class Encoder:
    """Encodes for a shop whose instances listen on `ports`."""

    def __init__(self, ports: dict[str, list[int]]) -> None:
        self._ports = ports
        self._resources = {
            (service.name, number): encode.resource(
                {**plan.resource_attributes(service.name, service.version, number + 1), "causeway.generated": True}
            )
            for service in plan.SERVICES
            for number in range(service.instances)
        }

    def resource(self, service: str, number: int) -> bytes:
        """The `resource` field of an instance, its number counted from 0."""
        return self._resources[service, number]

    def spans(self, traces: Traces) -> Iterator[Rows]:
        """All spans, grouped by shape, instance and the instance asked."""
        for place, columns in enumerate(traces.spans):
            service = columns.shape.operation.service
            for instance, peer in product(np.unique(columns.instance), np.unique(columns.peer)):
                chosen = np.flatnonzero((columns.instance == instance) & (columns.peer == peer))
                chosen = chosen[np.argsort(columns.start_ns[chosen], kind="stable")]
                if len(chosen):
                    template = self._span_template(columns.shape, int(peer))
                    filled = _filled(traces, place, columns, chosen)
                    rows = lay(template, filled, len(chosen))
                    yield Rows(self.resource(service, int(instance)), columns.start_ns[chosen], rows)

    def logs(self, traces: Traces) -> Iterator[Rows]:
        """The line that each finished operation says."""
        for place, columns in enumerate(traces.spans):
            operation = columns.shape.operation
            if columns.shape.kind not in {Kind.SERVER, Kind.CONSUMER} or not operation.says:
                continue
            at = columns.end_ns - _SAY_BEFORE_END_NS
            template = _log_template(operation.says)
            for instance in np.unique(columns.instance):
                chosen = np.flatnonzero(columns.instance == instance)
                chosen = chosen[np.argsort(at[chosen], kind="stable")]
                filled = _filled(traces, place, columns, chosen) | {"start": times(at[chosen])}
                rows = lay(template, filled, len(chosen))
                yield Rows(self.resource(operation.service, int(instance)), at[chosen], rows)

    def _span_template(self, shape: SpanShape, peer: int) -> bytes:
        parent = b"" if shape.parent is None else encode.field(4, MARKS["parent"])
        title, attributes = self._about(shape, peer)
        link = b""
        if shape.kind is Kind.CONSUMER:
            link = encode.field(13, encode.field(1, MARKS["trace"]) + encode.field(2, MARKS["parent"]))
        span = (
            encode.field(1, MARKS["trace"])
            + encode.field(2, MARKS["span"])
            + parent
            + encode.text(5, title)
            + b"\x30"
            + encode.varint(shape.kind)
            + b"\x39"
            + MARKS["start"]
            + b"\x41"
            + MARKS["end"]
            + encode.attributes(9, attributes)
            + link
        )
        return encode.field(2, span)

    def _about(self, shape: SpanShape, peer: int) -> tuple[str, dict[str, encode.AttributeValue]]:
        operation, step = shape.operation, shape.step
        if isinstance(step, plan.Query):
            return f"{step.verb} {step.table}", _query_attributes(operation, step)
        if isinstance(step, plan.Publish):
            return f"send {plan.QUEUE}", _message_attributes("send")
        if shape.kind is Kind.CONSUMER:
            return f"process {plan.QUEUE}", _message_attributes("process")
        if step is None:
            return operation.title, _server_attributes(operation)
        called = plan.operation(step.operation)
        return called.method, self._client_attributes(called, peer)

    def _client_attributes(self, called: plan.Operation, peer: int) -> dict[str, encode.AttributeValue]:
        port = self._ports[called.service][peer]
        path = called.route.format(**TEXT_MARKS)
        return {
            "http.request.method": called.method,
            "url.full": f"http://{called.service}:{port}{path}",
            "server.address": called.service,
            "server.port": port,
            "peer.service": called.service,
            "http.response.status_code": 200,
        }


def _filled(traces: Traces, place: int, columns: SpanColumns, chosen: np.ndarray) -> dict[str, np.ndarray]:
    filled = {name: values[chosen] for name, values in traces.texts.items()}
    filled["trace"] = traces.trace_ids[chosen]
    filled["span"] = traces.span_ids[chosen, place]
    if columns.shape.parent is not None:
        filled["parent"] = traces.span_ids[chosen, columns.shape.parent]
    filled["start"], filled["end"] = times(columns.start_ns[chosen]), times(columns.end_ns[chosen])
    return filled


def _log_template(says: str) -> bytes:
    record = (
        b"\x09"
        + MARKS["start"]
        + b"\x10"
        + encode.varint(_SEVERITY_INFO)
        + encode.text(3, "INFO")
        + encode.field(5, encode.any_value(says.format(**TEXT_MARKS)))
        + encode.field(9, MARKS["trace"])
        + encode.field(10, MARKS["span"])
        + b"\x59"
        + MARKS["start"]
    )
    return encode.field(2, record)


def _server_attributes(operation: plan.Operation) -> dict[str, encode.AttributeValue]:
    return {
        "http.request.method": operation.method,
        "http.route": operation.route,
        "url.path": operation.route.format(**TEXT_MARKS),
        "url.scheme": "http",
        "network.protocol.version": "1.1",
        "client.address": plan.HOST,
        "http.response.status_code": 200,
    }


def _query_attributes(operation: plan.Operation, query: plan.Query) -> dict[str, encode.AttributeValue]:
    database = plan.service(operation.service).database or ""
    return {
        "db.system.name": "sqlite",
        "db.namespace": database,
        "db.operation.name": query.verb,
        "db.collection.name": query.table,
        "db.query.text": query.sql,
        "server.address": database,
    }


def _message_attributes(verb: str) -> dict[str, encode.AttributeValue]:
    return {
        "messaging.system": "shopmq",
        "messaging.destination.name": plan.QUEUE,
        "server.address": plan.BROKER,
        "messaging.operation.type": verb,
        "messaging.operation.name": verb,
    }
