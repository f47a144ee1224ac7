"""Answers that take long: worked out in the background and kept; who asks waits a little, then is told to come back."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Generic, TypeVar

from causeway.errors import StoreError

T = TypeVar("T")
# One at a time: such work takes a core, and pages that need none of it must stay quick.
WORKERS = 1
# A page that has waited this long shows what it has.
WAIT_S = 2.5


class Workers:
    """The threads that answers are worked out in, shared by several `Soon`. They start with the first question."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._closed = False
        self._lock = threading.Lock()

    def submit(self, compute: Callable[[], T]) -> Future[T]:
        """Start it, or queue it behind what runs. Raises StoreError once closed."""
        with self._lock:
            if self._closed:
                raise StoreError("the server is going down")
            if self._pool is None:
                self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="soon")
            return self._pool.submit(compute)

    def close(self) -> None:
        """Start nothing more, and wait for what runs."""
        with self._lock:
            self._closed = True
            pool = self._pool
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)


class Soon(Generic[T]):
    """At most `entries_max` answers by key, the newest used ones."""

    def __init__(self, workers: Workers, *, entries_max: int, wait_s: float = WAIT_S) -> None:
        self._workers = workers
        self._entries_max = entries_max
        self._wait_s = wait_s
        self._answers: OrderedDict[Hashable, Future[T]] = OrderedDict()
        self._last: OrderedDict[Hashable, T] = OrderedDict()
        self._lock = threading.Lock()

    def get(
        self, key: Hashable, compute: Callable[[], T], *, series: Hashable = None, patient: bool = True
    ) -> T | None:
        """The answer. While it is being worked out: the last one of its series, None where there was none.

        patient: wait a little where there is none. Raises what `compute` raised, once; then it is tried again.
        """
        with self._lock:
            running = self._answers.get(key)
            if running is None:
                running = self._answers[key] = self._workers.submit(lambda: self._kept(series, compute()))
            self._answers.move_to_end(key)
            while len(self._answers) > self._entries_max:
                self._answers.popitem(last=False)[1].cancel()
            last = self._last.get(series)
        wait([running], timeout=self._wait_s if patient and last is None else 0.0)
        if not running.done() or running.cancelled():
            return last
        failure = running.exception()
        with self._lock:
            if failure is not None:
                if self._answers.get(key) is running:
                    del self._answers[key]
                raise failure
        return running.result()

    def _kept(self, series: Hashable, answer: T) -> T:
        """The answer, kept as the last one of its series: also for those who come with a later key."""
        with self._lock:
            self._last[series] = answer
            self._last.move_to_end(series)
            while len(self._last) > self._entries_max:
                self._last.popitem(last=False)
        return answer
