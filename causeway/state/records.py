"""What the state holds besides incidents: patrol runs, outbox rows, silences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from causeway.findings import PatrolReport, Verdict


@dataclass(frozen=True, slots=True)
class PatrolRun:
    """One patrol that was run. files: report format -> path relative to the data folder."""

    id: int
    report: PatrolReport
    files: Mapping[str, str]
    schedule: str | None


@dataclass(frozen=True, slots=True)
class PatrolMark:
    """A patrol run without its findings, for lists and the score's history."""

    id: int
    schedule: str | None
    generated_ns: int
    score: float | None
    verdict: Verdict
    counts: Mapping[str, int]
    files: Mapping[str, str]


class Delivery(StrEnum):
    """Where a row of the outbox stands. DEAD: given up. SUPERSEDED: a newer row says it all."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One message to one alarm system. Unique by (forwarder, key).

    topic: rows of one topic go out in order. deliveries: how often it was taken; attempts: failures since.
    """

    id: int
    forwarder: str
    key: str
    topic: str
    payload: Mapping[str, Any]
    delivery: Delivery
    attempts: int
    deliveries: int
    created_ns: int
    due_ns: int
    updated_ns: int
    error: str | None


@dataclass(frozen=True, slots=True)
class Silence:
    """People asked not to be told about an entity between two instants."""

    id: int
    entity: str
    starts_ns: int
    ends_ns: int
    comment: str
    author: str
