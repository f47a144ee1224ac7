"""Rules of answers that take long."""

from __future__ import annotations

import threading

import pytest

from causeway.errors import ConfigError, StoreError
from dashboards.soon import Soon, Workers

SOON_S = 30.0


def test_who_asks_too_early_is_told_to_come_back() -> None:
    """While it is being worked out there is no answer; then there is, worked out once."""
    workers, go, calls = Workers(), threading.Event(), []

    def compute() -> int:
        go.wait(SOON_S)
        calls.append(1)
        return 7

    soon: Soon[int] = Soon(workers, entries_max=4, wait_s=0.0)
    assert soon.get("key", compute) is None
    assert soon.get("key", compute, patient=False) is None
    go.set()
    assert Soon[int](workers, entries_max=4, wait_s=SOON_S).get("other", lambda: 8) == 8  # the one thread is free again
    assert soon.get("key", compute) == 7
    assert len(calls) == 1
    workers.close()


def test_the_last_answer_of_the_series_stands_in() -> None:
    """A window that moves on shows what it showed, not a hole, until its new answer is there."""
    workers, go = Workers(), threading.Event()
    soon: Soon[int] = Soon(workers, entries_max=4, wait_s=SOON_S)
    assert soon.get(1, lambda: 10, series="hour") == 10
    assert soon.get(2, lambda: 20 if go.wait(SOON_S) else 0, series="hour") == 10
    go.set()
    assert Soon[int](workers, entries_max=1, wait_s=SOON_S).get("last", lambda: 1) == 1
    assert soon.get(2, lambda: 21, series="hour") == 20
    workers.close()


def test_a_failure_is_raised_once_and_tried_again() -> None:
    """An unknown name is an error with its words; after it the question may be asked anew."""
    workers = Workers()
    soon: Soon[int] = Soon(workers, entries_max=4, wait_s=SOON_S)

    def fail() -> int:
        raise ConfigError("no service 'cort'")

    with pytest.raises(ConfigError, match="cort"):
        soon.get("key", fail)
    assert soon.get("key", lambda: 5) == 5
    workers.close()


def test_only_the_newest_answers_are_kept() -> None:
    """Beyond the limit the one that was not asked for longest is worked out again."""
    workers = Workers()
    soon: Soon[int] = Soon(workers, entries_max=2, wait_s=SOON_S)
    assert [soon.get(i, lambda i=i: i, series=i) for i in range(3)] == [0, 1, 2]  # type: ignore[misc]
    assert soon.get(0, lambda: 100, series=0) == 100
    workers.close()


def test_nothing_starts_after_the_end() -> None:
    """A server that goes down takes no more work."""
    workers = Workers()
    workers.close()
    with pytest.raises(StoreError, match="going down"):
        Soon[int](workers, entries_max=1).get("key", lambda: 1)


def test_an_answer_that_came_after_its_window_had_moved_on_still_stands_in() -> None:
    """Who never asks twice for the same window sees the answer of the one before, not a hole for ever."""
    workers = Workers()
    soon: Soon[int] = Soon(workers, entries_max=4, wait_s=SOON_S)
    soon.get(1, lambda: 10, series="hour", patient=False)
    assert Soon[int](workers, entries_max=1, wait_s=SOON_S).get("done", lambda: 1) == 1  # the one thread has answered
    go = threading.Event()
    assert soon.get(2, lambda: 20 if go.wait(SOON_S) else 0, series="hour", patient=False) == 10
    go.set()
    workers.close()
