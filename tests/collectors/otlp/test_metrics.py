"""Series: which points belong together, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from collectors.decoded import Outcome
from collectors.otlp.decode import decode
from tests.collectors.otlp.requests import NOW_NS, attributes, metrics_request, resource


def one_point(
    *, name: str = "cpu", unit: str = "1", told: dict[str, object] | None = None, **of: Any
) -> ExportMetricsServiceRequest:
    """One gauge point; `service`, `scope`, `monotonic` and `temporality` make it differ."""
    request = ExportMetricsServiceRequest()
    sender = request.resource_metrics.add(resource=resource(service_name=of.get("service", "cart")))
    scope = sender.scope_metrics.add()
    scope.scope.name = of.get("scope", "")
    metric = scope.metrics.add(name=name, unit=unit)
    points = metric.gauge.data_points
    if "temporality" in of:
        metric.sum.aggregation_temporality = of["temporality"]
        metric.sum.is_monotonic = of.get("monotonic", False)
        points = metric.sum.data_points
    points.add(time_unix_nano=of.get("time", NOW_NS), as_double=1.5, attributes=attributes(told or {}))
    return request


def series_id(request: ExportMetricsServiceRequest) -> int:
    tables = decode("metrics", [(request.SerializeToString(), "protobuf")]).tables
    (identity,) = tables["series"]["series_id"].to_pylist()
    assert tables["samples"]["series_id"].to_pylist() == [identity]
    return identity


def test_series_id_is_stable() -> None:
    """A series has the same id for ever: it is on disk."""
    assert series_id(one_point(told={"core": 1, "mode": "user"})) == PINNED


PINNED = 5469782013486128562


@pytest.mark.parametrize(
    "other",
    [
        {"name": "mem"},
        {"unit": "ms"},
        {"service": "pay"},
        {"scope": "lib"},
        {"temporality": 1},
        {"temporality": 2},
        {"temporality": 2, "monotonic": True},
        {"told": {"core": 2}},
        {"told": {"core": "1"}},
        {"told": {"core": True}},
        {"told": {"core": 1.0}},
        {"told": {"core": [1]}},
        {"told": {"core": b"1"}},
        {"told": {"cor": "e1"}},
        {"told": {"core": 1, "x": 1}},
        {"told": {}},
    ],
    ids=str,
)
def test_series_differ(other: dict[str, Any]) -> None:
    """Anything that OpenTelemetry counts as identity makes another series."""
    base: dict[str, Any] = {"told": {"core": 1}}
    assert series_id(one_point(**base)) != series_id(one_point(**{**base, **other}))


@pytest.mark.parametrize(
    "same",
    [{"time": NOW_NS + 5}, {"told": {"b": "2", "a": 1}}],
    ids=str,
)
def test_series_are_equal(same: dict[str, Any]) -> None:
    """Neither the time nor the order of attributes makes another series."""
    base: dict[str, Any] = {"told": {"a": 1, "b": "2"}}
    assert series_id(one_point(**base)) == series_id(one_point(**{**base, **same}))


def test_one_series_row() -> None:
    """Many points of a series make one row in `series`, with the first time, and `first_ns` of its resource too."""
    payload = metrics_request(good=5).SerializeToString()
    tables = decode("metrics", [(payload, "protobuf")] * 2).tables
    assert tables["series"]["first_ns"].to_pylist() == [NOW_NS]
    assert tables["resources"]["first_ns"].to_pylist() == [NOW_NS]
    assert tables["samples"].num_rows == 10


def _no_name(request: ExportMetricsServiceRequest) -> None:
    request.resource_metrics[0].scope_metrics[0].metrics[0].name = ""


def _no_time(request: ExportMetricsServiceRequest) -> None:
    request.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0].time_unix_nano = 0


def _no_value(request: ExportMetricsServiceRequest) -> None:
    request.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0].ClearField("as_double")


def _uneven(request: ExportMetricsServiceRequest) -> None:
    metric = request.resource_metrics[0].scope_metrics[0].metrics[0]
    metric.ClearField("gauge")
    metric.histogram.data_points.add(time_unix_nano=5, bucket_counts=[1, 2], explicit_bounds=[1.0, 2.0])


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (_no_name, "name: the metric has none"),
        (_no_time, "time_unix_nano: missing or out of range"),
        (_no_value, "value: neither as_double nor as_int"),
        (_uneven, "bucket_counts: must be one more than explicit_bounds"),
    ],
)
def test_rejects(damage: Callable[[ExportMetricsServiceRequest], None], reason: str) -> None:
    """A bad point is named with field, reason, metric and service."""
    request = metrics_request()
    damage(request)
    name = request.resource_metrics[0].scope_metrics[0].metrics[0].name
    decoded = decode("metrics", [(request.SerializeToString(), "protobuf")])
    message = f"1 data point rejected: {reason} (first: metric '{name}' of service 'cart')"
    assert decoded.outcomes == (Outcome(1, message),)
    assert not sum(table.num_rows for table in decoded.tables.values())


def test_no_recorded_value() -> None:
    """The flag for "no recorded value" becomes NaN, not a zero and not a gap."""
    request = metrics_request()
    point = request.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0]
    point.ClearField("as_double")
    point.flags = 1
    (value,) = decode("metrics", [(request.SerializeToString(), "protobuf")]).tables["samples"]["value"].to_pylist()
    assert math.isnan(value)
