"""How much of a callee's failure and delay becomes the caller's, per edge, from sampled requests.

Errors: of the requests to a caller in which one callee was lost (its last attempt failed) and no other, the share that
failed, beyond the share that fails where nothing was lost: the causal power of Cheng, "From Covariation to Causation",
Psychological Review 1997, (f1 - f0) / (1 - f0). Few losses are shrunk: an operation pair to its service pair, that to
the system's mean, that to PRIOR; what is shrunk to counts as much as one loss (as Jeffreys' prior does).
Delay: the callee's time on the caller's critical path over all its time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import beta

from analytics.impact.visits import ELSEWHERE, Visits

# Most calls are made because their answer is needed.
PRIOR = 0.75
PRIOR_LOSSES = 4.0
SHRINK_LOSSES = 1.0
_BOUNDS = (0.05, 0.95)


@dataclass(frozen=True, slots=True)
class Transmission:
    """One edge, measured over the caller's sampled requests.

    touched: share of the caller's requests that call it; calls: per request that does. lost: requests in which a call
    failed for good (no retry followed) and no other call did; lost_failed: those that failed themselves. fine,
    fine_failed: the same where no call was lost at all. errors: chance that a lost call makes the caller fail, beyond
    what it fails anyway, in [0, 1]; errors_low, errors_high: its 90 % bounds. delay: share of the callee's time that
    the caller waits for, None where no call was waited for. measured: `lost` is not 0; else `errors` is the prior.
    """

    caller: str
    callee: str
    kind: str
    touched: float
    calls: float
    lost: int
    lost_failed: int
    fine: int
    fine_failed: int
    errors: float
    errors_low: float
    errors_high: float
    delay: float | None
    measured: bool


@dataclass(frozen=True, slots=True)
class Learned:
    """Transmission of sampled calls. edges: by caller and callee. weight: (m,) by visit: the chance that its loss makes
    its caller fail; 0 for visits without a caller, and where another attempt followed. group: (m,) int64, the same for
    the calls that one visit makes to one operation, whose loss counts once; below 0 without a caller. prior: the
    system's mean. failures: lost calls that no retry followed.
    """

    edges: tuple[Transmission, ...]
    weight: np.ndarray
    group: np.ndarray
    prior: float
    failures: int


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Calls of one kind of pair. of, group: (c,) pair of each call, and pair within its caller's visit. keys: (p, 2).

    The rest (p,): requests of the caller with exactly this one lost, how many of them failed; requests with nothing
    lost, how many failed; requests that call it.
    """

    of: np.ndarray
    group: np.ndarray
    keys: np.ndarray
    lost: np.ndarray
    lost_failed: np.ndarray
    fine: np.ndarray
    fine_failed: np.ndarray
    callers: np.ndarray

    def caused(self) -> np.ndarray:
        """(p,) losses that made the caller fail, less those in which it would have failed anyway."""
        usual = self.fine_failed / np.maximum(self.fine, 1)
        power = (self.lost_failed - usual * self.lost) / np.maximum(1.0 - usual, 1e-9)
        return np.clip(power, 0.0, self.lost)


def learn(visits: Visits) -> Learned:
    """Transmission of every pair of nodes and of operations that call each other in the sample. O(m log m)."""
    call = np.flatnonzero(visits.parent >= 0)
    upper = visits.parent[call]
    final = ~visits.retried[call]
    lost = visits.lost[call] & final
    edges = _pairs(visits, call, visits.node[upper], visits.node[call], lost)
    asynchronous = _share(edges, ~visits.waited[call]) > 0.5
    prior = _system_mean(edges, asynchronous)
    settled = _shrunk(edges, np.where(asynchronous, 0.0, prior))
    operation = visits.name[call] + visits.virtual[call] * len(visits.forest.names)
    finer = _pairs(visits, call, visits.name[upper], operation, lost)
    over = np.zeros(len(finer.keys))
    over[finer.of] = settled[edges.of]
    weight = np.zeros(len(visits))
    weight[call] = np.where(final, _shrunk(finer, over)[finer.of], 0.0)
    group = np.full(len(visits), -1, dtype=np.int64)
    group[call] = finer.group
    found = _transmissions(visits, call, edges, settled, asynchronous)
    return Learned(found, weight, group, prior, int(lost.sum()))


