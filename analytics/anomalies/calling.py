"""Who calls whom, as far as events are grouped by it: in the full hour before the one that an alarm is in."""

from __future__ import annotations

import pyarrow.compute as pc

from causeway.stores.contract import Reader
from causeway.window import HOUR_NS, Window

_HOURS_MAX = 48


class Calling:
    """Callees by caller, read once for each hour and kept for the last of them."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self._hours: dict[int, dict[str, frozenset[str]]] = {}

    def at(self, time_ns: int) -> dict[str, frozenset[str]]:
        """By caller; empty where nobody called in that hour. Cost: an hour's edge rollup, once."""
        hour = time_ns // HOUR_NS * HOUR_NS - HOUR_NS
        if hour not in self._hours:
            self._hours[hour] = self._read(Window(hour, hour + HOUR_NS))
            while len(self._hours) > _HOURS_MAX:
                self._hours.pop(next(iter(self._hours)))
        return self._hours[hour]

    def _read(self, window: Window) -> dict[str, frozenset[str]]:
        edges = self.reader.edges(window)
        asked = pc.and_(
            pc.not_equal(pc.cast(edges.column("kind"), "string"), "link"),
            pc.not_equal(pc.cast(edges.column("caller_type"), "string"), "entry"),
        )
        pairs = edges.filter(asked).select(["caller", "callee"]).group_by(["caller", "callee"]).aggregate([])
        found: dict[str, set[str]] = {}
        for caller, callee in zip(pairs["caller"].to_pylist(), pairs["callee"].to_pylist(), strict=True):
            if caller != callee:
                found.setdefault(caller, set()).add(callee)
        return {caller: frozenset(callees) for caller, callees in sorted(found.items())}
