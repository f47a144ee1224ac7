"""How well anomalies of metrics are found, against labels, and how fast.

    python -m benchmarks.anomalies --dataset kpi --data FILE.parquet --json
    python -m benchmarks.anomalies --dataset nab --data DIR --json

FILE has the columns kpi, timestamp (s), value, label. Every series is judged in one pass, nothing looks ahead and no
label is read; the first half is history, the second half is scored. DIR has NAB's series and windows.json (Lavin and
Ahmad, ICMLA 2015); the whole series is scored but for NAB's probation. There is one configuration for all series of
both. Baselines run under the same protocol, with the same quiet time: `fixed` at a threshold of 3, `best` at the
threshold of a grid that scores best on these labels (which nobody has in production). Rates are of CPU time, one core.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analytics.anomalies.alarms import alarms
from analytics.anomalies.causes import Cause
from analytics.anomalies.detector import Detector
from benchmarks import machine
from benchmarks.anomaly_baselines import BASELINES
from benchmarks.anomaly_scores import alarm_counts, delay_counts, f1, nab_percent, nab_score, vus_pr
from causeway.window import SECOND_NS

_GRID = (2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0)
_FIXED = 3.0
_WEEK_S = 7 * 86_400
Score = Callable[["Labelled"], np.ndarray]


@dataclass(frozen=True, slots=True)
class Labelled:
    """One series: truth is (t,) labels of points, or NAB's windows [first, last] in seconds."""

    name: str
    times_s: np.ndarray
    values: np.ndarray
    labels: np.ndarray
    windows: tuple[tuple[int, int], ...]

    @property
    def step_s(self) -> int:
        return max(int(np.median(np.diff(self.times_s))), 1)


def kpis(path: Path) -> list[Labelled]:
    """All series of the file, by name."""
    series = []
    for name, rows in pd.read_parquet(path).groupby("kpi", observed=True):
        ordered = rows.sort_values("timestamp")
        columns = (ordered[c].to_numpy() for c in ("timestamp", "value", "label"))
        times, values, labels = columns
        series.append(Labelled(str(name), times, values.astype(np.float64), labels, ()))
    return series


def nab(folder: Path) -> list[Labelled]:
    """The series of windows.json that are there."""
    series = []
    for name, pairs in json.loads((folder / "windows.json").read_text()).items():
        if not (folder / name).exists():
            continue
        rows = pd.read_csv(folder / name)
        times = pd.to_datetime(rows["timestamp"]).to_numpy().astype("datetime64[s]").astype(np.int64)
        windows = tuple((int(pd.Timestamp(a).timestamp()), int(pd.Timestamp(b).timestamp())) for a, b in pairs)
        series.append(Labelled(name, times, rows["value"].to_numpy(np.float64), np.zeros(len(times), bool), windows))
    return series


def detected(one: Labelled) -> np.ndarray:
    """(t,) scores of our detector; an alarm is above 0."""
    return judged(one)[0]


def judged(one: Labelled) -> tuple[np.ndarray, np.ndarray]:
    """(scores, causes)."""
    found = Detector(1, step_ns=one.step_s * SECOND_NS).judge(one.times_s * SECOND_NS, one.values[None, :])
    return found.score[0], found.cause[0]


def points_per_s(series: Iterable[Labelled]) -> float:
    """Of CPU time, one core, after a first run that compiles."""
    every = list(series)
    for one in every:
        detected(one)
    start = time.process_time()
    for one in every:
        detected(one)
    return sum(len(one.values) for one in every) / (time.process_time() - start)