def _pairs(visits: Visits, call: np.ndarray, above: np.ndarray, below: np.ndarray, lost: np.ndarray) -> _Pairs:
    keys, of = _unique_pairs(above, below)
    groups, group = _unique_pairs(visits.parent[call], of)
    caller, pair = groups[:, 0], groups[:, 1]
    gone = np.zeros(len(groups), dtype=bool)
    gone[group[lost]] = True
    losses = np.bincount(caller[gone], minlength=len(visits))
    alone, whole = gone & (losses[caller] == 1), losses[caller] == 0
    failed = visits.failed[caller]

    def count(mask: np.ndarray) -> np.ndarray:
        return np.bincount(pair[mask], minlength=len(keys))

    everything = np.ones(len(pair), dtype=bool)
    numbers = (count(mask) for mask in (alone, alone & failed, whole, whole & failed, everything))
    return _Pairs(of, group, keys, *numbers)


def _unique_pairs(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Different pairs, ascending: ((p, 2), (c,) which one)."""
    width = int(second.max(initial=0)) + 2
    codes, of = np.unique((first + 1) * width + second + 1, return_inverse=True)
    return np.stack([codes // width - 1, codes % width - 1], axis=1), of.astype(np.int64)


def _share(pairs: _Pairs, chosen: np.ndarray) -> np.ndarray:
    size = np.bincount(pairs.of, minlength=len(pairs.keys))
    return np.bincount(pairs.of[chosen], minlength=len(pairs.keys)) / np.maximum(size, 1)


def _system_mean(edges: _Pairs, asynchronous: np.ndarray) -> float:
    """The mean over edges that callers wait for, each counted by its losses, one at most."""
    known = (edges.lost > 0) & ~asynchronous
    each = edges.caused()[known] / edges.lost[known]
    return float((each.sum() + PRIOR_LOSSES * PRIOR) / (len(each) + PRIOR_LOSSES))


def _shrunk(pairs: _Pairs, towards: np.ndarray) -> np.ndarray:
    return (pairs.caused() + SHRINK_LOSSES * towards) / (pairs.lost + SHRINK_LOSSES)


def _transmissions(
    visits: Visits, call: np.ndarray, edges: _Pairs, errors: np.ndarray, asynchronous: np.ndarray
) -> tuple[Transmission, ...]:
    caused = errors * (edges.lost + SHRINK_LOSSES)
    spared = (1.0 - errors) * (edges.lost + SHRINK_LOSSES)
    low, high = (np.clip(beta.ppf(q, caused + 1e-6, spared + 1e-6), 0.0, 1.0) for q in _BOUNDS)
    served = np.bincount(visits.node[visits.node >= 0], minlength=len(visits.names))
    total = np.bincount(edges.of, minlength=len(edges.keys))
    took = (visits.forest.end_ns - visits.forest.start_ns)[visits.row[call]].astype(np.float64)
    waited = np.bincount(edges.of, weights=took * visits.waited[call], minlength=len(edges.keys))
    delaying = np.bincount(edges.of, weights=took * visits.delaying[call], minlength=len(edges.keys))
    found = []
    for i, (caller, callee) in enumerate(edges.keys.tolist()):
        if ELSEWHERE in {caller, callee} or caller == callee:
            continue
        found.append(
            Transmission(
                visits.names[caller],
                visits.names[callee],
                "async" if asynchronous[i] else "sync",
                touched=float(edges.callers[i] / max(served[caller], 1)),
                calls=float(total[i] / max(edges.callers[i], 1)),
                lost=int(edges.lost[i]),
                lost_failed=int(edges.lost_failed[i]),
                fine=int(edges.fine[i]),
                fine_failed=int(edges.fine_failed[i]),
                errors=float(errors[i]),
                errors_low=float(low[i]),
                errors_high=float(high[i]),
                delay=float(delaying[i] / waited[i]) if waited[i] else None,
                measured=bool(edges.lost[i] > 0),
            )
        )
    return tuple(found)
