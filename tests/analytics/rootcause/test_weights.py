"""What lowers or raises the weight of evidence: full resources, complaints about others, instances of another day."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pandas as pd
import pytest

from analytics.rootcause.evidence.logs import listening
from analytics.rootcause.evidence.metrics import saturated
from analytics.rootcause.evidence.per_request import rate_changes
from analytics.rootcause.evidence.successors import OF_ANOTHER, trust_in_usual
from analytics.rootcause.mentions import names_another
from analytics.rootcause.split import Split
from analytics.world import World

SLOTS = 24
SLOT = np.arange(SLOTS)
SPLIT = Split(SLOT < 12, SLOT >= 12, 12)


def _instances(*rows: tuple[str, str, range]) -> World:
    """A world of which only the instances are known: service, instance, the slots in which it serves ten requests."""
    keys = pd.MultiIndex.from_tuples([(service, name, "") for service, name, _ in rows], names=_KEYS)
    calls = np.array([[10.0 * (slot in served) for slot in SLOT] for _, _, served in rows])
    return cast("World", SimpleNamespace(instances=SimpleNamespace(keys=keys, calls=calls)))


_KEYS = ["service", "instance", "version"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (range(6), range(10, 24), OF_ANOTHER + (1 - OF_ANOTHER) * 2 * 2 / 8),  # nobody asked anything in between
        (range(6), range(11, 24), OF_ANOTHER + (1 - OF_ANOTHER) * 2 * 1 / 7),
        (range(11), range(11, 24), 1.0),  # seen to take over: a release answers for itself
        (range(24), range(10, 24), 1.0),  # it only came beside it
        (range(3), range(7, 24), 1.0),  # most of what is usual is its own
    ],
)
def test_usual_times_of_another_instance_count_less(old: range, new: range, expected: float) -> None:
    """The less of the history an instance served itself, the less its own time can be called unusual."""
    world = _instances(("cart", "cart-1", old), ("cart", "cart-2", new), ("shop", "shop-1", range(24)))
    found = trust_in_usual(world, SPLIT, np.array(["shop", "cart", "unknown"]))
    assert found.tolist() == pytest.approx([1.0, expected, 1.0])


def test_without_instances_usual_is_usual() -> None:
    """Traces that name no instance cannot tell one from another."""
    assert trust_in_usual(_instances(("cart", "", range(24))), SPLIT, np.array(["cart"])).tolist() == [1.0]
    assert trust_in_usual(_instances(), SPLIT, np.array(["cart"])).tolist() == [1.0]


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_a_resource_at_its_limit_is_known_as_such(scale: float) -> None:
    """From far below to nearly all of the limit, as a ratio or in percent; one always near it does not count."""
    shares = [(0.05, 0.9), (0.85, 0.9), (0.05, 0.4), (0.9, 0.05)]
    values = scale * np.array([np.where(SPLIT.before, usual, now) for usual, now in shares])
    values[0, 5] = np.nan
    assert saturated(values, SPLIT).tolist() == [True, False, False, False]
    assert not saturated(np.full((1, SLOTS), np.nan), SPLIT).any()


def test_a_complaint_about_another_is_told_from_one_about_oneself() -> None:
    """The name must be another known entity's, and whole."""
    names = ["shop-frontend", "shop-cart", "shop-cart-db"]
    said = ["no instances of shop-cart-db", "shop-cart failed", "shop-cartoon", "timeout"]
    services = np.array(["shop-cart"] * len(said))
    assert names_another(services, np.array(said), names).tolist() == [True, False, False, False]
    assert names_another(services, np.array(said), []).tolist() == [False] * len(said)


def _lines(*first: int) -> tuple[np.ndarray, np.ndarray]:
    counts = np.array([(start <= SLOT) * 5.0 for start in first])
    return counts, np.array([f"service-{i}" for i in range(len(first))])


@pytest.mark.parametrize(
    ("first", "heard_from"),
    [
        ((8, 8, 8, 8), 9),  # collection began; the slot in which it did is only partly heard
        ((8, 8, 8, 20), 9),
        ((0, 8, 8, 8), 0),  # one was heard all along: the others began by themselves
        ((8, 15, 18, 20), 0),
        ((8, 8), 0),  # two may well begin together
        ((0, 0, 0, 0), 0),
    ],
)
def test_the_begin_of_collection_is_no_new_line(first: tuple[int, ...], heard_from: int) -> None:
    """Where half of all services are first heard at once, nothing is known of the time before."""
    counts, services = _lines(*first)
    assert listening(counts, services, counts).tolist() == (heard_from <= SLOT).tolist()


def test_one_slot_is_one_burst() -> None:
    """However many came in it, a single slot does not prove a new level; many slots do."""
    counts, requests = np.zeros((1, SLOTS)), np.full((1, SLOTS), 100.0)
    counts[0, 12:] = 90.0
    short = Split(SPLIT.before, SLOT == 12, 12)
    burst, _ = rate_changes(counts, requests, short)
    level, _ = rate_changes(counts, requests, SPLIT)
    assert float(burst[0]) == pytest.approx(0.02) and float(level[0]) < 1e-12
