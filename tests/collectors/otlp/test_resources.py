"""Resources: who is the sender, and a number for it that never changes."""

from __future__ import annotations

import pytest

from causeway.conventions.resource import resource_id, resource_of
from collectors.otlp.decode import decode
from tests.collectors.otlp.requests import NOW_NS, resource, span, trace_request


@pytest.mark.parametrize(
    ("told", "instance"),
    [
        ({}, ""),
        ({"host.name": "h"}, "h"),
        ({"host.name": "h", "container.id": "c"}, "c"),
        ({"container.id": "c", "service.instance.id": "i"}, "i"),
        ({"service.instance.id": "i", "k8s.pod.name": "p", "host.name": "h"}, "p"),
        ({"k8s.pod.name": "", "host.name": "h"}, "h"),
    ],
)
def test_instance(told: dict[str, str], instance: str) -> None:
    """The instance has the name that people know it by: the pod's if there is one."""
    assert resource_of(told).instance == instance


@pytest.mark.parametrize(
    ("told", "service"),
    [({}, "unknown_service"), ({"service.name": ""}, "unknown_service"), ({"service.name": "a"}, "a")],
)
def test_service(told: dict[str, str], service: str) -> None:
    """A sender without service.name is called as OpenTelemetry calls it."""
    assert resource_of(told).service == service


def test_resource_id() -> None:
    """The number depends on the attributes and not on their order, and is pinned: it is on disk."""
    assert resource_id({"a": "1", "b": "2"}) == resource_id({"b": "2", "a": "1"})
    assert len({resource_id(told) for told in ({}, {"a": "1"}, {"a1": ""}, {"": "a1"}, {"a": "", "1": ""})}) == 5
    assert resource_id({"service.name": "cart"}) == PINNED


PINNED = 4861820906245329275


def test_resources_table() -> None:
    """One row per distinct resource that has a good record, with the smallest time of its records."""
    request = trace_request(spans=[span(5), span(3)])
    again = request.resource_spans.add(resource=resource())
    again.scope_spans.add().spans.append(span(2))
    request.resource_spans.add(resource=resource(service_name="idle")).scope_spans.add().spans.append(
        span(1, name="x", trace_id=b"")
    )
    other = request.resource_spans.add(resource=resource(service_name="pay", service_version="2"))
    other.scope_spans.add().spans.append(span(7))
    decoded = decode("traces", [(request.SerializeToString(), "protobuf")])
    rows = {row["service"]: row for row in decoded.tables["resources"].to_pylist()}
    assert {name: row["first_ns"] for name, row in rows.items()} == {"cart": NOW_NS + 2, "pay": NOW_NS + 7}
    assert (rows["pay"]["version"], rows["pay"]["attributes"]) == (
        "2",
        [("service.name", "pay"), ("service.version", "2")],
    )
    assert set(decoded.tables["spans"]["resource_id"].to_pylist()) == {row["resource_id"] for row in rows.values()}
