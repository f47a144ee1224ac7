"""How much of a callee's failure and delay becomes the caller's, per edge, from sampled requests.

Errors: of the requests to a caller in which a callee was lost (its last attempt failed), the share that failed, beyond
the share that fails where nothing was lost: the causal power of Cheng, "From Covariation to Causation", Psychological
Review 1997, (f1 - f0) / (1 - f0). A loss after which the caller went on and lost another one did not make it fail.
Few losses are shrunk: an operation pair to its service pair, that to the system's mean, that to PRIOR. How strongly is
learned from how much edges differ (the beta-binomial's likelihood, empirical Bayes).
Delay: the callee's time on the caller's critical path over all its time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import betaln
from scipy.stats import beta

from analytics.impact.visits import ELSEWHERE, Visits

# Most calls are made because their answer is needed.
PRIOR = 0.75
PRIOR_LOSSES = 4.0
# What is shrunk to counts as so many losses: learned where so many edges were seen failing, else Jeffreys' one.
STRENGTHS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
STRENGTH_DEFAULT = 1.0
STRENGTH_EDGES_MIN = 8
_BOUNDS = (0.05, 0.95)


@dataclass(frozen=True, slots=True)
class Transmission:
    """One edge, measured over the caller's sampled requests. kind: `sync` where they wait for it, else `async`.

    touched: share of the caller's requests that call it; calls: per request that does. lost: requests in which a call
    failed for good (no retry followed) and that can be judged; lost_failed: those that failed for it. fine,
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
    """Calls of one kind of pair. of, group: (c,) pair of each call, and pair within its caller's visit.

    keys: (p, 2) their two sides. The rest (p,): requests of the caller in which it was lost and can be judged, how
    many of them failed for it; requests with nothing lost, how many failed; requests that call it.
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
    """Transmission of every pair of nodes and of operations that call each other in the sample. O(m log m).

    Calls that are waited for and calls that are not are different pairs; what nobody waits for makes nobody fail.
    """
    call = np.flatnonzero(visits.parent >= 0)
    upper = visits.parent[call]
    waited, final = visits.waited[call], ~visits.retried[call]
    lost = visits.lost[call] & final & waited
    edges = _pairs(visits, call, visits.node[upper], 2 * visits.node[call] + waited, lost)
    behind = np.zeros(len(edges.keys), dtype=bool)
    behind[edges.of] = ~waited
    prior = _system_mean(edges, behind)
    strength = _strength(edges, behind, prior)
    settled = np.where(behind, 0.0, _shrunk(edges, np.full(len(behind), prior), strength))
    operation = 2 * (visits.name[call] + visits.virtual[call] * len(visits.forest.names)) + waited
    finer = _pairs(visits, call, visits.name[upper], operation, lost)
    over = np.zeros(len(finer.keys))
    over[finer.of] = settled[edges.of]
    weight, group = np.zeros(len(visits)), np.full(len(visits), -1, dtype=np.int64)
    weight[call] = np.where(final & waited, _shrunk(finer, over, strength)[finer.of], 0.0)
    group[call] = finer.group
    found = _transmissions(visits, call, edges, settled, behind, strength)
    return Learned(found, weight, group, prior, int(lost.sum()))


def _pairs(visits: Visits, call: np.ndarray, above: np.ndarray, below: np.ndarray, lost: np.ndarray) -> _Pairs:
    keys, of = _unique_pairs(above, below)
    groups, group = _unique_pairs(visits.parent[call], of)
    caller, pair = groups[:, 0], groups[:, 1]
    gone = np.zeros(len(groups), dtype=bool)
    gone[group[lost]] = True
    forest = visits.forest
    ends, starts = np.zeros(len(groups), dtype=np.int64), np.zeros(len(groups), dtype=np.int64)
    rows = visits.row[call[lost]]
    np.maximum.at(ends, group[lost], forest.end_ns[rows])
    np.maximum.at(starts, group[lost], forest.start_ns[rows])
    latest = np.zeros(len(visits), dtype=np.int64)
    np.maximum.at(latest, caller[gone], starts[gone])
    survived = gone & (ends <= latest[caller])  # the caller went on and lost another one
    open_losses = np.bincount(caller[gone & ~survived], minlength=len(visits))
    blamed = gone & ~survived & (open_losses[caller] == 1)
    judged, whole = survived | blamed, np.bincount(caller[gone], minlength=len(visits))[caller] == 0
    failed = visits.failed[caller]

    def count(mask: np.ndarray) -> np.ndarray:
        return np.bincount(pair[mask], minlength=len(keys))

    everything = np.ones(len(pair), dtype=bool)
    numbers = (count(mask) for mask in (judged, blamed & failed, whole, whole & failed, everything))
    return _Pairs(of, group, keys, *numbers)


def _unique_pairs(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Different pairs, ascending: ((p, 2), (c,) which one)."""
    width = int(second.max(initial=0)) + 3
    codes, of = np.unique((first + 2) * width + second + 2, return_inverse=True)
    return np.stack([codes // width - 2, codes % width - 2], axis=1), of.astype(np.int64)


def _system_mean(edges: _Pairs, behind: np.ndarray) -> float:
    """The mean over edges that callers wait for, each counted by its losses, one at most."""
    known = (edges.lost > 0) & ~behind
    each = edges.caused()[known] / edges.lost[known]
    return float((each.sum() + PRIOR_LOSSES * PRIOR) / (len(each) + PRIOR_LOSSES))


def _strength(edges: _Pairs, behind: np.ndarray, prior: float) -> float:
    """Of STRENGTHS the one that makes what was seen likeliest."""
    known = (edges.lost > 0) & ~behind
    if known.sum() < STRENGTH_EDGES_MIN:
        return STRENGTH_DEFAULT
    caused, spared = edges.caused()[known], (edges.lost - edges.caused())[known]
    likely = [
        float((betaln(caused + one * prior, spared + one * (1 - prior)) - betaln(one * prior, one * (1 - prior))).sum())
        for one in STRENGTHS
    ]
    return STRENGTHS[int(np.argmax(likely))]


def _shrunk(pairs: _Pairs, towards: np.ndarray, strength: float) -> np.ndarray:
    return (pairs.caused() + strength * towards) / (pairs.lost + strength)


def _transmissions(
    visits: Visits, call: np.ndarray, edges: _Pairs, errors: np.ndarray, behind: np.ndarray, strength: float
) -> tuple[Transmission, ...]:
    caused = errors * (edges.lost + strength)
    spared = (1.0 - errors) * (edges.lost + strength)
    low, high = (np.clip(beta.ppf(q, caused + 1e-6, spared + 1e-6), 0.0, 1.0) for q in _BOUNDS)
    served = np.bincount(visits.node[visits.node >= 0], minlength=len(visits.names))
    total = np.bincount(edges.of, minlength=len(edges.keys))
    took = (visits.forest.end_ns - visits.forest.start_ns)[visits.row[call]].astype(np.float64)
    waited = np.bincount(edges.of, weights=took * visits.waited[call], minlength=len(edges.keys))
    delaying = np.bincount(edges.of, weights=took * visits.delaying[call], minlength=len(edges.keys))
    found = []
    for i, (caller, doubled) in enumerate(edges.keys.tolist()):
        callee = doubled // 2
        if ELSEWHERE in {caller, callee} or caller == callee:
            continue
        found.append(
            Transmission(
                visits.names[caller],
                visits.names[callee],
                "async" if behind[i] else "sync",
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
