"""Which service and instance a series of somebody else's Prometheus belongs to, by its labels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from causeway.stores.prometheus.query import exactly, quoted
from causeway.stores.prometheus.settings import SeriesRule

WORKLOAD = "!"  # of a pod, whose name the label holds
_PAUSE = "POD"  # the container that holds a pod's network
# Names of pods: of a deployment, of a stateful set, of a daemon set or job.
_PODS = (
    re.compile(r"(.+)-[0-9a-f]{5,10}-[a-z0-9]{5}"),
    re.compile(r"(.+)-\d+"),
    re.compile(r"(.+)-[a-z0-9]{5}"),
)


class Owners:
    """The rules in use."""

    def __init__(self, rules: Sequence[SeriesRule]) -> None:
        self._rules = [(re.compile(rule.metrics), rule) for rule in rules]
        self._rule_of = lru_cache(maxsize=100_000)(self._first_rule)

    def owner(self, name: str, labels: Mapping[str, str]) -> tuple[str | None, str | None, frozenset[str]]:
        """(service, instance, the labels that said it); None where no label does."""
        rule = self._rule_of(name)
        if rule is None:
            return None, None, frozenset()
        service, by = _first(rule.service, labels)
        instance, by_instance = _first(rule.instance, labels)
        return service, instance, frozenset(label for label in (by, by_instance) if label)

    def service_matchers(self, service: str) -> list[str]:
        """Matchers of which every series of that service has one; others may have it too."""
        labels = dict.fromkeys(label for _, rule in self._rules for label in rule.service)
        return [_matcher(label, service) for label in labels]

    def instance_matchers(self, instance: str) -> list[str]:
        labels = dict.fromkeys(label for _, rule in self._rules for label in rule.instance)
        return [_matcher(label, instance) for label in labels]

    def labels(self) -> list[str]:
        """All labels that rules look at."""
        every = (label for _, rule in self._rules for label in (*rule.service, *rule.instance))
        return list(dict.fromkeys(label.removesuffix(WORKLOAD) for label in every))

    def _first_rule(self, name: str) -> SeriesRule | None:
        return next((rule for pattern, rule in self._rules if pattern.fullmatch(name)), None)


def workload(pod: str) -> str:
    """What a pod is one of: `cart-7d9f8b6c5-x2x7k` and `cart-0` are `cart`; another name is its own."""
    for pattern in _PODS:
        if found := pattern.fullmatch(pod):
            return found.group(1)
    return pod


def _first(candidates: Sequence[str], labels: Mapping[str, str]) -> tuple[str | None, str | None]:
    for candidate in candidates:
        label = candidate.removesuffix(WORKLOAD)
        value = labels.get(label, "")
        if not value or value == _PAUSE:
            continue
        if candidate != label:
            return workload(value), None
        if label == "job":
            value = value.rpartition("/")[2]  # `namespace/service`, as OpenTelemetry writes it
        return value, label
    return None, None


def _matcher(candidate: str, value: str) -> str:
    label = candidate.removesuffix(WORKLOAD)
    if candidate != label:
        return f"{label}=~{quoted(re.escape(value) + '(-.+)?')}"
    if label == "job":
        return f"{label}=~{quoted('(.*/)?' + re.escape(value))}"
    return exactly(label, value)
