"""What the columns of a recorded metrics.parquet mean: metric name, unit, and the factor into that unit."""

from __future__ import annotations

from dataclasses import dataclass

from causeway.otlp import encode

_MEBI = 1024.0 * 1024.0


@dataclass(frozen=True, slots=True)
class MetricColumn:
    """One gauge: the column as recorded, our name, its UCUM unit, and the factor into that unit."""

    recorded: str
    name: str
    unit: str
    factor: float = 1.0

    def head(self) -> bytes:
        """The fields of a Metric in front of its data."""
        return encode.text(1, self.name) + encode.text(3, self.unit)


# Names of the Kubernetes semantic conventions where there is one. The recorded network rates carry no unit;
# their values are those of one-minute rates of the container runtime's byte counters.
COLUMNS = (
    MetricColumn("CpuUsage(m)", "k8s.pod.cpu.usage", "{cpu}", 0.001),
    MetricColumn("CpuUsageRate(%)", "k8s.pod.cpu_limit_utilization", "1", 0.01),
    MetricColumn("MemoryUsage(Mi)", "k8s.pod.memory.usage", "By", _MEBI),
    MetricColumn("MemoryUsageRate(%)", "k8s.pod.memory_limit_utilization", "1", 0.01),
    MetricColumn("SyscallRead", "k8s.pod.syscall.read", "{call}"),
    MetricColumn("SyscallWrite", "k8s.pod.syscall.write", "{call}"),
    MetricColumn("NetworkReceiveBytes", "k8s.pod.network.receive", "By/s"),
    MetricColumn("NetworkTransmitBytes", "k8s.pod.network.transmit", "By/s"),
    MetricColumn("PodClientLatencyP90(s)", "k8s.pod.client.latency_p90", "s"),
    MetricColumn("PodServerLatencyP90(s)", "k8s.pod.server.latency_p90", "s"),
    MetricColumn("PodClientLatencyP95(s)", "k8s.pod.client.latency_p95", "s"),
    MetricColumn("PodServerLatencyP95(s)", "k8s.pod.server.latency_p95", "s"),
    MetricColumn("PodClientLatencyP99(s)", "k8s.pod.client.latency_p99", "s"),
    MetricColumn("PodServerLatencyP99(s)", "k8s.pod.server.latency_p99", "s"),
    MetricColumn("PodWorkload(Ops)", "k8s.pod.requests", "{request}/s"),
    MetricColumn("PodSuccessRate(%)", "k8s.pod.success_ratio", "1", 0.01),
    MetricColumn("NodeCpuUsageRate(%)", "k8s.node.cpu_utilization", "1", 0.01),
    MetricColumn("NodeMemoryUsageRate(%)", "k8s.node.memory_utilization", "1", 0.01),
    MetricColumn("NodeNetworkReceiveBytes", "k8s.node.network.receive", "By/s"),
    MetricColumn("SuccessRate(%)", "frontend.success_ratio", "1", 0.01),
    MetricColumn("LatencyP50(s)", "frontend.latency_p50", "s"),
    MetricColumn("LatencyP90(s)", "frontend.latency_p90", "s"),
    MetricColumn("LatencyP95(s)", "frontend.latency_p95", "s"),
    MetricColumn("LatencyP99(s)", "frontend.latency_p99", "s"),
)
