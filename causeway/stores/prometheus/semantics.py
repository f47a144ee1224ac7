"""What others' metrics are called in OpenTelemetry's semantic conventions: by name, with type and unit."""

from __future__ import annotations

from dataclasses import dataclass

from causeway.stores.prometheus.names import label_name, metric_name


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric as `causeway.records.SERIES` names it."""

    name: str
    unit: str
    type: str
    temporality: str = "UNSPECIFIED"
    monotonic: bool = False


def _gauge(name: str, unit: str) -> Metric:
    return Metric(name, unit, "gauge")


def _counter(name: str, unit: str) -> Metric:
    return Metric(name, unit, "sum", "CUMULATIVE", True)


def _level(name: str, unit: str) -> Metric:
    return Metric(name, unit, "sum", "CUMULATIVE", False)


def _histogram(name: str, unit: str) -> Metric:
    return Metric(name, unit, "histogram", "CUMULATIVE")


# Semantic conventions 1.3x, the metrics that SDKs and the Collector's receivers send most.
_CONVENTIONS = (
    _histogram("http.server.request.duration", "s"),
    _histogram("http.client.request.duration", "s"),
    _histogram("http.server.duration", "ms"),
    _histogram("http.client.duration", "ms"),
    _histogram("http.server.request.body.size", "By"),
    _histogram("http.server.response.body.size", "By"),
    _level("http.server.active_requests", "{request}"),
    _histogram("rpc.server.duration", "ms"),
    _histogram("rpc.client.duration", "ms"),
    _histogram("rpc.server.call.duration", "s"),
    _histogram("rpc.client.call.duration", "s"),
    _histogram("db.client.operation.duration", "s"),
    _level("db.client.connection.count", "{connection}"),
    _level("db.client.connections.usage", "{connection}"),
    _histogram("messaging.client.operation.duration", "s"),
    _histogram("messaging.process.duration", "s"),
    _histogram("messaging.publish.duration", "ms"),
    _counter("process.cpu.time", "s"),
    _gauge("process.cpu.utilization", "1"),
    _level("process.memory.usage", "By"),
    _level("process.memory.virtual", "By"),
    _level("process.thread.count", "{thread}"),
    _level("process.unix.file_descriptor.count", "{file_descriptor}"),
    _gauge("process.runtime.cpu.utilization", "1"),
    _counter("jvm.cpu.time", "s"),
    _gauge("jvm.cpu.recent_utilization", "1"),
    _histogram("jvm.gc.duration", "s"),
    _level("jvm.memory.used", "By"),
    _level("jvm.memory.committed", "By"),
    _level("jvm.memory.limit", "By"),
    _level("jvm.thread.count", "{thread}"),
    _counter("container.cpu.time", "s"),
    _gauge("container.cpu.usage", "{cpu}"),
    _gauge("container.cpu.utilization", "1"),
    _level("container.memory.usage", "By"),
    _gauge("container.memory.working_set", "By"),
    _gauge("k8s.pod.cpu.usage", "{cpu}"),
    _gauge("k8s.pod.cpu_limit_utilization", "1"),
    _gauge("k8s.container.cpu_limit_utilization", "1"),
    _gauge("k8s.pod.memory_limit_utilization", "1"),
    _gauge("k8s.container.memory_limit_utilization", "1"),
    _gauge("k8s.pod.memory.usage", "By"),
    _gauge("k8s.pod.memory.working_set", "By"),
    _counter("system.cpu.time", "s"),
    _gauge("system.cpu.utilization", "1"),
    _level("system.memory.usage", "By"),
    _gauge("system.memory.utilization", "1"),
)

# What cAdvisor and the kubelet call the same things.
_CADVISOR = {
    "container_cpu_usage_seconds_total": _counter("container.cpu.time", "s"),
    "container_memory_usage_bytes": _level("container.memory.usage", "By"),
    "container_memory_working_set_bytes": _gauge("container.memory.working_set", "By"),
}


def _prometheus(metric: Metric) -> str:
    return metric_name(
        metric.name, metric.unit, type_=metric.type, temporality=metric.temporality, monotonic=metric.monotonic
    )


# By name in Prometheus' words, of histograms without `_bucket`, `_sum` and `_count`.
METRICS = {_prometheus(metric): metric for metric in _CONVENTIONS} | _CADVISOR

# Attributes of these metrics, by label.
ATTRIBUTES = {
    label_name(key): key
    for key in (
        "http.route",
        "http.method",
        "http.status_code",
        "http.request.method",
        "http.response.status_code",
        "error.type",
        "network.protocol.name",
        "network.protocol.version",
        "server.address",
        "server.port",
        "url.scheme",
        "rpc.method",
        "rpc.service",
        "rpc.system",
        "rpc.grpc.status_code",
        "db.system",
        "db.system.name",
        "db.operation.name",
        "db.namespace",
        "messaging.system",
        "messaging.destination.name",
        "messaging.operation.name",
        "jvm.gc.name",
        "jvm.gc.action",
        "jvm.memory.pool.name",
        "jvm.memory.type",
        "jvm.thread.state",
        "cpu.mode",
        "k8s.pod.name",
        "k8s.namespace.name",
        "k8s.container.name",
        "k8s.node.name",
        "container.id",
        "container.name",
    )
}


def prometheus_names(name: str) -> list[str]:
    """Names in Prometheus' words that others use for this metric, histograms without their endings."""
    return [prometheus for prometheus, metric in METRICS.items() if metric.name == name]
