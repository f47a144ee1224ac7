"""Critical paths: who is really waited for."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from analytics.traces import linking
from analytics.traces.critical import critical_self_ns, speed_up_saves_ns
from analytics.traces.forest import Forest, build_forest
from analytics.traces.paths import operation_paths
from causeway.errors import CausewayError
from tests.analytics.made_traces import MS_NS, Made, call, renamed, table_of
from tests.analytics.naive_paths import critical, replayed, requests
from tests.analytics.recorded import recorded_folder, recorded_spans

QUICK = (Phase.explicit, Phase.reuse, Phase.generate)
KINDS = ("INTERNAL", "CLIENT", "SERVER", "PRODUCER", "CONSUMER")


def forest_of(*tops: Made, seed: int | None = None) -> Forest:
    return build_forest(table_of([tops], seed=seed))


def own_ms(forest: Forest) -> dict[str, float]:
    """Critical own time by operation, those with none left out."""
    own = critical_self_ns(forest, forest.entries)
    sums = np.bincount(forest.name, weights=own, minlength=len(forest.names)) / MS_NS
    return {forest.names[code][1]: float(sums[code]) for code in np.flatnonzero(sums)}


def saves_ms(forest: Forest, factor: float = 0.9) -> dict[str, float]:
    tops = forest.entries
    saved, _ = speed_up_saves_ns(forest, tops, critical_self_ns(forest, tops), factor=factor)
    return {forest.names[code][1]: float(saved[code]) / MS_NS for code in np.flatnonzero(saved)}


def test_calls_one_after_the_other_all_count() -> None:
    """Everything in a row is waited for; the rest is the caller's own."""
    forest = forest_of(Made("a", "top", 0, 100, (Made("b", "x", 10, 30), Made("c", "y", 50, 40))))
    assert own_ms(forest) == {"top": 30, "x": 30, "y": 40}
    assert saves_ms(forest) == pytest.approx({"top": 3, "x": 3, "y": 4})


def test_of_calls_side_by_side_the_last_one_counts() -> None:
    """The shorter branch costs nothing, and a faster longer one saves only until the shorter is the last."""
    forest = forest_of(Made("a", "top", 0, 100, (Made("b", "short", 0, 98), Made("c", "long", 0, 100))))
    assert own_ms(forest) == {"long": 100}
    assert saves_ms(forest) == pytest.approx({"long": 2})


def test_what_is_not_waited_for_is_left_out() -> None:
    """Consumers, what a producer causes, and what a process begins after its answer are on no path."""
    consumer = Made("c", "consume", 15, 500, kind="CONSUMER")
    producer = Made("a", "send", 10, 5, (consumer, Made("d", "caused", 20, 50)), kind="PRODUCER")
    later = Made("a", "later", 120, 300, kind="INTERNAL")
    forest = forest_of(Made("a", "top", 0, 100, (producer, later)))
    assert own_ms(forest) == {"top": 95, "send": 5}
    assert int((~forest.waited).sum()) == 4  # three of them, and the top


@pytest.mark.parametrize("ahead_ms", [-500, -3, 3, 500])
def test_another_clock_changes_nothing(ahead_ms: float) -> None:
    """A server whose clock is wrong is moved into its call, with all below it, and counted."""
    database = Made("b", "query", 4, 8, kind="CLIENT")
    server = Made("b", "serve", ahead_ms, 20, (database,))
    forest = forest_of(Made("a", "top", 0, 40, (Made("a", "ask", 5, 22, (server,), kind="CLIENT"),)))
    assert own_ms(forest) == pytest.approx({"top": 18, "ask": 2, "serve": 12, "query": 8})
    assert int(forest.moved.sum()) == (0 if ahead_ms == 0 else 1) and not forest.cut.any()


def test_what_sticks_out_is_cut() -> None:
    """A child of the same process that outlives its parent is waited for until the parent's end."""
    forest = forest_of(Made("a", "top", 0, 100, (Made("a", "late", 90, 50, kind="INTERNAL"),)))
    assert own_ms(forest) == {"top": 90, "late": 10}
    assert int(forest.cut.sum()) == 1


def test_rounding_does_not_hide_a_call() -> None:
    """Calls that overlap by less than a millisecond, and a tenth of the earlier, come one after the other."""
    forest = forest_of(Made("a", "top", 0, 60, (Made("b", "x", 0, 30.4), Made("c", "y", 30, 30))))
    assert own_ms(forest) == {"x": 30, "y": 30}


