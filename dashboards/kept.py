"""Answers kept for a while: the newest few, computed once even when several ask at the same time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """At most `entries_max` answers by key. An answer that fails is not kept; all who waited for it try again."""

    def __init__(self, *, entries_max: int) -> None:
        self._entries_max = entries_max
        self._answers: OrderedDict[Hashable, T] = OrderedDict()
        self._running: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, compute: Callable[[], T]) -> T:
        """The kept answer, or a new one."""
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
                return self._answers[key]
            running = self._running.setdefault(key, threading.Lock())
        with running:
            with self._lock:
                if key in self._answers:
                    return self._answers[key]
            try:
                answer = compute()
            finally:
                with self._lock:
                    self._running.pop(key, None)
            with self._lock:
                self._answers[key] = answer
                while len(self._answers) > self._entries_max:
                    self._answers.popitem(last=False)
            return answer

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._answers.clear()
