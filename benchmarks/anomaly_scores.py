"""How good alarms and scores are against labels: delay-7 F1, VUS-PR, the NAB standard profile."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

DELAY_POINTS = 7
_NAB_FALSE_ALARM = 0.11  # weight in the standard profile
_NAB_BEST = 0.98661  # the sigmoid at the start of a window
_NAB_PROBATION = (0.15, 750)  # of the points, and at most


def delay_counts(labels: np.ndarray, alarms: np.ndarray, *, delay: int = DELAY_POINTS) -> tuple[int, int, int]:
    """(right, false, missed) points: a labelled run counts as found as a whole if an alarm falls into its first
    delay + 1 points, else as missed as a whole; every alarm outside of runs is false (AIOps challenge 2018)."""
    truth = np.asarray(labels).astype(bool)
    found = np.asarray(alarms).astype(bool).copy()
    for start, end in runs(truth):
        found[start:end] = found[start : min(end, start + delay + 1)].any()
    return int((found & truth).sum()), int((found & ~truth).sum()), int((~found & truth).sum())


def alarm_counts(labels: np.ndarray, alarms: np.ndarray, *, delay: int = DELAY_POINTS) -> tuple[int, int, int, int]:
    """(alarms inside labelled runs, alarms, runs found within delay + 1 points, runs): long runs weigh no more."""
    truth, marks = np.asarray(labels).astype(bool), np.asarray(alarms).astype(bool)
    found = [bool(marks[start : min(end, start + delay + 1)].any()) for start, end in runs(truth)]
    return int((marks & truth).sum()), int(marks.sum()), sum(found), len(found)


def f1(right: float, false: float, missed: float) -> float:
    """0 when there is nothing to find and nothing found."""
    return 2 * right / max(2 * right + false + missed, 1)


def runs(truth: np.ndarray) -> list[tuple[int, int]]:
    """[start, end) of every run of True."""
    edge = np.diff(np.concatenate([[0], truth.astype(np.int8), [0]]))
    return list(zip(np.flatnonzero(edge == 1).tolist(), np.flatnonzero(edge == -1).tolist(), strict=True))


def vus_pr(labels: np.ndarray, score: np.ndarray, *, buffer_max: int = 60, buffers: int = 4) -> float:
    """Area under precision and recall, averaged over buffers of up to `buffer_max` points about each labelled run
    (Paparrizos et al., VLDB 2022). Deviations: `buffers` + 1 buffers, 200 thresholds at quantiles of the score.
    NaN without labels."""
    truth = np.asarray(labels).astype(bool)
    if not truth.any():
        return float("nan")
    scored = np.nan_to_num(np.asarray(score, dtype=np.float64), nan=-1e9)
    order = np.argsort(-scored, kind="stable")
    ranks = np.unique(np.geomspace(1, len(scored), 200).astype(int))
    return float(
        np.mean(
            [_range_pr(truth, scored, order, ranks, int(b)) for b in np.linspace(0, buffer_max, buffers + 1)],
        )
    )


def _range_pr(truth: np.ndarray, score: np.ndarray, order: np.ndarray, ranks: np.ndarray, buffer: int) -> float:
    soft, tops = truth.astype(np.float64), []
    half = buffer // 2
    slope = np.sqrt(np.maximum(1.0 - np.arange(1, half + 1) / max(buffer, 1), 0.0))
    for start, end in runs(truth):
        before, after = soft[max(start - half, 0) : start], soft[end : end + half]
        np.maximum(before, slope[: len(before)][::-1], out=before)
        np.maximum(after, slope[: len(after)], out=after)
        tops.append(score[max(start - half, 0) : end + half].max())
    hits = np.cumsum(soft[order])[ranks - 1]
    exists = (np.array(tops)[:, None] >= score[order][ranks - 1][None, :]).mean(axis=0)
    recall = np.minimum(hits / ((truth.sum() + soft.sum()) / 2), 1.0) * exists
    return float(np.sum(np.diff(recall, prepend=0.0) * hits / ranks))


def nab_score(times_s: np.ndarray, windows: Sequence[tuple[int, int]], alarms: np.ndarray) -> float:
    """Sum over a series, standard profile (Lavin and Ahmad, ICMLA 2015): up to 1 for each window found, more the
    earlier; -1 for each missed; false alarms cost 0.11, less soon after a window. Alarms in probation do not count."""
    count = len(times_s)
    probation = min(int(_NAB_PROBATION[0] * count), _NAB_PROBATION[1])
    spans = [(int(np.searchsorted(times_s, a)), int(np.searchsorted(times_s, b, "right")) - 1) for a, b in windows]
    best: dict[int, float] = {}
    total = 0.0
    for at in np.flatnonzero(alarms):
        if at < probation:
            continue
        inside = next((j for j, (a, b) in enumerate(spans) if a <= at <= b), None)
        if inside is not None:
            a, b = spans[inside]
            best[inside] = max(best.get(inside, -1.0), _sigmoid(-(b - at + 1) / (b - a + 1)) / _NAB_BEST)
            continue
        past = [(a, b) for a, b in spans if b < at]
        far = (at - past[-1][1]) / max(past[-1][1] - past[-1][0], 1) if past else np.inf
        total += _NAB_FALSE_ALARM * (-1.0 if far > 3 else _sigmoid(far))
    return total + sum(best.values()) - (len(spans) - len(best))


def nab_percent(total: float, windows: int) -> float:
    """100 for every window found at its start and nothing else; 0 for no alarms at all."""
    return 100 * (total + windows) / (2 * windows)


def _sigmoid(y: float) -> float:
    return float(2 / (1 + np.exp(5 * y)) - 1)
