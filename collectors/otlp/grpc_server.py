"""OTLP over gRPC: the three Export services. Requests stay bytes; the intake decodes many at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import grpc
import grpc.aio

from causeway.errors import CausewayError, TooLarge
from collectors.otlp.answers import (
    INVALID_ARGUMENT,
    MESSAGE_CHARS_MAX,
    REFUSED,
    REQUEST_BYTES_MAX,
    Intake,
    refusal_of,
    success,
)
from collectors.otlp.decode import Signal

SERVICES: dict[str, Signal] = {
    "opentelemetry.proto.collector.trace.v1.TraceService": "traces",
    "opentelemetry.proto.collector.metrics.v1.MetricsService": "metrics",
    "opentelemetry.proto.collector.logs.v1.LogsService": "logs",
}
# gRPC itself answers RESOURCE_EXHAUSTED above its limit, which some clients wrongly retry. Ours is lower, and
# answers INVALID_ARGUMENT; beyond twice that gRPC protects the memory.
_GRPC_BYTES_MAX = 2 * REQUEST_BYTES_MAX

Handler = Callable[[bytes, Any], Awaitable[bytes]]


async def serve_grpc(
    intake: Intake,
    *,
    host: str = "127.0.0.1",
    port: int = 4317,
    share_port: bool = False,
    interceptors: Sequence[grpc.aio.ServerInterceptor] = (),
) -> tuple[grpc.aio.Server, int]:
    """A started server and the port it listens on (`port=0` takes a free one).

    share_port: let several processes listen on one port. Raises CausewayError when the port cannot be had. Profiles
    and other services are answered with UNIMPLEMENTED.
    """
    server = grpc.aio.server(
        interceptors=tuple(interceptors),
        options=[
            ("grpc.max_receive_message_length", _GRPC_BYTES_MAX),
            ("grpc.so_reuseport", int(share_port)),
        ],
    )
    handlers = [
        grpc.method_handlers_generic_handler(
            service, {"Export": grpc.unary_unary_rpc_method_handler(_export(intake, signal))}
        )
        for service, signal in SERVICES.items()
    ]
    server.add_generic_rpc_handlers(tuple(handlers))
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        bound = server.add_insecure_port(address)
    except RuntimeError as error:
        raise CausewayError(f"OTLP/gRPC cannot listen on {address}: is another program using the port?") from error
    await server.start()
    return server, bound


def _export(intake: Intake, signal: Signal) -> Handler:
    async def export(request: bytes, context: Any) -> bytes:
        try:
            if len(request) > REQUEST_BYTES_MAX:
                raise TooLarge(f"the request has {len(request)} bytes; at most {REQUEST_BYTES_MAX} are taken")
            outcome = await intake.submit(signal, request, "protobuf")
        except REFUSED as error:
            await _abort(context, error)
            raise
        return success(signal, outcome, json=False)

    return export


async def _abort(context: Any, error: CausewayError | OSError) -> None:
    refusal = refusal_of(error)
    code = grpc.StatusCode.INVALID_ARGUMENT if refusal.code == INVALID_ARGUMENT else grpc.StatusCode.UNAVAILABLE
    status = refusal.status().SerializeToString()
    await context.abort(
        code, refusal.message[:MESSAGE_CHARS_MAX], trailing_metadata=(("grpc-status-details-bin", status),)
    )
