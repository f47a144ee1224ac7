"""Incidents for the forwarders' tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from causeway import logs
from causeway.deployment import Deployment
from causeway.findings import Diagnosis, DiagnosisVerdict, Hypothesis, Message, Symptom, Verdict
from causeway.jobs import JobContext
from causeway.state import State
from causeway.window import SECOND_NS, Window
from tests.table_store import TableStore

START_NS = 1_790_000_000 * SECOND_NS
SUMMARY = Message("alert.cause", {"cause": "cart-db", "confidence": 0.9})


def diagnosis(cause: str | None = "cart-db") -> Diagnosis:
    """A diagnosis that found `cause`, or none."""
    window = Window(START_NS, START_NS + 60 * SECOND_NS)
    found = Hypothesis(1, cause or "", "database", "latency", 0.9, SUMMARY)
    return Diagnosis(
        window=window,
        baseline=window.before(3600 * SECOND_NS),
        verdict=DiagnosisVerdict.CAUSE_FOUND if cause else DiagnosisVerdict.NO_CLEAR_CAUSE,
        onset_ns=window.start_ns,
        hypotheses=(found,) if cause else (),
        symptoms=(Symptom("frontend", "error_ratio", 0.2, 0.01, "ratio", 1e-9),),
    )


def opened(state: State, *, now_ns: int = START_NS, verdict: Verdict = Verdict.CRITICAL, **changes: Any) -> int:
    """The number of a new incident."""
    given = {
        "entity": "frontend",
        "verdict": verdict,
        "summary": SUMMARY,
        "diagnosis": diagnosis(),
        "impact": 42.0,
        **changes,
    }
    return state.open_incident(now_ns=now_ns, **given).id


def context(state: State, config: dict[str, Any], *, now_ns: int, folder: Path, memory: dict[str, Any]) -> JobContext:
    """What the outbox job is called with."""
    return JobContext(TableStore(), state, config, now_ns, Deployment(folder), logs.get("test"), memory)
