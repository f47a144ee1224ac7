"""What changed between two windows."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.callgraph.diff import GraphDiff, graph_diff
from analytics.callgraph.level import Level
from causeway.window import MINUTE_NS, Window
from tests.analytics.callgraph.made_calls import AFTER, BEFORE, START, Row, calls_store, steady
from tests.table_store import TableStore
from tests.worlds import Shop, shop_store, usual_fault

WHOLE, EARLY, LATE = range(90), range(60), range(60, 90)
USUAL = steady("web", "api", WHOLE)


def status(diff: GraphDiff, caller: str, callee: str) -> str:
    return str(diff.edges.set_index(["caller", "callee"]).loc[(caller, callee), "status"])


def test_edges_that_come_and_go_are_named_with_their_times() -> None:
    """A new edge has the minute of its first call, one that went the minute of its last; the rest is the same."""
    rows = USUAL + steady("web", "new", range(70, 90)) + steady("web", "old", range(42))
    diff = graph_diff(calls_store(rows), BEFORE, AFTER)
    edges = diff.edges.set_index("callee")
    assert edges["status"].to_dict() == {"api": "same", "new": "new", "old": "removed"}
    assert edges.loc["new", "first_seen_ns"] == START + 70 * MINUTE_NS and not edges.loc["new", "first_seen_earlier"]
    assert edges.loc["old", "last_seen_ns"] == START + 41 * MINUTE_NS
    assert edges.loc["api", "first_seen_ns"] <= START and edges.loc["api", "first_seen_earlier"]
    assert edges["certain"].all()
    assert diff.nodes.set_index("id")["status"].to_dict() == {
        "web": "same",
        "api": "same",
        "new": "new",
        "old": "removed",
    }


def test_an_edge_of_one_call_may_be_chance() -> None:
    """Calls that are so few that their absence before means nothing are new, but not certainly so."""
    diff = graph_diff(calls_store([*USUAL, ("web", "rare", 75, 1, 0, 5.0)]), BEFORE, AFTER)
    rare = diff.edges.set_index("callee").loc["rare"]
    assert rare["status"] == "new" and not rare["certain"]


def test_an_edge_that_paused_has_its_earlier_time() -> None:
    """What was there before the earlier window is not first seen in the later one."""
    late = Window(START + 60 * MINUTE_NS, START + 75 * MINUTE_NS)
    now = Window(late.end_ns, late.end_ns + 15 * MINUTE_NS)
    rows = [*USUAL, *steady("web", "nightly", range(20, 25)), *steady("web", "nightly", range(80, 85))]
    nightly = graph_diff(calls_store(rows), late, now).edges.set_index("callee").loc["nightly"]
    assert nightly["status"] == "new" and nightly["first_seen_ns"] == START + 20 * MINUTE_NS < late.start_ns


@pytest.mark.parametrize(
    ("after", "changes"),
    [
        (steady("web", "api", LATE, calls=120), ("rate",)),
        (steady("web", "api", LATE, errors=10), ("errors",)),
        (steady("web", "api", LATE, ms=40.0), ("latency",)),
        (steady("web", "api", LATE, calls=20, errors=10, ms=99.0), ("rate", "errors", "latency")),
        (steady("web", "api", LATE, calls=55, ms=10.5), ()),
    ],
    ids=["rate", "errors", "latency", "all", "too-small-to-matter"],
)
def test_what_changed_is_named(after: list[Row], changes: tuple[str, ...]) -> None:
    """A change has its aspects in a fixed order; one that is too small to matter is none."""
    diff = graph_diff(calls_store([*steady("web", "api", EARLY), *after]), BEFORE, AFTER)
    assert diff.edges["changes"].tolist() == [changes]
    assert status(diff, "web", "api") == ("changed" if changes else "same")


def test_a_slow_tail_is_a_change_of_latency() -> None:
    """When a tenth of the calls is slow now, the median says nothing and the 95th percentile does."""
    slow = [("web", "api", minute, 5, 0, 200.0) for minute in LATE]
    diff = graph_diff(calls_store([*steady("web", "api", WHOLE, calls=45), *slow]), BEFORE, AFTER)
    row = diff.edges.iloc[0]
    assert row["changes"] == ("latency",) and row["latency_ms_p50_after"] == pytest.approx(row["latency_ms_p50_before"])


def test_few_calls_are_too_few_to_tell() -> None:
    """Two errors among six calls change nothing that could be told from chance."""
    rows = [*[("web", "api", minute, 1, 0, 10.0) for minute in (3, 20, 40, 55)], ("web", "api", 70, 6, 2, 90.0)]
    diff = graph_diff(calls_store(rows), BEFORE, AFTER)
    assert diff.edges["status"].tolist() == ["too_few"] and diff.edges["changes"].tolist() == [()]


def test_bursts_are_no_change() -> None:
    """Calls in bursts differ from half hour to half hour by more than single calls would: that is their noise."""
    rng = np.random.default_rng(4)
    rows = [
        ("web", f"api-{i}", minute, int(rng.negative_binomial(1, 0.02)), 0, 10.0) for i in range(20) for minute in WHOLE
    ]
    diff = graph_diff(calls_store(rows), BEFORE, AFTER)
    assert diff.counts()["changed"] <= 1


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("level", Level)
def test_a_quiet_shop_does_not_change(seed: int, level: Level) -> None:
    """Without a fault no edge is said to have changed, at any level."""
    shop = Shop(seed=seed)
    counts = graph_diff(shop_store(shop), shop.baseline, shop.window, level=level).counts()
    assert counts["same"] > 0 and counts["changed"] + counts["new"] + counts["removed"] == 0


@pytest.mark.parametrize(
    ("kind", "pair", "aspect"),
    [
        ("latency", ("checkout", "payment"), "latency"),
        ("slow_db", ("catalog", "catalog-db"), "latency"),
        ("errors", ("checkout", "orders"), "errors"),
    ],
)
def test_faults_are_changes_of_the_calls_to_them(kind: str, pair: tuple[str, str], aspect: str) -> None:
    """The edge to the entity at fault changed in the aspect that the fault has."""
    shop = Shop(seed=3, faults=(usual_fault(kind),))
    edges = graph_diff(shop_store(shop), shop.baseline, shop.window).edges.set_index(["caller", "callee"])
    assert aspect in edges.loc[pair, "changes"]


def test_a_release_shows_as_a_new_version() -> None:
    """Between versions, the calls to the new one are new, since the minute it came; those to the old one went down."""
    shop = Shop(seed=3, faults=(usual_fault("release"),))
    diff = graph_diff(shop_store(shop), shop.baseline, shop.window, level=Level.VERSION)
    edges = diff.edges.set_index(["caller", "callee"])
    new = edges.loc[("checkout › 1.0.0", "payment › 1.1.0")]
    assert new["status"] == "new" and 0 <= shop.onset_ns(shop.faults[0]) - new["first_seen_ns"] < MINUTE_NS
    assert "rate" in edges.loc[("checkout › 1.0.0", "payment › 1.0.0"), "changes"]


_CALLS = st.tuples(
    st.sampled_from("abc"), st.sampled_from("bcd"), st.integers(0, 89), st.integers(1, 80), st.just(0), st.floats(1, 50)
)


@settings(max_examples=15, deadline=None)
@given(st.lists(_CALLS, max_size=30), st.randoms(use_true_random=False), st.sampled_from([BEFORE, AFTER]))
def test_rules_that_hold_for_any_calls(rows: list[Row], random, window: Window) -> None:
    """A window against itself differs in nothing; turning the windows round turns new and removed round; the order of
    rows and the names of services do not matter."""
    store = calls_store(rows)
    assert graph_diff(store, window, window).differs.empty
    there, back = graph_diff(store, BEFORE, AFTER), graph_diff(store, AFTER, BEFORE)
    turned = {"new": "removed", "removed": "new"}
    assert [turned.get(one, one) for one in there.edges["status"]] == back.edges["status"].tolist()
    table = store.table("rollup_edges")
    order = list(range(table.num_rows))
    random.shuffle(order)
    shuffled = TableStore({"rollup_edges": table.take(pa.array(order, pa.int64()))})
    assert graph_diff(shuffled, BEFORE, AFTER).to_json() == there.to_json()
    named = [(f"z-{caller}", f"z-{callee}", *rest) for caller, callee, *rest in rows]
    renamed = graph_diff(calls_store(named), BEFORE, AFTER)  # type: ignore[arg-type]
    assert renamed.edges["status"].tolist() == there.edges["status"].tolist()


def test_nothing_in_either_window_is_an_empty_answer() -> None:
    """No data is no change, no traffic ratio and no crash."""
    diff = graph_diff(TableStore(), BEFORE, AFTER)
    assert diff.edges.empty and diff.nodes.empty and diff.traffic_ratio is None
    json.dumps(diff.to_json(), allow_nan=False)


def test_sampled_calls_are_compared_by_their_estimates() -> None:
    """Where half of the calls is kept now, the rate has not halved; the answer says that it is estimated."""
    store = calls_store([*steady("web", "api", EARLY), *steady("web", "api", LATE, calls=25)])
    table = store.table("rollup_edges")
    doubled = [1000 * calls * (2 if calls == 25 else 1) for calls in table["calls"].to_pylist()]
    column = table.schema.get_field_index("estimated_milli")
    weighted = replace(store, tables={"rollup_edges": table.set_column(column, "estimated_milli", [doubled])})
    assert status(graph_diff(store, BEFORE, AFTER), "web", "api") == "changed"
    diff = graph_diff(weighted, BEFORE, AFTER)
    assert status(diff, "web", "api") == "same" and diff.sampled and diff.traffic_ratio == pytest.approx(1.0)
