"""Reading a bounded number of whole traces, and what is said about them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from analytics.commands import register
from analytics.traces.comparing import slow_against_fast, version_against_version
from analytics.traces.forest import build_forest
from analytics.traces.paths import entry_list, entry_paths, named
from analytics.traces.sampling import read_traces
from analytics.traces.signatures import trace_groups
from analytics.traces.spreading import Spread
from causeway.errors import ConfigError
from causeway.stores import open_store
from causeway.stores.contract import Reader
from causeway.window import MINUTE_NS, Window, iso
from tests.analytics.made_traces import Made, table_of
from tests.small_store import Shop

STEPS = 9  # spans of a trace of the shop


@pytest.fixture
def shop(shop_folder: Path) -> Iterator[Reader]:
    store = open_store(shop_folder)
    yield store
    store.close()


def test_all_traces_where_they_are_few(shop: Reader, slow_payment: Shop) -> None:
    """A window within the bounds is read whole, and nothing is called a sample."""
    window = Window(slow_payment.start_ns, slow_payment.start_ns + 2 * MINUTE_NS)
    sample = read_traces(shop, window)
    assert sample.forest.traces == sample.traces_found == sample.requests_stored == 120
    assert (sample.sampled, sample.capped, sample.pieces) == (False, False, (window,))
    assert not sample.forest.broken.any() and len(sample.forest) == 120 * STEPS


@pytest.mark.parametrize("spread", Spread)
@pytest.mark.parametrize(("traces_max", "spans_max"), [(50, 400_000), (2_000, 2_000), (7, 500)])
def test_samples_are_bounded_and_whole(
    shop: Reader, slow_payment: Shop, spread: Spread, traces_max: int, spans_max: int
) -> None:
    """At most so many traces, each with all its spans; newest ones from the end, others from everywhere."""
    sample = read_traces(shop, slow_payment.window, traces_max=traces_max, spans_max=spans_max, spread=spread)
    assert 0 < sample.forest.traces <= traces_max and len(sample.forest) <= 2 * spans_max
    assert sample.sampled and sample.requests_stored == 1200
    assert (np.bincount(sample.forest.trace) == STEPS).all()
    first = sample.forest.came_ns.min()
    if spread is Spread.NEWEST:
        assert sample.forest.came_ns.max() > slow_payment.window.end_ns - MINUTE_NS
    else:
        assert first < slow_payment.start_ns + 3 * MINUTE_NS


def test_bounds_below_one_are_refused(shop: Reader, slow_payment: Shop) -> None:
    """No trace allowed is a wrong setting."""
    with pytest.raises(ConfigError, match="at least one trace"):
        read_traces(shop, slow_payment.window, traces_max=0)


def test_paths_of_the_slow_shop(shop: Reader, slow_payment: Shop) -> None:
    """The slow service leads; own times add up to the mean; the shop's entry is found by both its names."""
    sample = read_traces(shop, slow_payment.fault_window)
    (entry,) = entry_list(sample).entries
    assert (entry.service, entry.share, entry.time_share) == ("frontend", 1, 1)
    found = entry_paths(sample, *named(sample, f"frontend {entry.operation}"))
    assert found.operations[0].service == "payment" and found.operations[0].share > 0.8
    assert sum(one.self_ms for one in found.operations) == pytest.approx(found.mean_ms)
    assert found.operations[0].saves_ms == pytest.approx(0.1 * found.operations[0].self_ms)
    assert named(sample, "payment") == ("payment", None)
    assert entry_paths(sample, "payment").coverage.requests == found.coverage.requests
    with pytest.raises(ConfigError, match="requests come in at 'frontend"):
        named(sample, "nobody")


def test_groups_say_what_differs() -> None:
    """Order and number of calls make no other shape; another operation does, and is named."""
    x, y = Made("b", "x", 10, 20), Made("c", "y", 40, 20)
    again = Made("b", "x", 70, 20)
    traces = [[Made("a", "top", 0, 100, below)] for below in ((x, y), (x, y, again), (y, x), (x,))]
    forest = build_forest(table_of(traces))
    usual, other = trace_groups(forest, forest.entries)
    assert (usual.requests, usual.extra, usual.lacking) == (3, (), ())
    assert (other.requests, other.extra, other.lacking) == (1, (), ("c y",))


def test_differences_add_up() -> None:
    """What the operations add is the difference of the means; the one that is slower leads."""
    traces = [
        [Made("a", "top", 0, 60 + more, (Made("b", "x", 5, 20 + more), Made("c", "y", 30 + more, 20)))]
        for more in (0, 1, 2, 3, 4, 5, 6, 7, 90, 100)
    ]
    forest = build_forest(table_of(traces))
    found = slow_against_fast(forest, forest.entries, slow_share=0.2)
    assert found.requests == (5, 2) and found.differences[0].operation == "x"
    more = found.mean_ms[1] - found.mean_ms[0]
    assert sum(one.more_ms for one in found.differences) == pytest.approx(more) == pytest.approx(93)


def test_versions_are_compared() -> None:
    """The version seen first is the older one; a request that met both counts for neither."""

    def shop(version: str, took_ms: float, *below: Made) -> list[Made]:
        return [Made("a", "top", 0, 100, (Made("b", "x", 5, took_ms, version=version), *below))]

    both = Made("b", "x", 60, 10, version="v1")
    traces = [shop("v2", 10), shop("v2", 12), shop("v1", 30), shop("v1", 32), shop("v2", 20, both)]
    forest = build_forest(table_of(traces))
    found = version_against_version(forest, forest.entries, "b")
    assert (found.usual, found.other, found.requests) == ("b v2", "b v1", (2, 2))
    assert {one.operation: one.more_ms for one in found.differences} == pytest.approx({"x": 20, "top": -20})
    with pytest.raises(ConfigError, match="needs two"):
        version_against_version(forest, forest.entries, "a")


@pytest.fixture(scope="module")
def app() -> typer.Typer:
    app = typer.Typer()
    register(app)
    return app


@pytest.fixture
def ask(app: typer.Typer, shop_folder: Path, slow_payment: Shop) -> Callable[..., Result]:
    window = slow_payment.fault_window
    times = ("--from", iso(window.start_ns), "--to", iso(window.end_ns))
    return lambda *words: CliRunner().invoke(app, [*words, "--data", str(shop_folder), *times])


def test_paths_command(ask: Callable[..., Result]) -> None:
    """A list without an entry, tables in both languages with one, a document with its promised keys."""
    assert "frontend" in ask("paths").stdout
    assert "自身耗时" in ask("paths", "frontend", "--lang", "zh-CN", "--compare", "slow").stdout
    document = json.loads(ask("paths", "frontend", "--format", "json", "--traces", "20").stdout)
    assert document["operations"][0]["service"] == "payment" and document["coverage"]["traces"] == 20
    assert {"share", "self_ms", "touched", "saves_ms"} <= set(document["operations"][0])
    assert document["groups"][0]["share"] == 1 and document["comparison"] is None
    assert isinstance(ask("paths", "nobody").exception, ConfigError)


def test_patterns_command(ask: Callable[..., Result]) -> None:
    """The findings as a document and as a table; a wrong format is refused."""
    document = json.loads(ask("patterns", "--format", "json").stdout)
    assert document["traces"] == 300 and isinstance(document["findings"], list)
    assert "300" in ask("patterns").stdout
    assert isinstance(ask("patterns", "--format", "dot").exception, ConfigError)
