"""The diagnosis of a shop with and without faults."""

from __future__ import annotations

from functools import cache

import pytest

from analytics.rootcause.diagnose import confidence, diagnose
from analytics.rootcause.evidence.families import FAMILIES
from analytics.world import World
from causeway.findings import Diagnosis, DiagnosisVerdict
from causeway.messages import LANGUAGES, text
from causeway.window import SECOND_NS
from tests.worlds import FAULTS, Fault, empty_world, shop_world, usual_fault

SHORT = (12, 5)
QUIET_SEEDS = range(60)


@cache
def _world(kind: str, seed: int = 0) -> World:
    return shop_world(seed=seed, faults=[kind], minutes=SHORT)


def _first(diagnosis: Diagnosis) -> str:
    return diagnosis.hypotheses[0].entity if diagnosis.hypotheses else "none"


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("kind", FAULTS)
def test_the_faulty_service_ranks_first(kind: str, seed: int) -> None:
    """Each of the seven faults is found, by name, whatever the noise; a tie would not do."""
    diagnosis = diagnose(_world(kind, seed))
    assert diagnosis.verdict is DiagnosisVerdict.CAUSE_FOUND
    assert _first(diagnosis) == usual_fault(kind).entity
    assert all(other.confidence < diagnosis.hypotheses[0].confidence for other in diagnosis.hypotheses[1:])


@pytest.mark.parametrize("start", [0, 20, 40])
def test_quiet_worlds_have_no_cause(start: int) -> None:
    """On sixty fault-free windows of several lengths and loads: no cause in 57 at least, no word at all in 51."""
    verdicts = [
        diagnose(
            shop_world(seed=5000 + seed, minutes=((10, 5), (20, 6))[seed % 2], rate=(2.0, 5.0, 12.0)[seed % 3])
        ).verdict
        for seed in QUIET_SEEDS[start : start + 20]
    ]
    assert verdicts.count(DiagnosisVerdict.CAUSE_FOUND) <= 1
    assert verdicts.count(DiagnosisVerdict.NO_ANOMALY) >= 17


@pytest.mark.parametrize("kind", ["latency", "errors", "crash", "release", "slow_db"])
def test_the_onset_is_found(kind: str) -> None:
    """The onset is that of the fault, within three slots, not the start of the window."""
    world = _world(kind)
    onset_ns = diagnose(world).onset_ns
    assert onset_ns is not None
    assert abs(onset_ns - (world.window.start_ns + 120 * SECOND_NS)) <= 30 * SECOND_NS


@pytest.mark.parametrize(
    "fault", [Fault("latency", "shipping"), Fault("slow_db", "orders-db"), Fault("errors", "catalog")]
)
def test_other_places_are_found_too(fault: Fault) -> None:
    """Nothing depends on where the fault sits, be it behind a queue, in a database or in a shared service."""
    diagnosis = diagnose(shop_world(seed=7, faults=[fault], minutes=SHORT))
    assert _first(diagnosis) == fault.entity


def test_a_single_instance_that_dies_is_found() -> None:
    """A service whose only instance is gone ranks first although it sends nothing any more."""
    diagnosis = diagnose(shop_world(seed=3, faults=[Fault("crash", "orders")], minutes=SHORT))
    assert _first(diagnosis) == "orders"


def test_the_path_leads_to_the_entry() -> None:
    """The path runs from the cause through its callers to the entry users suffer at."""
    cause = diagnose(_world("slow_db")).hypotheses[0]
    assert cause.path[0] == "catalog-db" and cause.path[-1] == "frontend" and "catalog" in cause.path
    assert cause.entity_type == "database"


