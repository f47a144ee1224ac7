"""Faults inside a service are real, and end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from causeway.demo.shop.trouble import AcquirerUnavailableError, DiscountRuleError, Trouble

REQUEST = {"user": "u1234", "order": "0badcafe", "id": "100"}


@pytest.fixture
def trouble() -> Iterator[Trouble]:
    made = Trouble(seed=1)
    yield made
    made.end()


def meetings(trouble: Trouble, count: int) -> list[Exception]:
    raised: list[Exception] = []
    for _ in range(count):
        try:
            trouble.meet(REQUEST)
        except (AcquirerUnavailableError, DiscountRuleError) as error:
            raised.append(error)
    return raised


def took_s(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def test_without_a_fault_nothing_happens(trouble: Trouble) -> None:
    """A healthy service loses no time and raises nothing."""
    assert took_s(lambda: meetings(trouble, 1000)) < 0.5
    assert meetings(trouble, 100) == []


@pytest.mark.parametrize(("kind", "error"), [("errors", AcquirerUnavailableError), ("bug", DiscountRuleError)])
def test_some_requests_fail(trouble: Trouble, kind: str, error: type[Exception]) -> None:
    """About four of ten raise the fault's own error, until it ends."""
    trouble.begin(kind)
    raised = meetings(trouble, 1000)
    assert 300 < len(raised) < 500 and {type(each) for each in raised} == {error}
    trouble.end()
    assert meetings(trouble, 100) == []


def test_latency_is_spent(trouble: Trouble) -> None:
    """A request really takes some hundred milliseconds longer."""
    trouble.begin("latency")
    assert took_s(lambda: trouble.meet(REQUEST)) > 0.1


def test_cpu_is_burnt(trouble: Trouble) -> None:
    """A request uses CPU time of the process, not sleep."""
    trouble.begin("cpu")
    before = time.process_time()
    trouble.meet(REQUEST)
    assert time.process_time() - before > 0.05


def test_a_leak_grows_and_is_given_back(trouble: Trouble) -> None:
    """Entries pile up by themselves while the fault lasts, and are gone after it."""
    trouble.begin("leak")
    deadline = time.monotonic() + 10
    while len(trouble._leaked) < 10_000 and time.monotonic() < deadline:
        trouble.meet(REQUEST)
    assert len(trouble._leaked) >= 10_000
    trouble.end()
    assert trouble._leaked == [] and trouble.kind is None
