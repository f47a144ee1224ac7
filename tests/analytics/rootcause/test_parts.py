"""The parts of a diagnosis by themselves: splits, calibration, combination, explaining away."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analytics.rootcause.calibration import calibrated_p, corrected, null_inflation, p_floor
from analytics.rootcause.combine import Strengths, scores
from analytics.rootcause.evidence.families import FAMILIES, Registered
from analytics.rootcause.evidence.metrics import without_repeats
from analytics.rootcause.explain import Graph, explain_away
from analytics.rootcause.onset import find_onset
from analytics.rootcause.scan import onsets
from analytics.rootcause.split import split_at
from analytics.world import Timeline
from tests.worlds import shop_world

SLOTS = 80
TIMELINE = Timeline(np.arange(SLOTS) * 10_000_000_000, np.arange(SLOTS) >= 50, 10_000_000_000)


def test_a_split_leaves_a_guard_gap() -> None:
    """The slot just before the onset is on neither side."""
    split = split_at(TIMELINE, 50)
    assert not split.before[49] and not split.after[49] and split.before[48] and split.after[50]


def test_onsets_begin_before_the_window_and_leave_room_after() -> None:
    """A fault may begin up to a minute before its alarm; each onset tried keeps history and some slots after it."""
    world = shop_world(minutes=(6, 3))
    tried = onsets(world, find_onset(world))
    first = int(np.argmax(world.timeline.in_window))
    assert (np.diff(tried) == 1).all()
    assert first // 2 <= tried[0] < first <= tried[-1] <= len(world.timeline) - 3


def test_slow_waves_in_the_history_inflate_the_null() -> None:
    """A series that wanders by itself needs a larger shift to be unusual than one that does not."""
    rng = np.random.default_rng(0)
    steady = rng.normal(0.0, 1.0, (40, SLOTS))
    wandering = np.cumsum(rng.normal(0.0, 1.0, (40, SLOTS)), axis=1)
    split = split_at(TIMELINE, 50)

    def factor(values: np.ndarray) -> float:
        return float(np.median(null_inflation(values, split.before, int(split.after.sum()))))

    assert factor(steady) < 1.4 < 2.0 < factor(wandering)
    shifts, rise, _ = calibrated_p(wandering, split)
    assert np.mean(rise < 0.001) < 0.4 * np.mean(shifts.p_above < 0.001)


def test_little_history_gives_no_tiny_p() -> None:
    """The floor falls with each slot of history, and has an end."""
    floors = p_floor(np.array([1, 3, 6, 1000]))
    assert (np.diff(floors) < 0).all() and floors[0] >= 1e-5


@pytest.mark.parametrize(("p", "tests", "expected"), [(0.05, 1, 0.05), (0.05, 2, 0.0975), (1e-9, 1000, 1e-6)])
def test_more_looks_make_a_p_weaker(p: float, tests: int, expected: float) -> None:
    """The least of k independent p is corrected after Šidák."""
    assert float(corrected(p, tests)) == pytest.approx(expected, rel=1e-3)


def test_many_weak_hints_do_not_beat_a_strong_one() -> None:
    """The strongest family counts in full, each other by a quarter."""
    strong, weak = np.zeros(len(FAMILIES)), np.full(len(FAMILIES), 1.0)
    strong[0] = 6.0
    assert scores(np.vstack([strong, weak])).tolist() == [6.0, 1.0 + 0.25 * (len(FAMILIES) - 1)]


def _strengths(graph: Graph, by_name: dict[str, dict[str, float]]) -> Strengths:
    shape = (len(graph.entities), len(FAMILIES))
    strength = np.zeros(shape)
    names = [registered.name for registered in FAMILIES]
    for name, families in by_name.items():
        for family, value in families.items():
            strength[graph.place[name], names.index(family)] = value
    blank = np.full(shape, np.nan)
    return Strengths(graph.entities, strength, blank, np.full(shape, -1), np.zeros(shape, dtype=np.int64))


def test_a_caller_is_explained_by_what_it_calls() -> None:
    """Logs at the callers fade behind an equal strength below them; the node at the bottom keeps all of its own."""
    world = shop_world(minutes=(3, 2))
    graph = Graph(world, np.array(sorted(map(str, world.nodes.index)), dtype=object))
    found = _strengths(graph, {"frontend": {"logs": 5.0}, "checkout": {"logs": 5.0}, "orders": {"logs": 5.0}})
    explained = explain_away(graph, found)
    after = dict(zip(graph.entities, scores(explained.strength), strict=True))
    assert after["orders"] == 5.0 and after["frontend"] < 1.5 and after["checkout"] < 1.5
    assert graph.entities[explained.by[graph.place["checkout"]]] == "orders"


def test_the_graph_is_no_filter() -> None:
    """Even a fully explained node keeps a part, and one that no trace knows keeps everything."""
    world = shop_world(minutes=(3, 2))
    names = np.array([*sorted(map(str, world.nodes.index)), "untraced"], dtype=object)
    graph = Graph(world, names)
    found = _strengths(graph, {"frontend": {"logs": 5.0}, "catalog": {"logs": 9.0}, "untraced": {"metrics": 4.0}})
    after = dict(zip(names, scores(explain_away(graph, found).strength), strict=True))
    assert after["frontend"] > 0.0 and after["untraced"] == 4.0


def test_cycles_do_not_explain_each_other() -> None:
    """Two services that call each other both stay suspects."""
    world = shop_world(minutes=(3, 2))
    keys = world.edge_series.keys
    twice = keys.append(keys.swaplevel().rename(keys.names))
    looped = replace(world, edge_series=replace(world.edge_series, keys=twice))
    graph = Graph(looped, np.array(sorted(map(str, world.nodes.index)), dtype=object))
    found = _strengths(graph, {"cart": {"logs": 5.0}, "cart-cache": {"logs": 5.0}})
    assert scores(explain_away(graph, found).strength).tolist().count(5.0) == 2


def test_a_value_carried_on_is_one_fact() -> None:
    """One sample a minute on slots of ten seconds counts once, not six times; a steady gauge keeps its samples."""
    minutely = np.repeat(np.arange(10.0), 6)[None, :]
    assert np.isfinite(without_repeats(minutely, np.array(["cpu"]))).sum() == 10
    often = np.random.default_rng(0).normal(size=(1, 60))
    assert np.isfinite(without_repeats(often, np.array(["cpu"]))).all()


def test_families_are_named_once() -> None:
    """Each family has its own name, and a weight."""
    names = [registered.name for registered in FAMILIES]
    assert sorted(set(names)) == sorted(names)
    assert {"metrics", "self_time", "network_gap", "errors", "logs", "silence", "changes", "structure"} <= set(names)
    assert all(registered.weight > 0 for registered in FAMILIES)


@pytest.mark.parametrize("registered", FAMILIES, ids=lambda registered: registered.name)
def test_a_family_survives_missing_signals(registered: Registered) -> None:
    """Without any record a family observes nothing, and does not fail."""
    from tests.worlds import empty_world

    world = empty_world()
    split = split_at(world.timeline, int(np.argmax(world.timeline.in_window)))
    assert len(registered.prepare(world, split)(split).p) == 0
