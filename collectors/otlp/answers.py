"""What the OTLP servers say back, in protobuf or JSON, and what they hand requests to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from causeway.errors import BadRequest, CausewayError, QueueFull, StoreError, TooLarge
from collectors.decoded import Outcome

# The largest request, on the wire and after decompression: what the OTLP specification recommends.
REQUEST_BYTES_MAX = 64 * 1024 * 1024
# How long a client is told to wait when the store has a temporary fault.
STORE_RETRY_AFTER_S = 5.0
# Answers travel in headers too, which are at most 8 KiB.
MESSAGE_CHARS_MAX = 1500

# google.rpc.Code numbers.
INVALID_ARGUMENT, NOT_FOUND, UNIMPLEMENTED, UNAVAILABLE = 3, 5, 12, 14


class Intake(Protocol):
    """Where requests go. `submit` returns when the records are durable.

    Raises BadRequest when nothing can be read of the request, QueueFull when there is no room, and StoreError on a
    temporary fault.
    """

    async def submit(self, signal: str, payload: bytes, encoding: str) -> Outcome: ...


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request was not taken. retry_after_s: None when sending it again cannot help."""

    code: int
    http_status: int
    message: str
    retry_after_s: float | None = None

    @property
    def retry_after_header(self) -> str:
        """Whole seconds, as the header wants them."""
        return str(max(1, math.ceil(self.retry_after_s or 0.0)))

    def status(self) -> Status:
        """As google.rpc.Status, with RetryInfo when the client shall come back."""
        status = Status(code=self.code, message=self.message[:MESSAGE_CHARS_MAX])
        if self.retry_after_s is not None:
            nanos = round(self.retry_after_s * 1e9)
            delay = Duration(seconds=nanos // 1_000_000_000, nanos=nanos % 1_000_000_000)
            detail = AnyMessage()
            detail.Pack(RetryInfo(retry_delay=delay))
            status.details.append(detail)
        return status

    def body(self, *, json: bool) -> bytes:
        """The body of an HTTP answer."""
        if json:
            return orjson.dumps({"code": self.code, "message": self.message[:MESSAGE_CHARS_MAX]})
        return self.status().SerializeToString()


def refusal_of(error: CausewayError | OSError) -> Refusal:
    """How to refuse a request that ended in this error."""
    if isinstance(error, TooLarge):
        return Refusal(INVALID_ARGUMENT, 413, str(error))
    if isinstance(error, BadRequest):
        return Refusal(INVALID_ARGUMENT, 400, str(error))
    if isinstance(error, QueueFull):
        return Refusal(UNAVAILABLE, 503, str(error), retry_after_s=error.retry_after_s)
    # A store that cannot write now, or a full disk: nothing is lost if the client comes back.
    return Refusal(UNAVAILABLE, 503, str(error), retry_after_s=STORE_RETRY_AFTER_S)


# What `Intake.submit` may raise and `refusal_of` understands.
REFUSED = (BadRequest, QueueFull, StoreError, OSError)

_PARTIAL: dict[str, tuple[Any, Any, str, str]] = {
    "traces": (
        trace_service_pb2.ExportTraceServiceResponse,
        trace_service_pb2.ExportTracePartialSuccess,
        "rejected_spans",
        "rejectedSpans",
    ),
    "metrics": (
        metrics_service_pb2.ExportMetricsServiceResponse,
        metrics_service_pb2.ExportMetricsPartialSuccess,
        "rejected_data_points",
        "rejectedDataPoints",
    ),
    "logs": (
        logs_service_pb2.ExportLogsServiceResponse,
        logs_service_pb2.ExportLogsPartialSuccess,
        "rejected_log_records",
        "rejectedLogRecords",
    ),
}


def success(signal: str, outcome: Outcome, *, json: bool) -> bytes:
    """An Export response; `partial_success` is set only when records were refused or there is a warning."""
    if not outcome.rejected and not outcome.message:
        return b"{}" if json else b""
    response, partial, field, json_field = _PARTIAL[signal]
    message = outcome.message[:MESSAGE_CHARS_MAX]
    if json:
        # 64-bit numbers are text in protobuf's JSON.
        return orjson.dumps({"partialSuccess": {json_field: str(outcome.rejected), "errorMessage": message}})
    part = partial(error_message=message, **{field: outcome.rejected})
    return response(partial_success=part).SerializeToString()
