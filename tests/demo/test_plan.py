"""The declared shop hangs together."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from causeway.demo.shop import load, plan


def test_every_step_leads_somewhere() -> None:
    """Each call names a declared operation of another service; each query's service has a database."""
    names = {operation.name for operation in plan.OPERATIONS}
    for operation in plan.OPERATIONS:
        for step in operation.steps:
            if isinstance(step, plan.Call):
                assert step.operation in names
                assert plan.operation(step.operation).service != operation.service
            elif isinstance(step, plan.Query):
                assert plan.service(operation.service).database


def test_calls_end() -> None:
    """No operation leads back to itself: a request comes to an end."""

    def depth(name: str, above: tuple[str, ...] = ()) -> int:
        assert name not in above
        calls = [step for step in plan.operation(name).steps if isinstance(step, plan.Call)]
        return 1 + max((depth(call.operation, (*above, name)) for call in calls), default=0)

    assert max(depth(journey.operation) for journey in plan.JOURNEYS) >= 3


def test_the_shop_is_large_enough() -> None:
    """Eight services at least, all reached from the journeys, two of them with two instances, and a database."""

    def reached(name: str) -> set[str]:
        operation = plan.operation(name)
        found = {operation.service}
        for step in operation.steps:
            if isinstance(step, plan.Call):
                found |= reached(step.operation)
            elif isinstance(step, plan.Publish):
                found.add("mailer")
        return found

    services = set().union(*(reached(journey.operation) for journey in plan.JOURNEYS))
    assert services == {service.name for service in plan.SERVICES} and len(services) >= 8
    assert sum(service.instances >= 2 for service in plan.SERVICES) >= 2


def test_a_new_version_makes_a_new_instance() -> None:
    """The name of an instance is stable over restarts, and another one after a release."""
    assert plan.instance_id("cart", "1.0.0", 1) == plan.instance_id("cart", "1.0.0", 1)
    names = {plan.instance_id("cart", version, number) for version in ("1.0.0", "1.1.0") for number in (1, 2)}
    assert len(names) == 4


@pytest.mark.parametrize("seed", [1, 2])
def test_the_load_is_seeded_and_weighted(seed: int) -> None:
    """The same seed draws the same journeys, in about the declared shares, all at paths the shop knows."""
    first, again = (random.Random(seed), random.Random(seed))
    drawn = [load.journey(first) for _ in range(2000)]
    assert drawn == [load.journey(again) for _ in range(2000)]
    shares = Counter((method, path.split("/")[1]) for method, path in drawn)
    for journey in plan.JOURNEYS:
        operation = plan.operation(journey.operation)
        share = shares[operation.method, operation.route.split("/")[1]] / len(drawn)
        assert share == pytest.approx(journey.weight, abs=0.04)