def test_a_step_beside_its_calls_waits_for_them() -> None:
    """An inner span without children that ends together with the calls it encloses is no work of its own."""
    handle = Made("a", "handle", 1, 98, kind="INTERNAL")
    calls = (call("a", "b", "x", 5, 40), call("a", "c", "y", 50, 48.5))
    forest = forest_of(Made("a", "top", 0, 100, (handle, *calls)))
    assert own_ms(forest) == pytest.approx({"top": 2, "handle": 9.5, "x": 40, "y": 48.5})
    work = Made("a", "work", 1, 98, kind="INTERNAL")
    assert own_ms(forest_of(Made("a", "top", 0, 100, (work, call("a", "b", "x", 5, 40))))) == {"top": 2, "work": 98}


def test_each_root_is_a_request_and_orphans_are_none() -> None:
    """Several roots in a trace are several requests; spans without their parent are left out, and counted."""
    orphan = Made("c", "orphan", 20, 70, lost_parent=True)
    forest = forest_of(Made("a", "one", 0, 10), Made("b", "two", 50, 30), orphan)
    assert own_ms(forest) == {"one": 10, "two": 30}
    assert forest.broken.tolist() == [True] and forest.rooted.tolist() == [True]


def test_without_a_root_the_first_orphan_is_the_request() -> None:
    """A gateway that sends no spans hides only itself."""
    forest = forest_of(*(Made("a", name, at, 40, lost_parent=True) for name, at in (("second", 60), ("first", 0))))
    assert own_ms(forest) == {"first": 40}


def test_a_ring_of_parents_is_cut_open() -> None:
    """Spans that name each other as parents end in a tree all the same; nothing hangs."""
    table = table_of([[Made("a", "x", 0, 10, (Made("b", "y", 2, 5, (Made("c", "z", 3, 1),)),))]])
    ids = table["span_id"].to_pylist()
    parents = pa.array([ids[2], ids[0], ids[1]], pa.binary())
    forest = build_forest(table.set_column(table.schema.get_field_index("parent_span_id"), "parent_span_id", parents))
    assert forest.parent.tolist() == [linking.LOOSE, 0, 1] and forest.broken.all()


def test_a_span_twice_counts_once() -> None:
    """A second span with the id of a first is left out and counted."""
    table = table_of([[Made("a", "top", 0, 100, (Made("b", "x", 10, 30),))]])
    forest = build_forest(pa.concat_tables([table, table]))
    assert (len(forest), forest.doubles) == (2, 2)


def test_ids_of_any_length_are_linked() -> None:
    """Ids need not have eight bytes."""
    table = table_of([[Made("a", "top", 0, 100, (Made("b", "x", 10, 30),))]])
    for name in ("span_id", "parent_span_id"):
        longer = pa.array([None if one is None else b"long" + one for one in table[name].to_pylist()], pa.binary())
        table = table.set_column(table.schema.get_field_index(name), name, longer)
    assert own_ms(build_forest(table)) == {"top": 70, "x": 30}


def test_nothing_is_an_empty_forest() -> None:
    """No spans: no traces, no requests, no error; a missing column is named."""
    empty = build_forest(table_of([]))
    assert (len(empty), empty.traces, len(empty.entries)) == (0, 0, 0)
    with pytest.raises(CausewayError, match="peer_service"):
        build_forest(table_of([]).drop_columns(["peer_service"]))


def made_spans(depth: int) -> st.SearchStrategy[Made]:
    """Trees of spans whose times are multiples of ten milliseconds, well-behaved or not."""
    times = st.integers(-2, 12).map(lambda tens: tens * 10.0)
    below = st.just(()) if depth == 0 else st.lists(made_spans(depth - 1), max_size=3).map(tuple)
    return st.builds(
        Made,
        st.sampled_from("abcd"),
        st.sampled_from(("x", "y")),
        times,
        st.integers(0, 9).map(lambda tens: tens * 10.0),
        below,
        kind=st.sampled_from(KINDS),
        failed=st.booleans(),
    )


TREES = st.lists(st.lists(made_spans(3), min_size=1, max_size=2), min_size=1, max_size=3)


