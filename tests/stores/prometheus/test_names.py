"""Names in OpenTelemetry's words and in Prometheus' words."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from causeway.stores.prometheus import semantics
from causeway.stores.prometheus.names import label_name, metric_name, unit_of_name, unit_of_words, unit_words

_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")

# Examples of the OpenTelemetry Collector's own tests of its translation.
GAUGES = [
    ("system.filesystem.usage", "By", "system_filesystem_usage_bytes"),
    ("\t system.filesystem.usage       ", "  By\t", "system_filesystem_usage_bytes"),
    ("system.network.dropped", "{packets}", "system_network_dropped"),
    ("system.network.dropped", "packets", "system_network_dropped_packets"),
    ("system.network.packets.dropped", "packets", "system_network_packets_dropped"),
    ("hw.gpu.memory.utilization", "1", "hw_gpu_memory_utilization_ratio"),
    ("hw.fan.speed_ratio", "1", "hw_fan_speed_ratio"),
    ("hw.cpu.speed_limit", "Hz", "hw_cpu_speed_limit_hertz"),
    ("broken.metric.speed", "km/h", "broken_metric_speed_km_per_hour"),
    ("astro.light.speed_limit", "m/s", "astro_light_speed_limit_meters_per_second"),
    ("broken.metric.success_ratio", "%", "broken_metric_success_ratio_percent"),
    ("broken.metric.success_percent", "%", "broken_metric_success_percent"),
    ("test.metric.no_unit", "", "test_metric_no_unit"),
    ("unsupported.metric.temperature", "°F", "unsupported_metric_temperature_F"),
    ("unsupported.metric.weird", "+=.:,!* & #", "unsupported_metric_weird"),
    ("unsupported.metric.redundant", "__test $/°C", "unsupported_metric_redundant_test_per_C"),
    (
        "active_directory.ds.replication.object.rate",
        "{objects}/s",
        "active_directory_ds_replication_object_rate_per_second",
    ),
    ("mongodbatlas.process.network.io", "By/s", "mongodbatlas_process_network_io_bytes_per_second"),
    ("system.cpu.load_average.15m", "1", "system_cpu_load_average_15m_ratio"),
    ("nginx.requests", "requests", "nginx_requests"),
    ("3.14 digits", "", "_3_14_digits"),
    ("envoy__rule_engine_zlib_buf_error", "", "envoy_rule_engine_zlib_buf_error"),
    (":foo::bar", "", "foo_bar"),
]
COUNTERS = [
    ("system.io", "By", "system_io_bytes_total"),
    ("network_transmitted_bytes_total", "By", "network_transmitted_bytes_total"),
    ("system.network.dropped", "{packets}", "system_network_dropped_total"),
    ("objects", "1", "objects_total"),
    ("system.disk.operation_time", "s", "system_disk_operation_time_seconds_total"),
    ("apache.requests", "1", "apache_requests_total"),
]
LABELS = [
    ("http.route", "http_route"),
    ("http.request.header.x-y", "http_request_header_x_y"),
    ("1st", "key_1st"),
    ("_private", "key_private"),
    ("__reserved", "key_reserved"),
    ("a..b", "a_b"),
]


@pytest.mark.parametrize(("name", "unit", "wanted"), GAUGES)
def test_gauges_are_named_by_the_published_rules(name: str, unit: str, wanted: str) -> None:
    """The unit in words, once; a share is a ratio."""
    assert metric_name(name, unit, type_="gauge") == wanted


@pytest.mark.parametrize(("name", "unit", "wanted"), COUNTERS)
def test_counters_end_in_total(name: str, unit: str, wanted: str) -> None:
    """Once, and after the unit."""
    assert metric_name(name, unit, type_="sum", monotonic=True) == wanted


def test_what_only_looks_like_a_counter_does_not() -> None:
    """A delta sum and a sum that may fall are no counters there."""
    assert metric_name("requests", "", type_="sum", temporality="DELTA", monotonic=True) == "requests"
    assert metric_name("queue.length", "{message}", type_="sum", monotonic=False) == "queue_length"
    assert metric_name("lag", "1", type_="histogram") == "lag"


@pytest.mark.parametrize(("key", "wanted"), LABELS)
def test_attribute_keys_become_labels(key: str, wanted: str) -> None:
    """Runs of other signs are one underscore; the beginning is a letter."""
    assert label_name(key) == wanted


@given(st.text(), st.text(max_size=6), st.sampled_from(["gauge", "sum", "histogram"]), st.booleans())
def test_every_name_is_one_that_prometheus_takes(name: str, unit: str, type_: str, monotonic: bool) -> None:
    """Whatever comes in, also without a single ASCII letter."""
    assert _METRIC.fullmatch(metric_name(name, unit, type_=type_, monotonic=monotonic))
    label = label_name(name)
    assert _LABEL.fullmatch(label) and not label.startswith("__")


def test_names_of_other_scripts_stay_apart() -> None:
    """What no letter is left of is told apart by a hash."""
    assert metric_name("内存", "By", type_="gauge") != metric_name("磁盘", "By", type_="gauge")
    assert label_name("区域") != label_name("集群")


@pytest.mark.parametrize("unit", ["s", "ms", "By", "MiBy", "By/s", "%", "Hz", "Cel", "m/s"])
def test_units_come_back(unit: str) -> None:
    """From metadata and from the end of a name."""
    assert unit_of_words(unit_words(unit)) == unit
    assert unit_of_name(metric_name("some.thing", unit, type_="gauge")) == unit


def test_names_of_semantic_conventions_come_back() -> None:
    """No two conventions share a name there, and each is found by it."""
    for prometheus, metric in semantics.METRICS.items():
        assert prometheus in semantics.prometheus_names(metric.name)
    assert semantics.METRICS["http_server_request_duration_seconds"].name == "http.server.request.duration"
    assert semantics.METRICS["container_cpu_usage_seconds_total"].name == "container.cpu.time"
