"""The OpenTelemetry SDK of one shop process: traces, metrics and logs over OTLP/HTTP."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

from opentelemetry import context as otel_context
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from causeway.demo.shop import plan

EXPORT_EVERY_S = 2.0
_EXPORT_TIMEOUT_S = 5
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_STATM = Path("/proc/self/statm")


class Telemetry:
    """Tracer, meter and log of this process; `close` sends what is left."""

    def __init__(self, resource: Mapping[str, str], *, otlp: str) -> None:
        about = Resource.create(dict(resource))
        self._traces = TracerProvider(resource=about)
        spans = OTLPSpanExporter(f"{otlp}/v1/traces", timeout=_EXPORT_TIMEOUT_S)
        self._traces.add_span_processor(BatchSpanProcessor(spans, schedule_delay_millis=EXPORT_EVERY_S * 1e3))
        points = OTLPMetricExporter(f"{otlp}/v1/metrics", timeout=_EXPORT_TIMEOUT_S)
        reader = PeriodicExportingMetricReader(points, export_interval_millis=plan.METRICS_EVERY_S * 1e3)
        self._metrics = MeterProvider([reader], resource=about)
        self._logs = LoggerProvider(resource=about)
        lines = OTLPLogExporter(f"{otlp}/v1/logs", timeout=_EXPORT_TIMEOUT_S)
        self._logs.add_log_record_processor(BatchLogRecordProcessor(lines, schedule_delay_millis=EXPORT_EVERY_S * 1e3))
        self.tracer = self._traces.get_tracer(plan.SCOPE)
        self.meter = self._metrics.get_meter(plan.SCOPE)
        self._logger = self._logs.get_logger(plan.SCOPE)
        self.usage = ProcessUsage()
        self._observe_process()

    def log(self, severity: str, body: str, *, event_name: str | None = None, **attributes: str) -> None:
        """A log record in the current trace."""
        self._logger.emit(
            timestamp=time.time_ns(),
            context=otel_context.get_current(),
            severity_number=SeverityNumber[severity],
            severity_text=severity,
            body=body,
            event_name=event_name,
            attributes={name.replace("__", "."): value for name, value in attributes.items()},
        )

    def close(self) -> None:
        """Flush and stop all three."""
        for provider in (self._traces, self._logs, self._metrics):
            provider.shutdown()

    def _observe_process(self) -> None:
        usage = self.usage

        def cpu(_: CallbackOptions) -> list[Observation]:
            return [Observation(usage.cpu_ratio())]

        def memory(_: CallbackOptions) -> list[Observation]:
            return [Observation(usage.memory_bytes())]

        self.meter.create_observable_gauge("process.cpu.utilization", [cpu], "1", "CPU time per second, one core is 1")
        self.meter.create_observable_up_down_counter("process.memory.usage", [memory], "By", "Resident memory")


class ProcessUsage:
    """CPU and memory of this process."""

    def __init__(self) -> None:
        self._at_s, self._cpu_s = time.monotonic(), time.process_time()

    def cpu_ratio(self) -> float:
        """CPU seconds per second since the last call."""
        now_s, cpu_s = time.monotonic(), time.process_time()
        ratio = (cpu_s - self._cpu_s) / max(now_s - self._at_s, 1e-3)
        self._at_s, self._cpu_s = now_s, cpu_s
        return ratio

    @staticmethod
    def memory_bytes() -> int:
        """Resident memory."""
        return int(_STATM.read_text().split()[1]) * _PAGE_BYTES
