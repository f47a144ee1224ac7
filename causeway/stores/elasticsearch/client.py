"""The connection to a cluster: the official client, set up once, with its errors in plain words."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator
from typing import Any

import orjson
from elastic_transport import (
    ApiError,
    ConnectionError,  # noqa: A004
    ConnectionTimeout,
    JsonSerializer,
    SerializationError,
    Serializer,
    TlsError,
    TransportError,
)
from elasticsearch import Elasticsearch, UnsupportedProductError

from causeway.errors import ConfigError, StoreError
from causeway.stores.elasticsearch.settings import ElasticsearchSettings

REASON_CHARS = 300
# Answers that may be different on another node or a moment later.
_RETRIED = (429, 502, 503, 504)
_RETRIED_BULK = (502, 503, 504)  # 429 is answered by waiting and sending less


class _Json(JsonSerializer):
    def json_dumps(self, data: Any) -> bytes:
        return orjson.dumps(data, default=self.default, option=orjson.OPT_NON_STR_KEYS)

    def json_loads(self, data: bytes) -> Any:
        return orjson.loads(data)


class _Bytes(Serializer):
    """Bodies and answers as they are."""

    def dumps(self, data: bytes) -> bytes:
        return data

    def loads(self, data: bytes) -> bytes:
        return data


def connect(settings: ElasticsearchSettings) -> Elasticsearch:
    """A client for all nodes; it connects when it is first used, and is safe from many threads.

    Raises ConfigError for a secret or certificate file that cannot be read.
    """
    return _client(settings, _RETRIED, settings.timeout_s, {"application/json": _Json()})


def connect_raw(settings: ElasticsearchSettings) -> Elasticsearch:
    """A client that sends and gives bodies as bytes: for bulk requests, whose answers are seldom worth parsing."""
    raw = _Bytes()
    serializers: dict[str, Serializer] = {
        "application/json": raw,
        "application/x-ndjson": raw,
        "application/vnd.elasticsearch+json": raw,
        "application/vnd.elasticsearch+x-ndjson": raw,
    }
    return _client(settings, _RETRIED_BULK, settings.bulk_timeout_s, serializers)


def _client(
    settings: ElasticsearchSettings, retried: tuple[int, ...], timeout_s: float, serializers: dict[str, Serializer]
) -> Elasticsearch:
    tls: dict[str, Any] = {}
    if settings.cloud_id or any(host.startswith("https://") for host in settings.hosts):
        tls = {"verify_certs": settings.verify, "ssl_show_warn": False}
        if settings.ca_certs:
            tls["ssl_context"] = _context(settings)
            tls.pop("verify_certs")
    target: dict[str, Any] = {"cloud_id": settings.cloud_id} if settings.cloud_id else {"hosts": list(settings.hosts)}
    try:
        return Elasticsearch(
            **target,
            **tls,
            basic_auth=settings.basic_auth(),
            api_key=settings.api_key(),
            request_timeout=timeout_s,
            max_retries=settings.retries,
            retry_on_status=retried,
            retry_on_timeout=True,  # every request of ours may be repeated: records have ids
            http_compress=settings.compress,
            connections_per_node=max(10, settings.bulk_in_flight + 2),
            serializers=serializers,
        )
    except ValueError as error:
        raise ConfigError(f"elasticsearch: {error}") from None


def _context(settings: ElasticsearchSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca_certs)
    except OSError as error:
        raise ConfigError(f"store.ca_certs: cannot use {settings.ca_certs}: {error}") from None
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


@contextlib.contextmanager
def plain_errors(doing: str) -> Iterator[None]:
    """Turns errors of the client into StoreError: `cannot DOING: why`, with what to do where that is known."""
    try:
        yield
    except (ApiError, TransportError) as error:
        raise StoreError(f"cannot {doing}: {reason_of(error)}") from error


def reason_of(error: ApiError | TransportError) -> str:
    """One sentence on what went wrong, of bounded length and without secrets."""
    if isinstance(error, UnsupportedProductError):
        return "the server is not an Elasticsearch that this client supports"
    if isinstance(error, ApiError):
        return _refusal(error)
    if isinstance(error, TlsError):
        return f"TLS failed ({_short(error.message)}); check ca_certs, or tls in the location"
    if isinstance(error, ConnectionTimeout):
        return "no answer in time; raise timeout_s, or see how busy the cluster is"
    if isinstance(error, ConnectionError):
        return f"no node can be reached ({_short(error.message)})"
    if isinstance(error, SerializationError):
        return "the server sent something that is not JSON; is this Elasticsearch?"
    return _short(error.message)


def _refusal(error: ApiError) -> str:
    status = error.meta.status
    why = _short(error_text(error.body)) or f"HTTP {status}"
    if status == 401:
        return "the server does not know this user or key (HTTP 401); check username, password_file and api_key_file"
    if status == 403:
        return f"this user may not do that (HTTP 403): {why}"
    return f"{why} (HTTP {status})"


def error_text(body: Any) -> str:
    """`type: reason` of an error answer, parsed or not; of its deepest cause, which is the one that says it."""
    if isinstance(body, bytes | str):
        try:
            body = orjson.loads(body)
        except orjson.JSONDecodeError:
            return body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    error = body.get("error", body) if isinstance(body, dict) else body
    while isinstance(error, dict) and isinstance(error.get("caused_by"), dict):
        error = error["caused_by"]
    if isinstance(error, dict):
        return f"{error.get('type', 'error')}: {error.get('reason', '')}"
    return str(error)


def _short(text: str) -> str:
    line = " ".join(str(text).split())
    return line if len(line) <= REASON_CHARS else line[: REASON_CHARS - 1] + "…"