def kpi_scores(series: list[Labelled], scored: list[np.ndarray]) -> dict[str, Any]:
    """Of the second halves; delay-7 counts are summed over the series, and each series has its own row."""
    total, weeks, whole, rows = np.zeros(3), 0.0, np.zeros(4), {}
    for one, score in zip(series, scored, strict=True):
        half = len(score) // 2
        marks = alarms(score)[half:]
        counts = delay_counts(one.labels[half:], marks)
        whole += alarm_counts(one.labels[half:], marks)
        span = (one.times_s[-1] - one.times_s[half]) / _WEEK_S
        rows[one.name] = {
            "delay7_f1": f1(*counts),
            "step_s": one.step_s,
            "points_labelled": counts[0] + counts[2],
            "points_found": counts[0],
            "false_alarms": counts[1],
            "alarms_per_week": float(marks.sum() / span),
        }
        total, weeks = total + counts, weeks + span
    right, false, missed = (float(c) for c in total)
    return {
        "delay7_f1": f1(right, false, missed),
        "precision": right / max(right + false, 1.0),
        "recall": right / max(right + missed, 1.0),
        "alarms_right": whole[0] / max(whole[1], 1.0),
        "runs_found": whole[2] / max(whole[3], 1.0),
        "alarms_per_week": whole[1] / weeks,
        "by_series": rows,
    }


def mean_vus_pr(series: list[Labelled], scored: list[np.ndarray]) -> float:
    """Over the series whose second half has labels."""
    halves = ((one.labels[len(s) // 2 :], s[len(s) // 2 :]) for one, s in zip(series, scored, strict=True))
    return float(np.nanmean([vus_pr(labels, score) for labels, score in halves]))


def nab_scores(series: list[Labelled], scored: list[np.ndarray]) -> dict[str, Any]:
    """The standard profile over all series, and each one's part."""
    rows, total, windows, weeks, count = {}, 0.0, 0, 0.0, 0
    for one, score in zip(series, scored, strict=True):
        marks = alarms(score)
        part = nab_score(one.times_s, one.windows, marks)
        rows[one.name] = {"part": part, "windows": len(one.windows), "alarms": int(marks.sum())}
        total, windows = total + part, windows + len(one.windows)
        weeks, count = weeks + (one.times_s[-1] - one.times_s[0]) / _WEEK_S, count + int(marks.sum())
    return {"nab_standard": nab_percent(total, windows), "alarms_per_week": count / weeks, "by_series": rows}


def compared(series: list[Labelled], judge: Callable[..., dict[str, Any]], key: str) -> dict[str, Any]:
    """The baselines, at a fixed and at their best threshold."""
    table: dict[str, dict[str, Any]] = {}
    for name, baseline in BASELINES.items():
        raw = [baseline(one.values) for one in series]
        by_bar = {bar: judge(series, [score - bar for score in raw]) for bar in _GRID}
        best = max(_GRID, key=lambda bar: by_bar[bar][key])
        table[name] = {
            "fixed": _brief(by_bar[_FIXED]) | {"threshold": _FIXED},
            "best": _brief(by_bar[best]) | {"threshold": best},
        }
        if key == "delay7_f1":
            table[name]["vus_pr"] = mean_vus_pr(series, raw)
    return table


def _brief(scores: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in scores.items() if name != "by_series"}


def measured(dataset: str, path: Path, *, baselines: bool = True) -> dict[str, Any]:
    """Everything the command prints."""
    series = kpis(path) if dataset == "kpi" else nab(path)
    found = [judged(one) for one in series]
    scored = [score for score, _ in found]
    judge, key = (kpi_scores, "delay7_f1") if dataset == "kpi" else (nab_scores, "nab_standard")
    result = judge(series, scored)
    if dataset == "kpi":
        result["vus_pr"] = mean_vus_pr(series, scored)
    causes = np.concatenate([cause[alarms(score)] for score, cause in found])
    result["alarms_by_cause"] = {Cause(c).name.lower(): int((causes == c).sum()) for c in np.unique(causes)}
    result["points_per_s"] = points_per_s(series)
    if baselines:
        result["baselines"] = compared(series, judge, key)
    return {"dataset": dataset, "machine": machine.describe(), **result}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.anomalies", description=__doc__)
    parser.add_argument("--dataset", choices=("kpi", "nab"), required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--json", action="store_true", help="one line")
    parser.add_argument("--no-baselines", action="store_true")
    options = parser.parse_args()
    found = measured(options.dataset, options.data, baselines=not options.no_baselines)
    print(json.dumps(found, indent=None if options.json else 2))


if __name__ == "__main__":
    main()
