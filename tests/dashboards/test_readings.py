"""Rules of the numbers on pages."""

from __future__ import annotations

import math

import numpy as np
import pytest

from causeway.latency import bucket_of
from causeway.window import MINUTE_NS, SECOND_NS, Window
from dashboards.readings import POINTS_MAX, reading, red_of, since_first, spark, step_for, usual
from tests.worlds import Shop, shop_store, shop_world


@pytest.mark.parametrize("seconds", [60, 900, 3600, 86_400])
def test_steps_are_whole_rollup_slots_and_few(seconds: int) -> None:
    """A chart has at most POINTS_MAX points, each of whole ten-second slots."""
    window = Window(0, seconds * SECOND_NS)
    step = step_for(window)
    assert step % (10 * SECOND_NS) == 0
    assert window.duration_ns / step <= POINTS_MAX


def test_red_adds_up_to_what_the_rollups_hold() -> None:
    """No request is lost or counted twice between rollup and chart; the whole window's p99 is within a bucket."""
    shop = Shop(minutes=(10, 10))
    store = shop_store(shop)
    step = MINUTE_NS
    window = shop.window.aligned(step)
    table = store.operations(window, step_ns=step, service="catalog")
    red = red_of(table, window, step)
    inbound = table.filter(table.column("inbound"))
    assert red.calls.sum() == sum(inbound.column("calls").to_pylist())
    assert red.errors.sum() == sum(inbound.column("errors").to_pylist())
    counts = np.array(inbound.column("calls").to_pylist())
    buckets = np.repeat(np.array(inbound.column("latency_bucket").to_pylist()), counts)
    expected = np.sort(buckets)[math.ceil(0.99 * len(buckets)) - 1]
    assert bucket_of(np.array([int(red.whole_ms[2] * 1e6)]))[0] == expected


def test_no_requests_are_gaps_not_zero_latency() -> None:
    """Where nothing was asked the quantiles and the error ratio are missing."""
    table = shop_store(Shop(minutes=(5, 5))).operations(Window(0, 1), step_ns=MINUTE_NS)
    red = red_of(table, Window(0, 5 * MINUTE_NS), MINUTE_NS)
    assert np.isnan(red.latency_ms_p99).all()
    assert np.isnan(red.error_ratio).all()
    assert math.isnan(red.whole_error_ratio)


def test_what_was_not_watched_is_not_zero() -> None:
    """Before the first request ever seen there is no usual rate."""
    calls = np.array([0.0, 0.0, 5.0, 0.0, 5.0])
    trimmed = since_first(calls, calls)
    assert np.isnan(trimmed[:2]).all()
    assert trimmed[3] == 0.0


def test_too_short_a_past_has_no_usual_range() -> None:
    """Four points do not make a usual range."""
    assert usual(np.array([1.0, 2.0, 3.0, 4.0])).low is None
    assert usual(np.arange(20.0)).middle == pytest.approx(9.5)


def test_sparks_keep_gaps() -> None:
    """A spark has at most 32 points and None where nothing is known."""
    values = np.concatenate([np.full(50, np.nan), np.ones(50)])
    points = spark(values)
    assert len(points) == 32
    assert points[0] is None
    assert points[-1] == 1.0


def test_readings_show_the_fault_beside_the_usual() -> None:
    """A service that fails more than before says both numbers."""
    world = shop_world(faults=["errors"], minutes=(20, 10))
    frame = reading(world.services, world)
    orders = frame.loc[("orders",)]
    assert orders["error_ratio"] > 0.1
    assert orders["error_usual"] < 0.02
    assert orders["rate_usual"] == pytest.approx(orders["rate_per_s"], rel=0.3)