def test_a_symptom_is_not_called_a_cause() -> None:
    """Callers that only pass errors on are ruled out by name, and their own hypotheses say what explains them."""
    diagnosis = diagnose(_world("errors"))
    assert "frontend" in {evidence.entity for evidence in diagnosis.ruled_out}
    assert {symptom.entity for symptom in diagnosis.symptoms} == {"frontend"}
    callers = [hypothesis for hypothesis in diagnosis.hypotheses if hypothesis.entity in {"frontend", "checkout"}]
    assert all(hypothesis.confidence < 0.3 for hypothesis in callers)


@pytest.mark.parametrize("kind", FAULTS)
def test_every_hypothesis_has_evidence_that_reads_in_both_languages(kind: str) -> None:
    """Evidence for it with a chart and p, evidence against it, and sentences without holes in each language."""
    diagnosis = diagnose(_world(kind))
    best = diagnosis.hypotheses[0]
    assert best.evidence_for and best.evidence_against
    assert best.evidence_for[0].chart is not None and best.evidence_for[0].p is not None
    names = {registered.name for registered in FAMILIES}
    for language in LANGUAGES:
        assert text(diagnosis.summary, language)
        for hypothesis in diagnosis.hypotheses:
            assert text(hypothesis.summary, language)
            for evidence in (*hypothesis.evidence_for, *hypothesis.evidence_against, *diagnosis.ruled_out):
                assert evidence.family in names
                assert "{" not in text(evidence.reason, language).replace("{}", "")
        for symptom in diagnosis.symptoms:
            assert symptom.chart is not None and text(symptom.chart.title, language)


def test_a_bad_release_is_named_with_its_version_and_event() -> None:
    """The new version is compared with the old one beside it, and the deploy before the onset is told."""
    best = diagnose(_world("release")).hypotheses[0]
    told = " ".join(text(evidence.reason) for evidence in best.evidence_for)
    assert best.family == "changes" and "1.1.0" in told and "Deployed" in told


def test_a_crashed_instance_is_named() -> None:
    """The silent instance is evidence by name."""
    best = diagnose(_world("crash")).hypotheses[0]
    assert any("catalog-0" in text(evidence.reason) for evidence in best.evidence_for)


def test_a_leak_is_told_as_a_rise() -> None:
    """Memory that keeps rising is said to keep rising."""
    best = diagnose(_world("leak")).hypotheses[0]
    assert any(evidence.reason.id == "rootcause.metric_rises" for evidence in best.evidence_for)


def test_no_records_are_no_health() -> None:
    """An empty store has no anomaly, and the sentence says that nothing can be said."""
    diagnosis = diagnose(empty_world())
    assert diagnosis.verdict is DiagnosisVerdict.NO_ANOMALY and not diagnosis.hypotheses
    assert diagnosis.summary.id == "rootcause.no_records"


@pytest.mark.parametrize(("minutes", "after_s"), [((1, 2), 0.0), ((1, 3), 30.0), ((2, 2), 10.0)])
@pytest.mark.parametrize("kind", ["latency", "errors"])
def test_one_minute_of_history_is_enough_for_a_clear_fault(kind: str, minutes: tuple[int, int], after_s: float) -> None:
    """Recordings hold a minute before and two after: the service is still first, in either verdict of suspicion."""
    fault = Fault(kind, usual_fault(kind).entity, after_s=after_s)
    diagnosis = diagnose(shop_world(seed=11, faults=[fault], minutes=minutes, rate=8.0))
    assert diagnosis.verdict is not DiagnosisVerdict.NO_ANOMALY
    assert _first(diagnosis) == fault.entity


def test_the_answer_is_repeatable() -> None:
    """The same World gives the same Diagnosis, to the last digit."""
    world = _world("cpu")
    assert diagnose(world) == diagnose(world)


def test_confidence_needs_strength_and_margin() -> None:
    """A weak lead or a close second makes nobody sure."""
    assert confidence(9.0, 0.0) > 0.95
    assert confidence(9.0, 8.9) < 0.5
    assert confidence(0.5, 0.0) < 0.4
    assert confidence(0.0, 0.0) == 0.0
