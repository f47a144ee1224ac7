"""The connection to a Prometheus-compatible server: asked and written over HTTP, with its errors in plain words."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import cramjam
import httpx2
import orjson

from causeway import logs
from causeway.errors import ConfigError, StoreError
from causeway.stores.prometheus.settings import PrometheusSettings

log = logs.get("prometheus")

REASON_CHARS = 300
_WRITE_HEADERS = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}
# "This data is wrong", as opposed to "you may not" or "not now".
_REFUSED = (400, 409, 413, 422)
_WAIT_FIRST_S = 0.2

Parameters = Sequence[tuple[str, str]]


class Refused(StoreError):
    """The server does not take this data, whenever it is sent. `too_large`: it might take half of it."""

    def __init__(self, reason: str, *, too_large: bool = False) -> None:
        super().__init__(reason)
        self.too_large = too_large


class LimitReached(StoreError):
    """The server would not answer so much at once."""


@dataclass(frozen=True, slots=True)
class Build:
    """What the server says it is."""

    kind: str  # Prometheus, VictoriaMetrics
    version: str


class Client:
    """For many threads. Connects when first used."""

    def __init__(self, settings: PrometheusSettings) -> None:
        """Raises ConfigError for a secret or certificate file that cannot be read."""
        self._settings = settings
        self._base = settings.url.rstrip("/")
        headers = {"User-Agent": "causeway", **settings.headers}
        if not settings.compress:
            headers["Accept-Encoding"] = "identity"
        if token := settings.token():
            headers["Authorization"] = f"Bearer {token}"
        self._http = httpx2.Client(
            timeout=settings.timeout_s,
            headers=headers,
            auth=settings.basic_auth(),
            verify=_context(settings),
            limits=httpx2.Limits(max_connections=settings.shards + 8),
        )
        self.retries = 0

    def close(self) -> None:
        self._http.close()

    def write(self, message: bytes) -> None:
        """Send one WriteRequest. Raises Refused, or StoreError when it should be sent again later."""
        body = bytes(cramjam.snappy.compress_raw(message))
        wait_s = _WAIT_FIRST_S
        for attempt in range(self._settings.retries + 1):
            failure, asked_s = self._attempt(body)
            if failure is None:
                return
            if attempt == self._settings.retries or asked_s > self._settings.retry_wait_max_s:
                raise failure
            self.retries += 1
            time.sleep(max(asked_s, wait_s))
            wait_s = min(wait_s * 2, self._settings.retry_wait_max_s)

    def _attempt(self, body: bytes) -> tuple[StoreError | None, float]:
        """What went wrong, if it may go well soon, and how long to wait. Raises Refused or StoreError otherwise."""
        doing = f"cannot write samples to {self._settings.location()}"
        try:
            answer = self._http.post(self._settings.write_address, content=body, headers=_WRITE_HEADERS)
        except httpx2.HTTPError as error:
            return StoreError(f"{doing}: {_transport(error)}"), 0.0
        if answer.is_success:
            return None, 0.0
        said = _words(answer)
        if answer.status_code in _REFUSED:
            raise Refused(said, too_large=answer.status_code == 413)
        failure = StoreError(f"{doing}: {_hint(answer.status_code)}{said}")
        if answer.status_code == 429 or answer.status_code >= 500:
            return failure, _retry_after_s(answer)
        raise failure

    def ask(self, path: str, parameters: Parameters = ()) -> Any:
        """`data` of an answer of `/api/v1/PATH`. Raises StoreError with the server's words, or for a partial answer."""
        try:
            answer = orjson.loads(self.ask_raw(path, parameters))
        except orjson.JSONDecodeError:
            raise StoreError(f"{self._settings.location()} answers {path} with no JSON; is this its address?") from None
        check_whole(answer)
        return answer["data"]

    def ask_raw(self, path: str, parameters: Parameters = ()) -> bytes:
        """The body of a good answer as it came. Raises LimitReached or StoreError."""
        address = f"{self._base}/api/v1/{path}"
        doing = f"cannot read from {self._settings.location()}"
        try:
            if parameters:
                form: dict[str, list[str]] = {}
                for name, value in parameters:
                    form.setdefault(name, []).append(value)
                answer = self._http.post(address, data=form)
            else:
                answer = self._http.get(address)
        except httpx2.HTTPError as error:
            raise StoreError(f"{doing}: {_transport(error)}") from error
        if answer.is_success:
            return answer.content
        said = _words(answer)
        if answer.status_code in {422, 400} and _is_limit(said):
            raise LimitReached(f"{doing}: {said}")
        raise StoreError(f"{doing}: {_hint(answer.status_code)}{said}")

    def text(self, path: str) -> str | None:
        """The body at a path below the base, None unless it is there."""
        try:
            answer = self._http.get(self._base + path)
        except httpx2.HTTPError:
            return None
        return answer.text if answer.is_success else None

    def build(self) -> Build:
        """Which server it is. Raises StoreError when it cannot be reached."""
        address = f"{self._base}/api/v1/status/buildinfo"
        try:
            answer = self._http.get(address)
        except httpx2.HTTPError as error:
            raise StoreError(f"cannot reach {self._settings.location()}: {_transport(error)}") from error
        if answer.status_code in {401, 403}:
            raise StoreError(
                f"cannot read from {self._settings.location()}: {_hint(answer.status_code)}{_words(answer)}"
            )
        version = ""
        if answer.is_success:
            with_version: Mapping[str, Any] = _json(answer).get("data") or {}
            version = str(with_version.get("version", ""))
        # VictoriaMetrics says its host in every answer, and leaves its version out.
        kind = "VictoriaMetrics" if "x-server-hostname" in answer.headers else "Prometheus"
        return Build(kind, version)


