"""The rules of OTLP/gRPC, by what a real server answers over a real channel."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from causeway.errors import CausewayError, QueueFull, StoreError
from collectors.otlp.answers import REQUEST_BYTES_MAX
from collectors.otlp.grpc_server import SERVICES, serve_grpc
from tests.collectors.otlp.requests import logs_request, metrics_request, trace_request
from tests.collectors.receiver import Collector, KeepingIntake

SERVICE_OF = {signal: service for service, signal in SERVICES.items()}
RESPONSES = {
    "traces": ExportTraceServiceResponse,
    "metrics": ExportMetricsServiceResponse,
    "logs": ExportLogsServiceResponse,
}
REQUESTS = {"traces": trace_request, "metrics": metrics_request, "logs": logs_request}
RECORDS = {"traces": "spans", "metrics": "samples", "logs": "logs"}
REJECTED = {"traces": "rejected_spans", "metrics": "rejected_data_points", "logs": "rejected_log_records"}

Export = Callable[..., bytes]


@pytest.fixture
def channel(collector: Collector) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(collector.grpc_address, options=[("grpc.max_send_message_length", -1)]) as channel:
        yield channel


def export(channel: grpc.Channel, signal: str, body: bytes, **options: object) -> bytes:
    return channel.unary_unary(f"/{SERVICE_OF[signal]}/Export")(body, timeout=30, **options)


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
@pytest.mark.parametrize("signal", ["traces", "metrics", "logs"])
def test_good_request(collector: Collector, channel: grpc.Channel, signal: str, compression: grpc.Compression) -> None:
    """A good request, gzip or not, is stored and answered with partial_success unset."""
    answer = export(channel, signal, REQUESTS[signal]().SerializeToString(), compression=compression)
    assert not RESPONSES[signal].FromString(answer).HasField("partial_success")
    assert collector.table(RECORDS[signal]).num_rows == 1


@pytest.mark.parametrize("signal", ["traces", "metrics", "logs"])
def test_empty_request(channel: grpc.Channel, signal: str) -> None:
    """An empty request is a success."""
    assert export(channel, signal, b"") == b""


@pytest.mark.parametrize("signal", ["traces", "metrics", "logs"])
def test_partial_success(collector: Collector, channel: grpc.Channel, signal: str) -> None:
    """Of a request with bad records the rest is stored; the answer counts them and says why."""
    answer = export(channel, signal, REQUESTS[signal](bad=3).SerializeToString())
    part = RESPONSES[signal].FromString(answer).partial_success
    assert getattr(part, REJECTED[signal]) == 3 and part.error_message.startswith("3 ")
    assert collector.table(RECORDS[signal]).num_rows == 1


def test_bad_request(channel: grpc.Channel) -> None:
    """What cannot be understood is INVALID_ARGUMENT without RetryInfo."""
    with pytest.raises(grpc.RpcError) as caught:
        export(channel, "traces", b"\xff\xff")
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    status = status_of(caught.value)
    assert status.code == 3 and status.message.startswith("protobuf: ") and not status.details


@pytest.mark.parametrize(
    ("error", "wait_ns"),
    [
        (QueueFull("full", retry_after_s=2.5), 2_500_000_000),
        (StoreError("read-only"), 5_000_000_000),
        (OSError(28, "No space left on device"), 5_000_000_000),
    ],
)
def test_come_back(collector: Collector, channel: grpc.Channel, error: Exception, wait_ns: int) -> None:
    """A full queue and a temporary fault are UNAVAILABLE with RetryInfo; then it works again."""
    collector.intake.refusals.append(error)
    body = trace_request().SerializeToString()
    with pytest.raises(grpc.RpcError) as caught:
        export(channel, "traces", body)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    status, info = status_of(caught.value), RetryInfo()
    assert status.code == 14 and status.details[0].Unpack(info)
    assert info.retry_delay.ToNanoseconds() == wait_ns
    assert export(channel, "traces", body) == b""


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_too_large(collector: Collector, channel: grpc.Channel, compression: grpc.Compression) -> None:
    """A request above 64 MiB after decompression is INVALID_ARGUMENT: sending it again cannot help."""
    with pytest.raises(grpc.RpcError) as caught:
        export(channel, "traces", bytes(REQUEST_BYTES_MAX + 1), compression=compression)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert not collector.intake.requests


@pytest.mark.parametrize(
    "method",
    [
        "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export",
        "/opentelemetry.proto.collector.trace.v1.TraceService/Import",
    ],
)
def test_unimplemented(channel: grpc.Channel, method: str) -> None:
    """Profiles and unknown methods are UNIMPLEMENTED."""
    with pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(method)(b"", timeout=30)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_port_in_use(collector: Collector) -> None:
    """A second server on a port is refused, rather than sharing it in silence."""

    async def second() -> None:
        await serve_grpc(KeepingIntake(), port=collector.grpc_port)

    with pytest.raises(CausewayError, match="cannot listen"):
        asyncio.run(second())


def status_of(error: grpc.RpcError) -> Status:
    """The google.rpc.Status in the trailers."""
    trailers = dict(error.trailing_metadata())
    return Status.FromString(trailers["grpc-status-details-bin"])
