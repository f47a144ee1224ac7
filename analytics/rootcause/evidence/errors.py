"""Errors: requests that fail at a node and not merely behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analytics.anomalies.counts import dispersion, rate_shift_p
from analytics.rootcause.evidence.observations import Observations, chart, nothing, number
from analytics.rootcause.split import Split
from analytics.world import CallSeries, World
from causeway.findings import Evidence, Message

FAMILY = "errors"


@dataclass(frozen=True, slots=True)
class _Failing:
    """Errors of some things: errors, calls (n, t); p of a rise and excess errors (n,)."""

    names: np.ndarray
    errors: np.ndarray
    calls: np.ndarray
    p: np.ndarray
    excess: np.ndarray


def observe(world: World, split: Split) -> Observations:
    """One row per node. Its excess is what failed on the way in, less what failed on its own way out.

    What callers saw fail counts where it is more than the node itself reports: then it did not even answer.
    """
    served = _failing(world.services, "service", split)
    asked = _failing(world.edge_series, "callee", split)
    passed_on = _failing(world.edge_series, "caller", split)
    names = np.array(sorted({*served.names, *asked.names}), dtype=object)
    if not len(names):
        return nothing(FAMILY)
    own, seen = _aligned(served, names), _aligned(asked, names)
    by_callers = seen.excess > own.excess * 1.2
    total = np.where(by_callers, seen.excess, own.excess)
    p = np.where(by_callers, seen.p, np.where(own.calls.sum(axis=1) > 0, own.p, seen.p))
    outward = pd.Series(passed_on.excess, index=passed_on.names).reindex(names, fill_value=0.0).to_numpy()
    kept = np.clip(1.0 - outward / np.maximum(total, 1e-9), 0.0, 1.0)
    errors = np.where(by_callers[:, None], seen.errors, np.maximum(own.errors, 0.0))
    calls = np.where(by_callers[:, None], seen.calls, np.maximum(own.calls, 0.0))

    def tell(row: int) -> Evidence:
        seen_by = "failing_calls" if by_callers[row] else "failing"
        return _tell(world, split, str(names[row]), seen_by, errors[row], calls[row], float(p[row]))

    return Observations(FAMILY, names, np.power(p, np.maximum(kept, 0.02)), total * kept, "errors", tell)


def _failing(series: CallSeries, by: str, split: Split) -> _Failing:
    """Errors summed over all rows of the same name."""
    codes, names = pd.factorize(series.keys.get_level_values(by).to_numpy(), sort=True)
    shape = (len(names), series.calls.shape[1])
    errors, calls = np.zeros(shape), np.zeros(shape)
    np.add.at(errors, codes, np.nan_to_num(series.errors))
    np.add.at(calls, codes, np.nan_to_num(series.calls))
    bursts = dispersion(errors[:, split.before], calls[:, split.before])
    before, after = errors[:, split.before].sum(axis=1), errors[:, split.after].sum(axis=1)
    calls_before, calls_after = calls[:, split.before].sum(axis=1), calls[:, split.after].sum(axis=1)
    rise, _ = rate_shift_p(before, after, calls_before, calls_after, bursts=bursts)
    usual = before / np.maximum(calls_before, 1.0)
    rise = np.where((calls_before > 0) & (calls_after > 0), rise, np.nan)
    return _Failing(np.asarray(names, dtype=object), errors, calls, rise, np.maximum(after - usual * calls_after, 0.0))


def _aligned(found: _Failing, names: np.ndarray) -> _Failing:
    """The same for these names; zeros and NaN for those not among them."""
    place = pd.Index(found.names).get_indexer(pd.Index(names))
    missing = place < 0
    blank = np.zeros((len(names), found.errors.shape[1] if found.errors.ndim == 2 else 0))
    errors, calls = blank.copy(), blank.copy()
    p, excess = np.full(len(names), np.nan), np.zeros(len(names))
    errors[~missing], calls[~missing] = found.errors[place[~missing]], found.calls[place[~missing]]
    p[~missing], excess[~missing] = found.p[place[~missing]], found.excess[place[~missing]]
    return _Failing(names, errors, calls, p, excess)


def _tell(
    world: World, split: Split, entity: str, name: str, errors: np.ndarray, calls: np.ndarray, p: float
) -> Evidence:
    ratio = np.divide(errors, calls, out=np.full(len(calls), np.nan), where=calls > 0)
    values = {
        "entity": entity,
        "now": number(errors[split.after].sum() / max(calls[split.after].sum(), 1.0)),
        "usual": number(errors[split.before].sum() / max(calls[split.before].sum(), 1.0)),
    }
    title = Message("rootcause.chart_errors", values)
    return Evidence(
        FAMILY,
        entity,
        Message(f"rootcause.{name}", values),
        p=p if np.isfinite(p) else None,
        chart=chart(title, "ratio", world.timeline, ratio, split),
    )
