"""What a metric tells, read from its name and unit: time taken, failures, successes, requests, or a resource.

Names differ between systems, words do not: `http_server_duration_p99_ms`, `http.server.request.duration`,
`latency_p95`, `s3_request_errors_5xx_ratio`. The first role whose words occur wins, in the order of `_WORDS`.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BREAKS = re.compile(r"[^a-z0-9]+")


class Role(StrEnum):
    """SUCCESS: less is worse. REQUESTS: neither is. OTHER: not known."""

    SUCCESS = "success"
    ERRORS = "errors"
    LATENCY = "latency"
    REQUESTS = "requests"
    OTHER = "other"


_SUCCESS = re.compile(r"\b(success|availability|available|apdex|uptime|ready|healthy)\b")
_ERRORS = re.compile(
    r"\b(err|errors?|fail|failed|failures?|faults?|exceptions?|rejected|rejections?|aborted|panics?|servfail|"
    r"timeouts?|exhausted|unauthorized|4xx|5xx|[45]\d\d)\b"
)
_LATENCY = re.compile(r"\b(latency|duration|response time|elapsed|rtt|wait|(request|query|call) (time|seconds|ms))\b")
_REQUESTS = re.compile(r"\b(requests?|calls|queries|rps|qps|ops|throughput|workload)\b")
_WORDS = ((Role.SUCCESS, _SUCCESS), (Role.ERRORS, _ERRORS), (Role.LATENCY, _LATENCY), (Role.REQUESTS, _REQUESTS))
_SHARE = re.compile(r"\b(ratio|rate|pct|percent|percentage|share|availability)\b")
_PERCENT = re.compile(r"\b(pct|percent|percentage)\b")
# Factors into milliseconds, by UCUM unit and by the word that a name ends with.
_MS = {"ns": 1e-6, "us": 1e-3, "ms": 1.0, "s": 1e3, "nanoseconds": 1e-6, "microseconds": 1e-3, "milliseconds": 1.0}
_MS |= {"seconds": 1e3, "sec": 1e3, "min": 6e4}


def words_of(name: str) -> str:
    """The words of a metric's name, lower case, parted by blanks."""
    return _BREAKS.sub(" ", _CAMEL.sub(" ", name).lower()).strip()


@lru_cache(maxsize=65_536)
def role_of(name: str) -> Role:
    """The role that the words of the name give."""
    words = words_of(name)
    return next((role for role, pattern in _WORDS if pattern.search(words)), Role.OTHER)


@lru_cache(maxsize=65_536)
def is_share(name: str, unit: str) -> bool:
    """Whether a metric of failures or successes is a share of requests rather than a number of them."""
    return unit in ("1", "%", "ratio") or bool(_SHARE.search(words_of(name)))


@lru_cache(maxsize=65_536)
def share_factor(name: str, unit: str) -> float | None:
    """The factor into [0, 1] of a share; None where neither unit nor name says (the values must)."""
    if unit == "%" or _PERCENT.search(words_of(name)):
        return 0.01
    return 1.0 if unit in ("1", "ratio") or "ratio" in words_of(name).split() else None


@lru_cache(maxsize=65_536)
def ms_factor(name: str, unit: str) -> float:
    """The factor into milliseconds of a time; 1 where neither unit nor name says."""
    if unit in _MS:
        return _MS[unit]
    return next((_MS[word] for word in reversed(words_of(name).split()) if word in _MS), 1.0)
