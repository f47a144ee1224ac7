"""CPU and memory of instances, whatever the sender calls them: used share of a limit, and plain use."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analytics.world import MetricSeries

# A state of a processor or of memory in which it is not used.
_UNUSED = re.compile(r"(?:state|mode)=(?:idle|iowait|wait|steal|free|available|cached|buffered)(?:,|$)")
_PROCESSOR = re.compile(r"(?:^|, )(?:cpu|cpu\.logical_number|system\.cpu\.logical_number)=([^,]+)")
_RATIO_UNITS = {"1", "ratio", "%", "percent", ""}


@dataclass(frozen=True, slots=True)
class Names:
    """Known metric names, best first, and how an unknown one is recognised."""

    share: tuple[str, ...]
    use: tuple[str, ...]
    generic: Callable[[str, str], str | None]


@dataclass(frozen=True, slots=True)
class ResourceSeries:
    """One row per (service, instance). values: (n, t); name: the metric it came from."""

    keys: pd.DataFrame
    values: np.ndarray

    def of(self, service: str) -> np.ndarray:
        """Rows of that service."""
        return np.flatnonzero(self.keys["service"].to_numpy(dtype=object) == service)


def _generic_cpu(name: str, unit: str) -> str | None:
    if "cpu" not in name or "request" in name:
        return None
    if unit in _RATIO_UNITS and re.search(r"util|percent|usage|ratio", name):
        return "share"
    if unit in {"s/s", "{cpu}", "{cores}", "cores"} and not re.search(r"limit|capacity|throttl", name):
        return "use"
    return None


def _generic_memory(name: str, unit: str) -> str | None:
    if "mem" not in name or "request" in name:
        return None
    if unit in _RATIO_UNITS and re.search(r"util|percent|ratio", name):
        return "share"
    if unit.lower() in {"by", "bytes", "b"} and not re.search(r"limit|available|free|cache|virtual|fault", name):
        return "use"
    return None


CPU = Names(
    share=(
        "k8s.pod.cpu_limit_utilization",
        "k8s.container.cpu_limit_utilization",
        "container.cpu.percent",
        "container.cpu.utilization",
        "process.cpu.utilization",
        "process.runtime.cpu.utilization",
        "system.cpu.utilization",
    ),
    use=(
        "k8s.pod.cpu.usage",
        "k8s.container.cpu.usage",
        "k8s.pod.cpu.utilization",
        "container.cpu.usage",
        "container.cpu.time",
        "process.cpu.time",
        "process_cpu_seconds_total",
    ),
    generic=_generic_cpu,
)
MEMORY = Names(
    share=(
        "k8s.pod.memory_limit_utilization",
        "k8s.container.memory_limit_utilization",
        "container.memory.percent",
        "container.memory.utilization",
        "system.memory.utilization",
    ),
    use=(
        "k8s.pod.memory.usage",
        "k8s.pod.memory.working_set",
        "container.memory.usage",
        "container.memory.usage.total",
        "container.memory.working_set",
        "process.memory.usage",
        "process.memory.rss",
        "process_resident_memory_bytes",
    ),
    generic=_generic_memory,
)


def shares(metrics: MetricSeries, names: Names) -> ResourceSeries:
    """The used share of what there is, as a ratio: 1 is all of it."""
    return _resource(metrics, names, "share")


def uses(metrics: MetricSeries, names: Names) -> ResourceSeries:
    """What is used, in the metric's own unit (cores, bytes)."""
    return _resource(metrics, names, "use")


def _resource(metrics: MetricSeries, names: Names, kind: str) -> ResourceSeries:
    meta = metrics.meta[["service", "instance", "name", "unit", "attributes"]].copy()
    meta["row"] = np.arange(len(meta))
    preference = _preference(meta[["name", "unit"]].drop_duplicates(), names, kind)
    meta["place"] = meta["name"].map(preference)
    meta = meta[meta["place"].notna() & ~meta["attributes"].str.contains(_UNUSED, regex=True)]
    best = meta.groupby(["service", "instance"])["place"].transform("min")
    meta = meta[meta["place"] == best]
    group = meta.groupby(["service", "instance"], sort=True)
    place = group.ngroup().to_numpy()
    keys = group.agg(name=("name", "first"), unit=("unit", "first")).reset_index()
    rows = metrics.values[meta["row"].to_numpy(dtype=int)].astype(np.float64)
    total = np.zeros((len(keys), metrics.values.shape[1]))
    known = np.zeros(total.shape, dtype=bool)
    np.add.at(total, place, np.nan_to_num(rows))
    np.logical_or.at(known, place, np.isfinite(rows))
    scale = _scale(meta, place, len(keys)) * np.where(keys["unit"].isin(["%", "percent"]), 100.0, 1.0)
    scale = np.where(keys["name"].str.endswith(".percent").to_numpy() & (scale == 1.0), 100.0, scale)
    divided = total / scale[:, None] if kind == "share" else total
    return ResourceSeries(keys, np.where(known, divided, np.nan))


def _preference(named: pd.DataFrame, names: Names, kind: str) -> dict[str, int]:
    """Name -> place in the order of preference, for the names that are of this kind."""
    known = names.share if kind == "share" else names.use
    others = (*names.share, *names.use)
    found = {name: place for place, name in enumerate(known)}
    for row in named.itertuples(index=False):
        if row.name not in others and names.generic(str(row.name).lower(), str(row.unit)) == kind:
            found[str(row.name)] = len(known)
    return found


def _scale(meta: pd.DataFrame, place: np.ndarray, groups: int) -> np.ndarray:
    """(groups,) how many processors the summed shares are of; 1 where they are not given one by one."""
    processor = meta["attributes"].str.extract(_PROCESSOR, expand=False)
    count = processor.groupby(place).nunique().reindex(range(groups), fill_value=0).to_numpy()
    return np.maximum(count, 1).astype(np.float64)
