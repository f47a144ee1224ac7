"""Structure: steps of a service, and calls it makes, that come more or less often per request than they did.

An exception cuts the rest of a request off, a wrong result sends it another way; both show in which spans there are,
with no status and no log line needed.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from analytics.rootcause.evidence.observations import Look, Observations, chart, no_look, number
from analytics.rootcause.evidence.per_request import follows_traffic, rate_changes, service_requests, tied_falls
from analytics.rootcause.split import Split
from analytics.world import World
from causeway.findings import Evidence, Message

FAMILY = "structure"
_STEPS_MIN = 8  # fewer in all tell nothing
_WEIGHT = 0.6  # exponent of p: other steps are as often a matter of what is asked as of a fault
_MORE_WEIGHT = 0.3  # and more of them rather a recovery: only a request cut short lacks steps
_CHANGE_MIN = 0.2  # of the requests must go another way; less is a matter of what they ask for


def prepare(world: World, first: Split) -> Look:
    """One row per step inside a service (an operation nobody else asks for) and per call it makes."""
    del first
    keys, counts = _steps(world)
    if not len(keys):
        return no_look(FAMILY)
    services = keys["service"].to_numpy(dtype=object)
    requests = service_requests(world, services, np.zeros(counts.shape))
    codes, _ = pd.factorize(services)
    of_traffic = follows_traffic(world, services, counts)
    none = np.full(len(keys), np.nan)

    def look(split: Split) -> Observations:
        before, after = counts[:, split.before].sum(axis=1), counts[:, split.after].sum(axis=1)
        asked_before, asked_after = requests[:, split.before].sum(axis=1), requests[:, split.after].sum(axis=1)
        now, usual = after / np.maximum(asked_after, 1.0), before / np.maximum(asked_before, 1.0)
        telling = np.abs(now - usual) >= _CHANGE_MIN * np.minimum(np.maximum(now, usual), 1.0)
        telling &= (before + after >= _STEPS_MIN) & ~of_traffic
        p = np.ones(len(keys))
        rise, fall = rate_changes(counts[telling], requests[telling], split)
        fall = np.minimum(fall, tied_falls(counts, codes, split)[telling])
        cut = np.bincount(codes, weights=now - usual)[codes][telling] < 0
        p[telling] = np.minimum(1.0, 2.0 * np.minimum(np.power(rise, _MORE_WEIGHT), np.where(cut, fall**_WEIGHT, 1.0)))
        p = np.where((asked_before > 0) & (asked_after > 0), p, np.nan)

        def tell(row: int) -> Evidence:
            series, rates = (counts[row], requests[row]), (now[row], usual[row])
            return _tell(world, split, keys.iloc[row], series, rates, float(p[row]))

        return Observations(FAMILY, services, p, none, "", tell)

    return look


def _steps(world: World) -> tuple[pd.DataFrame, np.ndarray]:
    """(service, step, callee) and counts (n, t): inner operations of any kind, then outgoing calls."""
    inner = world.operations.keys.to_frame(index=False)[["service", "operation"]]
    asked = set(world.inbound.keys)
    own = np.array([key not in asked for key in inner.itertuples(index=False, name=None)], dtype=bool)
    inner = inner[own].assign(callee="").rename(columns={"operation": "step"})
    calls = world.edge_series.keys.to_frame(index=False).rename(columns={"caller": "service"}).assign(step="")
    counts = np.vstack([world.operations.calls[own], world.edge_series.calls]).astype(np.float64)
    return pd.concat([inner, calls[["service", "step", "callee"]]], ignore_index=True), np.nan_to_num(counts)


def _tell(
    world: World,
    split: Split,
    key: pd.Series,
    series: tuple[np.ndarray, np.ndarray],
    rates: tuple[float, float],
    p: float,
) -> Evidence:
    counts, requests = series
    now, usual = rates
    place = "call" if key["callee"] else "step"
    values = {
        "entity": key["service"],
        "step": key["step"] or key["callee"],
        "now": number(now),
        "usual": number(usual),
    }
    rate = np.divide(counts, requests, out=np.full(len(counts), np.nan), where=requests > 0)
    title = Message(f"rootcause.chart_{place}", values)
    change = "more" if now > usual else "less"
    return Evidence(
        FAMILY,
        str(key["service"]),
        Message(f"rootcause.{place}_{change}", values),
        p=p if np.isfinite(p) else None,
        chart=chart(title, "", world.timeline, rate, split),
    )