@settings(max_examples=30, deadline=None, phases=QUICK)
@given(TREES, st.integers(0, 100))
def test_every_nanosecond_is_somebodys(traces: list[list[Made]], seed: int) -> None:
    """Own times add up to the duration of each request; a tenth faster saves between nothing and a tenth of them."""
    forest = build_forest(table_of(traces, seed=seed))
    tops = forest.entries
    own = critical_self_ns(forest, tops)
    assert (own >= 0).all()
    for top in tops.tolist():
        assert own[top : top + forest.size[top]].sum() == forest.end_ns[top] - forest.start_ns[top]
    saved, _ = speed_up_saves_ns(forest, tops, own, factor=0.9)
    assert (saved >= 0).all()
    assert (saved <= 0.1 * np.bincount(forest.name, weights=own, minlength=len(forest.names)) + 1).all()
    assert speed_up_saves_ns(forest, tops, own, factor=1.0)[0].max(initial=0) < 1


@settings(max_examples=30, deadline=None, phases=QUICK)
@given(TREES, st.integers(0, 100))
def test_children_lie_within_who_waits_for_them(traces: list[list[Made]], seed: int) -> None:
    """Fitted times nest; sizes, depths and parents describe one preorder."""
    forest = build_forest(table_of(traces, seed=seed))
    rows = np.flatnonzero(forest.waited)
    above = forest.parent[rows]
    assert (forest.start_ns[rows] >= forest.start_ns[above]).all()
    assert (forest.end_ns[rows] <= forest.end_ns[above]).all()
    children = np.flatnonzero(forest.parent >= 0)
    assert (forest.parent[children] < children).all()
    assert (children < forest.parent[children] + forest.size[forest.parent[children]]).all()
    assert (forest.depth[children] == forest.depth[forest.parent[children]] + 1).all()


@settings(max_examples=30, deadline=None, phases=QUICK)
@given(TREES, st.integers(0, 100))
def test_names_and_order_do_not_matter(traces: list[list[Made]], seed: int) -> None:
    """Shuffled spans give the same answer; renamed services give the same answer under the new names."""
    table = table_of(traces)
    names = {"a": "zeta", "b": "m", "c": "alpha", "d": "q"}
    told = []
    for spans in (table, table_of(traces, seed=seed), renamed(table, names)):
        forest = build_forest(spans)
        told.append({(one.service, one.operation): one for one in operation_paths(forest, forest.entries)})
    numbers = [
        {key: (one.share, one.self_ms, one.touched, one.calls, one.saves_ms) for key, one in answer.items()}
        for answer in told
    ]
    assert numbers[0] == numbers[1]
    assert {(names[key[0]], key[1]) for key in numbers[0]} == set(numbers[2])
    for (service, operation), values in numbers[0].items():
        assert numbers[2][names[service], operation] == pytest.approx(values)


def _agrees(table: pa.Table) -> None:
    """The compiled passes and the recursion give the same numbers, operation by operation."""
    forest = build_forest(table)
    tops = np.flatnonzero(forest.parent == linking.ROOT)
    own = critical_self_ns(forest, tops)
    saved, _ = speed_up_saves_ns(forest, tops, own, factor=0.9)
    sums = np.bincount(forest.name, weights=own, minlength=len(forest.names))
    roots = requests(table.to_pylist())
    expected: dict[tuple[str, str], int] = defaultdict(int)
    gains: dict[tuple[str, str], float] = defaultdict(float)
    for root in roots:
        path = critical(root)
        for name, value in path.items():
            expected[name] += value
            if value > 0:
                gains[name] += root.end - root.start - replayed(root, name, 0.9)
    for code, name in enumerate(forest.names):
        assert sums[code] == expected[name], name
        assert saved[code] == pytest.approx(gains[name], abs=1), name


@settings(max_examples=30, deadline=None, phases=QUICK)
@given(TREES)
def test_made_traces_agree_with_the_definition(traces: list[list[Made]]) -> None:
    """As `_agrees`, for trees of any kind."""
    _agrees(table_of(traces))


def test_recorded_traces_agree_with_the_definition(shared_data: Path) -> None:
    """As `_agrees`, for every fiftieth trace of the recorded TrainTicket."""
    table = recorded_spans(recorded_folder(shared_data))
    ids = sorted(table["trace_id"].unique().to_pylist())[::50]
    _agrees(table.filter(pc.is_in(table["trace_id"], pa.array(ids, pa.binary()))))
