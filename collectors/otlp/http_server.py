"""OTLP over HTTP as a plain ASGI application: POST /v1/traces, /v1/metrics, /v1/logs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from causeway.errors import TooLarge
from collectors.otlp.answers import (
    INVALID_ARGUMENT,
    NOT_FOUND,
    REFUSED,
    REQUEST_BYTES_MAX,
    UNIMPLEMENTED,
    Intake,
    Refusal,
    refusal_of,
    success,
)
from collectors.otlp.decode import Signal
from collectors.otlp.gunzip import gunzip

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

PATHS: dict[str, Signal] = {"/v1/traces": "traces", "/v1/metrics": "metrics", "/v1/logs": "logs"}
PROTOBUF, JSON = b"application/x-protobuf", b"application/json"
# Larger bodies are decompressed in a thread, so that other requests need not wait.
_THREAD_BYTES = 32 * 1024


class _Refused(Exception):
    def __init__(self, refusal: Refusal, **headers: str) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal
        self.headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]


class _Gone(Exception):
    """The client closed the connection before its request was complete."""


def otlp_app(intake: Intake, *, limit: int = REQUEST_BYTES_MAX) -> App:
    """The application. limit: the largest body in bytes, on the wire and after decompression."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"OTLP/HTTP does not speak {scope['type']}")
        headers = dict(scope["headers"])
        content_type = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        json = content_type != PROTOBUF
        try:
            signal = _signal(scope)
            if content_type not in (PROTOBUF, JSON):
                raise _Refused(
                    Refusal(INVALID_ARGUMENT, 415, _unsupported("content-type", content_type, PROTOBUF, JSON))
                )
            body = await _body(headers, receive, limit)
            # An empty body is an empty request in either encoding.
            outcome_body = b"{}" if json else b""
            if body:
                outcome_body = success(
                    signal, await intake.submit(signal, body, "json" if json else "protobuf"), json=json
                )
        except _Gone:
            return
        except _Refused as refused:
            await _refuse(send, refused.refusal, refused.headers, json=json)
        except REFUSED as error:
            refusal = refusal_of(error)
            await _refuse(send, refusal, _headers_of(refusal), json=json)
        else:
            await _answer(send, 200, outcome_body, [], json=json)

    return app


def _signal(scope: Scope) -> Signal:
    path = scope["path"].removeprefix(scope.get("root_path") or "")
    signal = PATHS.get(path)
    if signal is None:
        raise _Refused(Refusal(NOT_FOUND, 404, f"there is no {path[:200]}; OTLP goes to {', '.join(PATHS)}"))
    if scope["method"] != "POST":
        raise _Refused(Refusal(UNIMPLEMENTED, 405, f"{scope['method']} is not allowed; use POST"), allow="POST")
    return signal


def _unsupported(what: str, value: bytes, *wanted: bytes) -> str:
    said = value.decode("latin-1")[:100] or "none"
    return f"{what} {said!r} is not supported; send {' or '.join(name.decode() for name in wanted)}"


async def _body(headers: dict[bytes, bytes], receive: Receive, limit: int) -> bytes:
    """The whole body, decompressed."""
    encoding = headers.get(b"content-encoding", b"").strip().lower()
    if encoding not in (b"", b"identity", b"gzip"):
        message = _unsupported("content-encoding", encoding, b"gzip", b"identity")
        raise _Refused(Refusal(INVALID_ARGUMENT, 415, message))
    length = headers.get(b"content-length", b"0")
    if length.isdigit() and int(length) > limit:
        raise TooLarge(f"the request has {int(length)} bytes; at most {limit} are taken")
    wire = await _read(receive, limit)
    if encoding != b"gzip" or not wire:
        return wire
    if len(wire) > _THREAD_BYTES:
        return await asyncio.to_thread(gunzip, wire, limit=limit)
    return gunzip(wire, limit=limit)


async def _read(receive: Receive, limit: int) -> bytes:
    """What is on the wire, whether it came with a length or in chunks."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise TooLarge(f"the request has more than {limit} bytes")
        parts.append(part)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def _headers_of(refusal: Refusal) -> list[tuple[bytes, bytes]]:
    headers = []
    if refusal.retry_after_s is not None:
        headers.append((b"retry-after", refusal.retry_after_header.encode()))
    if refusal.http_status == 413:
        # The rest of the body is not read.
        headers.append((b"connection", b"close"))
    return headers


async def _refuse(send: Send, refusal: Refusal, headers: list[tuple[bytes, bytes]], *, json: bool) -> None:
    await _answer(send, refusal.http_status, refusal.body(json=json), headers, json=json)


async def _answer(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]], *, json: bool) -> None:
    content = [(b"content-type", JSON if json else PROTOBUF), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*content, *headers]})
    await send({"type": "http.response.body", "body": body})
