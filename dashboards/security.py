"""What stands before every request: known host names only, the token where one is set, and strict headers."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboards.config import ServeConfig, is_loopback

# Probes of a container platform carry no password and may see no more than "alive" and "ready".
OPEN_PATHS = ("/healthz", "/readyz")


def content_security_policy(script_hashes: Iterable[str]) -> str:
    """Nothing from outside; inline scripts only by hash. Dash, plotly and the grid set styles inline."""
    scripts = " ".join(["'self'", *script_hashes])
    return "; ".join(
        [
            "default-src 'self'",
            f"script-src {scripts}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "worker-src 'self' blob:",
            "frame-src 'self'",
            "frame-ancestors 'self'",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
        ]
    )


# A report is somebody's text in our frame: no scripts, nothing loaded, no way out.
REPORT_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; frame-ancestors 'self'"
)


class Guard:
    """ASGI middleware that refuses foreign host names and missing tokens, and adds the security headers.

    A page on another site could point its own name at 127.0.0.1 (DNS rebinding): the Host header gives it away.
    """

    def __init__(self, app: ASGIApp, *, config: ServeConfig, policy: str) -> None:
        self._app = app
        self._config = config
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope["path"], headers)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add_headers(MutableHeaders(scope=message))
            await send(message)

        if refusal is not None:
            await refusal(scope, receive, guarded)
        else:
            await self._app(scope, receive, guarded)

    def _refusal(self, path: str, headers: Headers) -> PlainTextResponse | None:
        host = host_name(headers.get("host", ""))
        if not self._known(host):
            text = f"unknown host name {host!r}; add it to `allowed_hosts` in [serve] to use it for this server\n"
            return PlainTextResponse(text, status_code=421)
        if self._config.token and path not in OPEN_PATHS and not _token_fits(headers, self._config.token):
            challenge = {"WWW-Authenticate": 'Basic realm="Causeway", charset="UTF-8"'}
            return PlainTextResponse("a token is needed\n", status_code=401, headers=challenge)
        return None

    def _known(self, host: str) -> bool:
        return is_loopback(host) or host in {self._config.host, *self._config.allowed_hosts}

    def _add_headers(self, headers: MutableHeaders) -> None:
        headers.setdefault("Content-Security-Policy", self._policy)
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "same-origin"
        headers["X-Frame-Options"] = "SAMEORIGIN"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"


def host_name(header: str) -> str:
    """The name in a Host header, without port, lower case; IPv6 without brackets."""
    header = header.strip().lower()
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.rpartition(":")[0] if header.count(":") == 1 else header


def _token_fits(headers: Headers, token: str) -> bool:
    kind, _, given = headers.get("authorization", "").partition(" ")
    if kind.lower() == "basic":
        try:
            given = base64.b64decode(given, validate=True).decode("utf-8").partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return False
    elif kind.lower() != "bearer":
        return False
    return hmac.compare_digest(given.strip().encode(), token.encode())
