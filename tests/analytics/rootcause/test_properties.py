"""What must hold of every diagnosis and of every family of evidence, whatever the system."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.rootcause.diagnose import diagnose, judge
from analytics.rootcause.evidence.families import FAMILIES, Registered
from analytics.rootcause.split import split_at
from analytics.world import CallSeries, LogSeries, MetricSeries, World
from causeway.findings import Diagnosis, DiagnosisVerdict
from tests.metric_worlds import MetricSystem, metric_world
from tests.worlds import FAULTS, shop_world, usual_fault

SHORT = (12, 5)
NAMES = [f"unit-{letter}" for letter in "abcdefgh"]


@st.composite
def systems(draw: st.DrawFn) -> MetricSystem:
    """An acyclic system of four to eight services, with one of them slow or failing."""
    size = draw(st.integers(4, len(NAMES)))
    edges = {
        NAMES[caller]: tuple(
            sorted(draw(st.sets(st.sampled_from(NAMES[caller + 1 : size]), min_size=caller == 0, max_size=3)))
        )
        for caller in range(size - 1)
    }
    reached = _reached(edges)
    culprit = draw(st.sampled_from(sorted(reached)))
    system = MetricSystem(edges={name: edges[name] for name in edges if name in reached}, seed=draw(st.integers(0, 99)))
    if draw(st.booleans()):
        return replace(system, slow=(culprit, draw(st.floats(60.0, 400.0))))
    return replace(system, failing=(culprit, draw(st.floats(0.1, 0.5))))


def _reached(edges: dict[str, tuple[str, ...]]) -> set[str]:
    found, left = {NAMES[0]}, [NAMES[0]]
    while left:
        for callee in edges.get(left.pop(), ()):
            if callee not in found:
                found.add(callee)
                left.append(callee)
    return found


def _culprit(system: MetricSystem) -> str:
    fault = system.slow or system.failing
    assert fault is not None
    return fault[0]


def _ranking(diagnosis: Diagnosis) -> list[tuple[str, float]]:
    return [(one.entity, one.confidence) for one in diagnosis.hypotheses]


@settings(max_examples=25, deadline=None)
@given(systems())
def test_the_fault_of_a_system_without_traces_ranks_first(system: MetricSystem) -> None:
    """From metrics and dependencies alone the service that got slow, or fails by itself, comes first."""
    diagnosis = diagnose(metric_world(system))
    assert diagnosis.verdict is not DiagnosisVerdict.NO_ANOMALY
    assert diagnosis.hypotheses[0].entity == _culprit(system)


@settings(max_examples=10, deadline=None)
@given(systems(), st.randoms(use_true_random=False))
def test_new_names_change_no_ranking(system: MetricSystem, random: object) -> None:
    """Services renamed, the answer is renamed with them."""
    shuffled = [f"node-{number}" for number in range(len(NAMES))]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    names = dict(zip(NAMES, shuffled, strict=True))
    before = diagnose(metric_world(system))
    after = diagnose(metric_world(replace(system, renamed=names)))
    assert {names[entity]: score for entity, score in _ranking(before)} == pytest.approx(dict(_ranking(after))) or {
        (names[entity], round(score, 9)) for entity, score in _ranking(before)
    } == {(entity, round(score, 9)) for entity, score in _ranking(after)}


@settings(max_examples=10, deadline=None)
@given(systems(), st.integers(0, 1000))
def test_the_order_of_series_changes_nothing(system: MetricSystem, seed: int) -> None:
    """Series stored in another order give the same diagnosis."""
    one, other = diagnose(metric_world(system)), diagnose(metric_world(replace(system, shuffled=seed)))
    assert dict(_ranking(one)) == pytest.approx(dict(_ranking(other))) and one.onset_ns == other.onset_ns


@settings(max_examples=10, deadline=None)
@given(systems())
def test_a_service_without_data_neither_fails_nor_leads(system: MetricSystem) -> None:
    """Where the metrics of one innocent service are missing, it is no suspect and the diagnosis goes on."""
    innocent = sorted({name for callees in system.edges.values() for name in callees} - {_culprit(system)})
    if innocent:
        diagnosis = diagnose(metric_world(replace(system, silent=frozenset(innocent[:1]))))
        assert not diagnosis.hypotheses or diagnosis.hypotheses[0].entity != innocent[0]


@pytest.mark.parametrize("kind", FAULTS)
def test_a_node_that_no_signal_knows_is_no_suspect(kind: str) -> None:
    """An entity without any data changes neither the ranking nor the verdict."""
    world = shop_world(faults=[kind], minutes=SHORT)
    stranger = pd.DataFrame([dict.fromkeys(world.nodes.columns, 0) | {"type": "service", "calls": 0}])
    stranger.index = pd.Index(["stranger"])
    nodes = pd.concat([world.nodes, stranger.astype(world.nodes.dtypes.to_dict())])
    diagnosis = diagnose(replace(world, nodes=nodes))
    assert diagnosis.hypotheses[0].entity == usual_fault(kind).entity
    assert "stranger" not in [one.entity for one in diagnosis.hypotheses]


@pytest.mark.parametrize("kind", FAULTS)
def test_every_number_is_finite_and_in_range(kind: str) -> None:
    """Scores are finite and not negative; p and confidence lie in [0, 1]."""
    world = shop_world(faults=[kind], minutes=SHORT)
    judged, diagnosis = judge(world), diagnose(world)
    assert np.isfinite(judged.scores).all() and (judged.scores >= 0).all()
    assert np.isfinite(judged.p).all() and ((judged.p >= 0) & (judged.p <= 1)).all()
    assert all(0.0 <= one.confidence <= 1.0 for one in diagnosis.hypotheses)
    assert all(0.0 <= one.score <= 1.0 for one in diagnosis.changes) and 0.0 <= diagnosis.outside <= 1.0
    told = [piece for one in diagnosis.hypotheses for piece in (*one.evidence_for, *one.evidence_against)]
    assert told and all(piece.p is None or 0.0 <= piece.p <= 1.0 for piece in told)


@pytest.mark.parametrize("registered", FAMILIES, ids=lambda registered: registered.name)
def test_a_family_tells_probabilities(registered: Registered) -> None:
    """p lies in [0, 1] or is NaN; there are as many entities as rows; the same question gets the same answer."""
    for world in (shop_world(faults=["errors"], minutes=SHORT), metric_world(MetricSystem({"a-1": ("b-1", "c-1")}))):
        split = split_at(world.timeline, int(np.argmax(world.timeline.in_window)) + 4)
        one, other = registered.observe(world, split), registered.observe(world, split)
        known = one.p[np.isfinite(one.p)]
        assert ((known >= 0) & (known <= 1)).all()
        assert len(one.entities) == len(one.p) == len(one.excess)
        assert np.array_equal(one.p, other.p, equal_nan=True)


@pytest.mark.parametrize("kind", [*FAULTS, None])
def test_the_world_is_left_alone(kind: str | None) -> None:
    """Nothing writes into a World: with every matrix read-only the answer is the same."""
    world = shop_world(faults=[kind] if kind else [], minutes=SHORT)
    assert diagnose(_read_only(world)) == diagnose(world)


def _read_only(world: World) -> World:
    parts = {}
    for field in fields(world):
        value = getattr(world, field.name)
        if isinstance(value, CallSeries | MetricSeries | LogSeries):
            arrays = {one.name: getattr(value, one.name) for one in fields(value)}
            parts[field.name] = replace(
                value, **{name: _locked(array) for name, array in arrays.items() if isinstance(array, np.ndarray)}
            )
    return replace(world, **parts)


def _locked(array: np.ndarray) -> np.ndarray:
    copy = array.copy()
    copy.flags.writeable = False
    return copy
