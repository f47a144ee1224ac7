"""What the detector is fed: every series of a few minutes of a store, one value a minute.

| entity | series | value |
|---|---|---|
| a service; a database, queue or host that sends no spans | `requests` | a minute, to it |
| | `error_ratio` | of its requests; one failure among others in a minute counts as none |
| | `latency_ms` | of its requests: the geometric middle of mean and median |
| a service | `log.lines`, `log.errors` | lines a minute, and those of ERROR and FATAL |
| | `log.template ID` | lines a minute of one template, where the store knows templates |
| a service, or an instance of none | a metric's name and attributes | the mean over instances; counters as rates |
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from analytics.anomalies.read_calls import read_calls
from analytics.anomalies.read_logs import read_log_rates
from analytics.anomalies.read_metrics import read_metrics
from analytics.anomalies.series import STEP_NS, Kind, Part, SeriesKey
from causeway.stores.contract import Reader
from causeway.window import Window


@dataclass(frozen=True, slots=True)
class Readings:
    """Minutes of many series. keys: by kind, then entity and name; values: (n, t), NaN where nothing was measured.

    A count that nothing was added to is NaN; heard: by kind, (t,) bool, the minutes in which anybody at all sent some:
    in those such a count is truly 0, in others nothing is known.
    """

    times_ns: np.ndarray
    keys: tuple[SeriesKey, ...]
    values: np.ndarray
    heard: Mapping[Kind, np.ndarray] = field(default_factory=dict)

    def minutes(self, start: int, end: int) -> Readings:
        """Some of the minutes, by place, with every series."""
        heard = {kind: flags[start:end] for kind, flags in self.heard.items()}
        return Readings(self.times_ns[start:end], self.keys, self.values[:, start:end], heard)


def read(reader: Reader, window: Window) -> Readings:
    """The whole minutes inside the window. Cost: its rollup rows and samples; no span and no line is read."""
    first, last = -(-window.start_ns // STEP_NS) * STEP_NS, window.end_ns // STEP_NS * STEP_NS
    times = np.arange(first, last, STEP_NS, dtype=np.int64)
    if not len(times):
        return assemble(times, ())
    return assemble(times, (read_calls(reader, times), read_log_rates(reader, times), read_metrics(reader, times)))


def assemble(times_ns: np.ndarray, parts: Iterable[Part]) -> Readings:
    """The parts in one order, whatever the order of their series."""
    found = list(parts)
    keys = [key for part in found for key in part.keys]
    values = np.concatenate([np.empty((0, len(times_ns))), *(part.values for part in found)])
    order = sorted(range(len(keys)), key=lambda i: keys[i])
    heard: dict[Kind, np.ndarray] = {}
    for part in found:
        heard |= part.heard
    return Readings(times_ns, tuple(keys[i] for i in order), values[order], heard)
