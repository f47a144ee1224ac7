"""What `causeway forward` answers: the outcome of a test alert, and the state of the outbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

import orjson

from causeway.deployment import Deployment
from causeway.errors import ConfigError, DeliveryFailed
from causeway.findings import Message, Verdict
from causeway.messages import LANGUAGES, text
from causeway.state import Delivery
from causeway.window import MINUTE_NS, SECOND_NS
from causeway.wire import to_json
from forwarders.contract import Alert, AlertStatus
from forwarders.targets import targets

PROBLEMS_MAX = 5


@dataclass(frozen=True, slots=True)
class TestResult:
    """Whether one target took the test alert."""

    __test__ = False  # not a test case, for pytest

    target: str
    kind: str
    delivered: bool
    reason: str | None = None

    def lines(self) -> tuple[Message, ...]:
        """What to tell people."""
        values = {"target": self.target, "kind": self.kind, "reason": self.reason}
        return (Message("alert.test_delivered" if self.delivered else "alert.test_failed", values),)


@dataclass(frozen=True, slots=True)
class Problem:
    """A row that was not taken."""

    key: str
    attempts: int
    error: str


@dataclass(frozen=True, slots=True)
class TargetStatus:
    """The outbox of one target. kind: None when it is no longer configured."""

    target: str
    kind: str | None
    pending: int
    delivered: int
    dead: int
    problems: tuple[Problem, ...]

    def lines(self) -> tuple[Message, ...]:
        """What to tell people."""
        values = {
            "target": self.target,
            "kind": self.kind,
            "pending": self.pending,
            "delivered": self.delivered,
            "dead": self.dead,
        }
        first = Message("alert.status_gone" if self.kind is None else "alert.status_target", values)
        return (
            first,
            *(
                Message("alert.status_problem", {"key": row.key, "attempts": row.attempts, "error": row.error})
                for row in self.problems
            ),
        )


def send_test(config: Mapping[str, Any], *, now_ns: int) -> tuple[TestResult, ...]:
    """Send a test alert to every target; it is not sent again, and so ends by itself."""
    results = []
    for target in targets(config):
        alert = Alert(
            key=f"TEST-{now_ns // SECOND_NS}",
            status=AlertStatus.FIRING,
            verdict=Verdict.WARNING,
            entity="causeway-test",
            summary=Message("alert.test_summary"),
            starts_ns=now_ns - MINUTE_NS,
        )
        try:
            target.forwarder.deliver(alert, now_ns=now_ns)
            results.append(TestResult(target.name, target.kind, delivered=True))
        except DeliveryFailed as error:
            results.append(TestResult(target.name, target.kind, delivered=False, reason=str(error)))
        finally:
            target.forwarder.close()
    return tuple(results)


def queue_status(deployment: Deployment, config: Mapping[str, Any]) -> tuple[TargetStatus, ...]:
    """The outbox of every target that is configured or still has rows, by name."""
    kinds = {target.name: target.kind for target in targets(config)}
    state = deployment.open_state()
    try:
        counts = state.outbox_counts()
        found = []
        for name in sorted({*kinds, *counts}):
            rows = [
                row
                for delivery in (Delivery.PENDING, Delivery.DEAD)
                for row in state.outbox_rows(forwarder=name, delivery=delivery, limit=PROBLEMS_MAX)
                if row.error
            ]
            count = counts.get(name, {})
            found.append(
                TargetStatus(
                    target=name,
                    kind=kinds.get(name),
                    pending=count.get(Delivery.PENDING.value, 0),
                    delivered=count.get(Delivery.DELIVERED.value, 0) + count.get(Delivery.SUPERSEDED.value, 0),
                    dead=count.get(Delivery.DEAD.value, 0),
                    problems=tuple(Problem(row.key, row.attempts, row.error or "") for row in rows[:PROBLEMS_MAX]),
                )
            )
        return tuple(found)
    finally:
        state.close()


def write(
    answers: Sequence[TestResult] | Sequence[TargetStatus], output: str, language: str, *, stream: TextIO
) -> None:
    """The answers as lines for people or as JSON. Raises ConfigError for another format or language."""
    if output not in {"table", "json"}:
        raise ConfigError(f"--format: no {output!r}; known: table, json")
    if language not in LANGUAGES:
        raise ConfigError(f"--lang: no {language!r}; known: {', '.join(LANGUAGES)}")
    if output == "json":
        stream.write(orjson.dumps({"targets": to_json(list(answers))}, option=orjson.OPT_INDENT_2).decode() + "\n")
        return
    lines = [line for answer in answers for line in answer.lines()] or [Message("alert.no_targets")]
    stream.writelines(text(line, language) + "\n" for line in lines)
