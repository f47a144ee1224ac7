"""Where instances run: on which node and in which zone, as their resources say."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Placement:
    """One instance of a service. host, zone: None where its resource does not say."""

    service: str
    instance: str
    host: str | None
    zone: str | None


@dataclass(frozen=True, slots=True)
class Redundancy:
    """Over how many places a service is spread; None where it is not known.

    instances: that served in the window; hosts, zones: of those whose resource says it.
    """

    instances: int | None
    hosts: int | None
    zones: int | None
