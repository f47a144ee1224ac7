"""Who may send: a bearer token that the gRPC and HTTP servers ask for. Without one only loopback is served."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

# Orchestrators ask these without any token; they tell nothing of what was sent.
OPEN_PATHS = frozenset({"/healthz", "/readyz"})
MESSAGE = "the collector wants its token: send `authorization: Bearer TOKEN`"
_UNAUTHENTICATED = 16  # google.rpc.Code


def asking_for_token(app: ASGIApp, token: str) -> ASGIApp:
    """The application behind a check of the Authorization header; 401 for whoever does not know the token."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope.get("path") in OPEN_PATHS or _knows(_header(scope), token):
            await app(scope, receive, send)
            return
        body = orjson.dumps({"code": _UNAUTHENTICATED, "message": MESSAGE})
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"www-authenticate", b"Bearer"),
            (b"connection", b"close"),  # the body was not read
        ]
        await send({"type": "http.response.start", "status": 401, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return guarded


class TokenInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Answers UNAUTHENTICATED to calls whose metadata lack the token."""

    def __init__(self, token: str) -> None:
        self._token = token

        async def refuse(_request: bytes, context: Any) -> None:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, MESSAGE)

        self._refuse = grpc.unary_unary_rpc_method_handler(refuse)

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler:
        metadata = handler_call_details.invocation_metadata or ()
        given = next((value for name, value in metadata if name == "authorization"), "")
        if _knows(given if isinstance(given, str) else given.decode("latin-1"), self._token):
            return await continuation(handler_call_details)
        return self._refuse


def _header(scope: Scope) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"), "")


def _knows(header: str, token: str) -> bool:
    scheme, _, given = header.partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())
