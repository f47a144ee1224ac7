"""Which log records are operational events (a deployment, a restart, ...) and of which kind."""

from __future__ import annotations

import re

from causeway.records import EVENT_KINDS

# The first kind with a matching word wins; more specific ones come first.
_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("oom", re.compile(r"\boom|out of memory")),
    ("probe", re.compile(r"\b(probe|unhealthy|liveness|readiness)")),
    ("audit", re.compile(r"\baudit")),
    ("flag", re.compile(r"\b(feature ?flag|flag)\b(?!.*\bevaluation\b)")),
    ("scale", re.compile(r"\b(scal(e|ed|ing)|autoscal\w*|hpa)\b")),
    ("deploy", re.compile(r"\b(deploy\w*|rollout|rollback|releases?)\b")),
    ("config", re.compile(r"\b(config|configuration|config ?map|secret) ?(changed?|updated?|reload\w*|applied)\b")),
    ("restart", re.compile(r"\b(restart\w*|back ?off|crash ?loop\w*|killing)\b")),
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_BREAKS = re.compile(r"[^A-Za-z0-9]+")


def kind_of_name(name: str) -> str | None:
    """The kind of event that a name stands for (`deployment.finished` is a deploy); None for any other record.

    One evaluation of a feature flag is not an event: nothing changed.
    """
    words = _BREAKS.sub(" ", _CAMEL.sub(" ", name)).strip().lower()
    return next((kind for kind, pattern in _KINDS if pattern.search(words)), None)


def kind_of_record(explicit: str, kubernetes_reason: str, name: str) -> str | None:
    """The kind by the attribute causeway.event.kind, else by the reason of a Kubernetes event, else by name."""
    if explicit:
        return explicit if explicit in EVENT_KINDS else "other"
    if kubernetes_reason:
        return kind_of_name(kubernetes_reason) or "other"
    return kind_of_name(name) if name else None