def check_whole(answer: Mapping[str, Any]) -> None:
    """Raises StoreError when an answer says that something is missing from it."""
    if answer.get("status") != "success":
        raise StoreError(f"the server answered: {answer.get('error', 'no success')}")
    if answer.get("isPartial"):
        raise StoreError("the server's answer is partial: some of its storage nodes did not answer; ask again later")
    if warnings := answer.get("warnings"):
        raise StoreError(f"the server's answer may be incomplete: {_short('; '.join(map(str, warnings)))}")


def _is_limit(said: str) -> bool:
    words = ("too many samples", "exceeds", "exceeded", "limit", "too many points", "cannot select more than")
    return any(word in said for word in words)


def _json(answer: httpx2.Response) -> Mapping[str, Any]:
    try:
        found = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _words(answer: httpx2.Response) -> str:
    said = _json(answer).get("error") or answer.text
    return f"{_short(str(said)) or 'no reason given'} (HTTP {answer.status_code})"


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= REASON_CHARS else text[: REASON_CHARS - 3] + "..."


def _hint(status: int) -> str:
    hints = {
        401: "the server does not know this user or token; check username, password_file and token_file: ",
        403: "this user may not do that: ",
        404: "nothing there takes this; Prometheus needs --web.enable-remote-write-receiver to be written: ",
    }
    return hints.get(status, "")


def _transport(error: httpx2.HTTPError) -> str:
    if isinstance(error, httpx2.TimeoutException):
        return "no answer in time; raise timeout_s, or see how busy the server is"
    return f"{type(error).__name__}: {_short(str(error))}"


def _retry_after_s(answer: httpx2.Response) -> float:
    text = answer.headers.get("retry-after", "")
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return 0.0


def _context(settings: PrometheusSettings) -> ssl.SSLContext | bool:
    if not settings.ca_certs and not settings.cert_file:
        return settings.verify
    try:
        context = ssl.create_default_context(cafile=settings.ca_certs or None)
        if settings.cert_file:
            context.load_cert_chain(settings.cert_file, settings.key_file or None)
    except OSError as error:
        raise ConfigError(f"samples: cannot use {settings.ca_certs or settings.cert_file}: {error}") from None
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
