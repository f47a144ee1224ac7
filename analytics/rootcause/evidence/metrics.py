"""Resource metrics: what a node uses more of than it usually does, beyond what more requests would need."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from analytics.metric_roles import Role, is_share, role_of
from analytics.rootcause.calibration import calibrate
from analytics.rootcause.evidence.observations import Look, Observations, chart, level, no_look, number, usual_level
from analytics.rootcause.split import Split
from analytics.world import World
from causeway.findings import Evidence, Message
from causeway.messages import quantity

FAMILY = "metrics"
_RESOURCE = re.compile(
    r"cpu|mem|heap|rss|gc|thread|goroutine|fds?\b|file_?desc|handle|disk|filesystem|io|throttl|restart|oom|"
    r"connection|pool|queue|lag|swap|page_?fault|saturat|pressure",
    re.IGNORECASE,
)
_SYMPTOM = re.compile(r"latency|duration|request|response|success|error|workload|calls|spans|logs", re.IGNORECASE)
_SCARCE = re.compile(
    r"free|available|idle|remaining|headroom|ready|uptime|hit[._]?(?:ratio|rate)|until[._]?expiry", re.IGNORECASE
)  # less of these is worse
_HELD = re.compile(r"mem|heap|rss|thread|goroutine|uptime", re.IGNORECASE)  # what a process loses when it restarts
_RESTART_FALL = 0.7  # log of the fall by which a restart shows: a half
_SHARED = re.compile(r"(?:^|[._])(?:node|host|system)[._]", re.IGNORECASE)
_SHARED_WEIGHT = 0.3  # exponent of p for what all pods of a machine show alike
_OTHER_WEIGHT = 0.5  # exponent of p for a metric that is no resource
_SPREAD_FLOOR = 0.05
_NAMED_UNITS = (
    (re.compile(r"(?:^|[._])seconds(?:$|[._])"), "s"),
    (re.compile(r"(?:^|[._])(?:ms|milliseconds)$"), "ms"),
    (re.compile(r"(?:^|[._])bytes$"), "By"),
)
_OF_LIMIT = re.compile(r"utili[sz]ation|usage_?(?:rate|percent|pct)|percent|saturation", re.IGNORECASE)
_NEAR_LIMIT, _FAR_FROM_LIMIT = 0.8, 0.5  # of the limit
_PERCENT_FROM = 1.5  # larger values of such a metric are percentages
_FULL = 1.5  # exponent of p of what has reached its limit: few samples are enough to believe it
_INTERVALS_MAX = 9  # a carried value is at most 90 s old
_REPEATS_MIN = 3


def prepare(world: World, first: Split) -> Look:
    """One row per series of a known service that is not itself a symptom."""
    meta = world.metrics.meta
    chosen = (meta["service"] != "").to_numpy() & ~_of_requests(meta)
    if not chosen.any():
        return no_look(FAMILY)
    meta, values = meta[chosen].reset_index(drop=True), world.metrics.values[chosen].astype(np.float64)
    names, services = meta["name"].to_numpy(), meta["service"].to_numpy()
    logs = _logs(without_repeats(values, names), names)
    noise = calibrate(logs, first.before, scale_floor=_SPREAD_FLOOR)
    scarce = meta["name"].str.contains(_SCARCE).to_numpy()
    held = meta["name"].str.contains(_HELD).to_numpy(dtype=bool)
    exponent = _exponents(meta["name"])
    limited = meta["name"].str.contains(_OF_LIMIT).to_numpy(dtype=bool) & ~scarce

    def look(split: Split) -> Observations:
        shifts, rise, fall = noise.tails(split, _load(world, services, split))
        restarted = held & (np.nan_to_num(shifts.before - shifts.after) > _RESTART_FALL)
        full = limited & saturated(values, split)
        p = np.power(np.where(scarce | restarted, fall, rise), exponent * np.where(full, _FULL, 1.0))
        more = np.abs(np.nan_to_num(shifts.after - shifts.before))

        def tell(row: int) -> Evidence:
            return _tell(world, split, meta.iloc[row], values[row], float(p[row]))

        return Observations(FAMILY, services, p, more, "log ratio", tell)

    return look


def _of_requests(meta: pd.DataFrame) -> np.ndarray:
    """(n,) bool: what the requests of a service tell better, or evidence/indicators does: a symptom here."""
    named = meta["name"].str.contains(_SYMPTOM).to_numpy(dtype=bool)
    told = zip(meta["name"], meta["unit"], strict=True)
    shares = [
        role_of(name) is Role.LATENCY or (role_of(name) is not Role.OTHER and is_share(name, unit))
        for name, unit in told
    ]
    return named | np.array(shares, dtype=bool)


def saturated(values: np.ndarray, split: Split) -> np.ndarray:
    """(n,) whether parts of a limit reached it that were far below it before; percentages are known by their size."""
    before = np.array([usual_level(row, split.before) for row in values])
    after = np.array([usual_level(row, split.after) for row in values])
    whole = np.where(np.nanmax(_some(values), axis=1) > _PERCENT_FROM, 100.0, 1.0)
    return (after >= _NEAR_LIMIT * whole) & (before < _FAR_FROM_LIMIT * whole)


def _exponents(names: pd.Series) -> np.ndarray:
    """(n,) how much a metric of each name says about the service it is of."""
    resource = names.str.contains(_RESOURCE).to_numpy()
    shared = names.str.contains(_SHARED).to_numpy()
    return np.where(shared, _SHARED_WEIGHT, np.where(resource, 1.0, _OTHER_WEIGHT))


def without_repeats(values: np.ndarray, names: np.ndarray) -> np.ndarray:
    """The same with NaN where a value was only carried on: a sample a minute is one fact, not six."""
    known = np.isfinite(values)
    same = np.zeros(values.shape, dtype=bool)
    same[:, 1:] = known[:, 1:] & (values[:, 1:] == values[:, :-1])
    changes = (known & ~same).sum(axis=1)
    run = known.sum(axis=1) / np.maximum(changes, 1)
    interval = pd.Series(np.where(changes >= _REPEATS_MIN, run, np.nan)).groupby(names).transform("median")
    every = np.clip(np.round(interval.fillna(1.0).to_numpy()), 1, _INTERVALS_MAX).astype(int)
    slots = np.arange(values.shape[1])
    last_new = np.maximum.accumulate(np.where(known & ~same, slots, -1), axis=1)
    kept = known & ((slots - last_new) % every[:, None] == 0)
    return np.where(kept, values, np.nan)


def _logs(values: np.ndarray, names: np.ndarray) -> np.ndarray:
    """Log of the value above a tenth of what is typical for that metric, so that small bases do not explode."""
    size = pd.DataFrame({"name": names, "size": np.nan_to_num(np.nanmean(np.abs(_some(values)), axis=1))})
    typical = size.groupby("name")["size"].transform("median").to_numpy()
    base = np.maximum(typical, size["size"].to_numpy() * 0.1)
    base = np.where(base > 0, base, 1.0) * 0.1
    return np.log(np.maximum(values, 0.0) + base[:, None])


def _some(values: np.ndarray) -> np.ndarray:
    """The values, with one 0 in rows that have none (so that a mean exists)."""
    none = ~np.isfinite(values).any(axis=1)
    filled = values.copy()
    filled[none, 0] = 0.0
    return filled


def _load(world: World, services: np.ndarray, split: Split) -> np.ndarray:
    """(n, t) log of how many times its usual requests a service gets from the onset on, where more than usual."""
    calls = np.nan_to_num(world.services.calls.astype(np.float64))
    before, after = calls[:, split.before].mean(axis=1), calls[:, split.after].mean(axis=1)
    more = np.log(np.maximum(after, 1e-9) / np.maximum(before, 1e-9))
    more = np.where((before > 0) & (after > before), np.minimum(more, 3.0), 0.0)
    place = world.services.keys.get_level_values("service").get_indexer(pd.Index(services))
    by_row = np.where(place >= 0, more[place] if len(more) else 0.0, 0.0)
    return by_row[:, None] * split.after[None, :]


def _tell(world: World, split: Split, meta: pd.Series, values: np.ndarray, p: float) -> Evidence:
    now, usual = level(values, split.after), usual_level(values, split.before)
    holder = meta["instance"] or meta["service"]
    unit = unit_of(str(meta["name"]), str(meta["unit"] or ""))
    name = "metric_rises" if _keeps_rising(values, split) else "metric_up" if now >= usual else "metric_down"
    message = {
        "entity": holder,
        "metric": meta["name"],
        "now": _quantity(now, unit),
        "usual": _quantity(usual, unit),
    }
    title = Message("rootcause.chart_metric", message)
    return Evidence(
        FAMILY,
        str(meta["service"]),
        Message(f"rootcause.{name}", message),
        p=p if np.isfinite(p) else None,
        chart=chart(title, unit, world.timeline, values, split),
    )


def unit_of(name: str, unit: str) -> str:
    """The unit as people read it; from the metric's name where none is given."""
    if unit:
        return "ratio" if unit == "1" else unit.strip("{}")
    return next((told for words, told in _NAMED_UNITS if words.search(name)), "")


def _quantity(value: float, unit: str) -> str:
    return quantity(number(value), unit)


def _keeps_rising(values: np.ndarray, split: Split) -> bool:
    """Whether nearly every later value after the onset is larger than the earlier ones (Kendall's tau)."""
    later = values[split.after]
    later = later[np.isfinite(later)]
    if len(later) < 6:
        return False
    pairs = np.sign(later[None, :] - later[:, None])[np.triu_indices(len(later), 1)]
    return bool(pairs.mean() > 0.7)
