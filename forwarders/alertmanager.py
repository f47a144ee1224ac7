"""Prometheus Alertmanager, API v2. It forgets an alert that is not sent again, so a firing one is, every minute.

Its identity there is its label set: `alertname`, `service`, `severity`, `incident` and the labels of the configuration.
Everything that may change while it lasts is an annotation.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

from causeway.config import parse
from causeway.errors import ConfigError, DeliveryFailed
from causeway.findings import Message, Verdict
from causeway.messages import quantity, text
from causeway.window import MINUTE_NS, SECOND_NS, iso
from causeway.wire import sentence
from forwarders.contract import Alert, AlertStatus, Common

PATH = "/api/v2/alerts"
# Alertmanager is told that a firing alert ends then, unless it hears of it again: five times missed.
LASTS_NS = 5 * MINUTE_NS
# These mean "this alert is wrong", whatever else is: the same alert again would be refused again.
_PERMANENT = {400, 413, 422}
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_OURS = ("alertname", "service", "severity", "incident")
_ANSWER_MAX = 300


@dataclass(frozen=True, slots=True)
class AlertmanagerOptions:
    """A `[[forward.alertmanager]]`. url: without /api/v2. labels: added to every alert.

    token_env, password_env: names of environment variables; secrets are not written into the file.
    """

    url: str
    labels: Mapping[str, str] = field(default_factory=dict)
    alertname: str = "CausewayIncident"
    repeat_s: float = 60.0
    timeout_s: float = 5.0
    username: str = ""
    password_env: str = ""
    token_env: str = ""

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise ValueError(f"url must begin with http:// or https://, got {self.url!r}")
        if not 0 < self.repeat_s <= LASTS_NS / SECOND_NS / 2:
            raise ValueError("repeat_s must be above 0 and at most 150, or alerts would resolve in between")
        for name, value in self.labels.items():
            if not _LABEL.fullmatch(name) or name in _OURS or not isinstance(value, str):
                raise ValueError(f"label {name!r} is not a free label name with a text")


class Alertmanager:
    """One Alertmanager, or a proxy in front of one. See `forwarders.contract.Forwarder`."""

    def __init__(self, table: Mapping[str, Any], common: Common, *, where: str = "forward.alertmanager") -> None:
        self._options = parse(AlertmanagerOptions, table, where=where)
        self._language = common.language
        self._url = self._options.url.rstrip("/") + PATH
        self._client = httpx2.Client(
            timeout=self._options.timeout_s, headers=_headers(self._options, where), auth=_auth(self._options, where)
        )

    @property
    def repeat_s(self) -> float | None:
        """A firing alert is sent again so often."""
        return self._options.repeat_s

    def deliver(self, alert: Alert, *, now_ns: int) -> None:
        """Post it, together with the end of those that it takes the place of."""
        posted = [self._posted(alert, alert.verdict, now_ns)]
        posted += [self._posted(alert, verdict, now_ns, over=True) for verdict in alert.superseded]
        try:
            answer = self._client.post(self._url, json=posted)
        except httpx2.HTTPError as error:
            raise DeliveryFailed(f"{self._url}: {type(error).__name__}: {error}") from error
        if answer.is_success:
            return
        said = " ".join(answer.text.split())[:_ANSWER_MAX]
        raise DeliveryFailed(
            f"{self._url} answered {answer.status_code}: {said}", permanent=answer.status_code in _PERMANENT
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _posted(self, alert: Alert, verdict: Verdict, now_ns: int, *, over: bool = False) -> dict[str, Any]:
        if over or alert.status is AlertStatus.RESOLVED:
            ends_ns = min(now_ns, alert.ends_ns or now_ns)
        else:
            ends_ns = now_ns + LASTS_NS
        return {
            "labels": self._labels(alert, verdict),
            "annotations": self._annotations(alert),
            # The start must be before the end, or Alertmanager refuses the alert.
            "startsAt": iso(min(alert.starts_ns, ends_ns - SECOND_NS)),
            "endsAt": iso(ends_ns),
            "generatorURL": alert.link or "",
        }

    def _labels(self, alert: Alert, verdict: Verdict) -> dict[str, str]:
        return {
            **self._options.labels,
            "alertname": self._options.alertname,
            "service": alert.entity,
            "severity": "critical" if verdict is Verdict.CRITICAL else "warning",
            "incident": alert.key,
        }

    def _annotations(self, alert: Alert) -> dict[str, str]:
        said = {"summary": sentence(alert.summary, self._language)}
        if alert.cause is not None:
            cause = Message("alert.cause", {"cause": alert.cause, "confidence": alert.confidence})
            words = [text(cause, self._language)]
        else:
            words = [text("alert.no_cause", self._language)]
        words += [sentence(one, self._language) for one in alert.details]
        said["description"] = ("" if self._language == "zh-CN" else " ").join(words)
        if alert.impact is not None:
            said["impact"] = quantity(alert.impact)
        return said


def _headers(options: AlertmanagerOptions, where: str) -> dict[str, str]:
    if not options.token_env:
        return {}
    return {"Authorization": f"Bearer {_secret(options.token_env, where)}"}


def _auth(options: AlertmanagerOptions, where: str) -> httpx2.BasicAuth | None:
    if not options.username:
        return None
    return httpx2.BasicAuth(options.username, _secret(options.password_env, where) if options.password_env else "")


def _secret(variable: str, where: str) -> str:
    value = os.environ.get(variable)
    if value is None:
        raise ConfigError(f"{where}: the environment variable {variable} is not set")
    return value
