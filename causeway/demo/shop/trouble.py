"""Faults as they happen inside a service process: really slower, really failing, really burning and leaking."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping

KINDS = ("latency", "errors", "cpu", "leak", "bug")
_LATENCY_MS, _LATENCY_SPREAD_MS = 400.0, 80.0
_ERROR_SHARE = 0.4
_BURN_PER_REQUEST_S = 0.06
_BURN_PERIOD_S, _BURN_DUTY = 0.1, 0.4
_LEAK_PER_TICK, _LEAK_TICK_S = 4_000, 0.1
_LEAK_ENTRIES_MAX = 3_000_000  # about 450 MB


class AcquirerUnavailableError(Exception):
    """What fails in a service under the fault `errors`."""


class DiscountRuleError(KeyError):
    """What fails in the bad release."""


class Trouble:
    """The fault of this process, if any; `meet` is called in every request."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._kind: str | None = None
        self._leaked: list[tuple[int, str]] = []
        self._background: threading.Thread | None = None
        self._wake = threading.Event()

    @property
    def kind(self) -> str | None:
        """The fault that is on."""
        return self._kind

    def begin(self, kind: str) -> None:
        """Switch a fault on; it replaces any other."""
        self.end()
        self._kind = kind
        loops = {"cpu": self._burn, "leak": self._leak}
        if kind in loops:
            self._wake.clear()
            self._background = threading.Thread(target=loops[kind], daemon=True)
            self._background.start()

    def end(self) -> None:
        """Switch it off and give back what was taken."""
        self._kind = None
        self._wake.set()
        if self._background:
            self._background.join()
            self._background = None
        self._leaked = []

    def meet(self, parameters: Mapping[str, str]) -> None:
        """Suffer the fault within a request. Raises the error of an erring service."""
        if self._kind == "latency":
            time.sleep(max(0.0, self._random.gauss(_LATENCY_MS, _LATENCY_SPREAD_MS)) / 1e3)
        elif self._kind == "cpu":
            _spin(_BURN_PER_REQUEST_S)
        elif self._kind == "leak":
            self._search(parameters["user"])
        elif self._kind in {"errors", "bug"} and self._random.random() < _ERROR_SHARE:
            raise self._error()

    def _error(self) -> Exception:
        if self._kind == "bug":
            return DiscountRuleError("discount_rule_v2")
        return AcquirerUnavailableError("connection pool exhausted: 0 of 20 free")

    def _search(self, user: str) -> None:
        """Walk the ever longer list, as a cache that never evicts is walked."""
        leaked = self._leaked
        sum(1 for entry in leaked if entry[1] == user)

    def _leak(self) -> None:
        while not self._wake.wait(_LEAK_TICK_S):
            if len(self._leaked) < _LEAK_ENTRIES_MAX:
                first = len(self._leaked)
                self._leaked += [(n, f"session-{n}") for n in range(first, first + _LEAK_PER_TICK)]

    def _burn(self) -> None:
        while not self._wake.wait(_BURN_PERIOD_S * (1 - _BURN_DUTY)):
            _spin(_BURN_PERIOD_S * _BURN_DUTY)


def _spin(cpu_s: float) -> None:
    """Use so much CPU time of this thread."""
    until = time.thread_time() + cpu_s
    number = 1
    while time.thread_time() < until:
        for _ in range(200):
            number = number * 1103515245 + 12345 & 0x7FFFFFFF
