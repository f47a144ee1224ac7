"""Root cause against ground truth: the code of `causeway diagnose`, on recorded and published incidents.

    python -m benchmarks.rootcause --dataset nezha --data ../shared/data/nezha/trainticket --json

Each case is replayed through the intake's decoders into a store of its own (kept in --cache), a World is built from it
and diagnosed. `seconds_per_case_median` is the diagnosis alone; building the World stands beside it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import report
from benchmarks.rootcause import incidents, nezha, petshop
from benchmarks.rootcause.answers import Answer, answer
from benchmarks.rootcause.baselines import BASELINES
from benchmarks.rootcause.cases import Case
from benchmarks.rootcause.explain import explain
from benchmarks.rootcause.ranking import figures

DATASETS: dict[str, Callable[[Path], list[Case]]] = {
    "nezha": nezha.cases,
    "petshop": petshop.cases,
    "rootcausebench": incidents.cases,
}


def summary(found: Sequence[Answer]) -> dict[str, Any]:
    """All figures of a run: those of cases with a fault, and how many fault-free windows stayed quiet."""
    faulty = [one for one in found if one.case.truth]
    quiet = [one for one in found if not one.case.truth]
    faults = sorted({one.case.fault for one in faulty})
    signals = sorted({one.signals for one in faulty})
    return {
        **figures([one.place for one in faulty]),
        "seconds_per_case_median": _median([one.seconds for one in faulty]),
        "seconds_per_case_max": round(max((one.seconds for one in faulty), default=0.0), 3),
        "world_seconds_median": _median([one.world_seconds for one in faulty]),
        "cause_found": sum(one.verdict == "cause_found" for one in faulty),
        "by_fault": {fault: figures([one.place for one in faulty if one.case.fault == fault]) for fault in faults},
        "by_signals": {
            "+".join(kinds): figures([one.place for one in faulty if one.signals == kinds]) for kinds in signals
        },
        "chance_ac1": round(float(np.mean([1 / max(one.entities, 1) for one in faulty])), 4) if faulty else None,
        "baselines": {name: figures([one.baselines[name] for one in faulty]) for name in BASELINES},
        "fault_free": {"windows": len(quiet), "quiet": sum(one.quiet for one in quiet)},
        "errors": [{"case": one.case.name, "error": one.error} for one in found if one.error],
        **_changes(faulty),
        "answers": [
            {
                "case": one.case.name,
                "truth": min(one.case.truth),
                "top5": list(one.top5),
                "verdict": one.verdict,
                **({"commit": one.commit, "commit_true": one.case.commit} if one.case.commit else {}),
                "rank": (one.place.first + one.place.last) / 2 or None,
            }
            for one in faulty
        ],
        "disturbed": [{"case": one.case.name, "top5": list(one.top5)} for one in quiet if not one.quiet],
    }


def _changes(faulty: Sequence[Answer]) -> dict[str, int]:
    """Where a data set asks for the change to blame: how often it, or that there is none, was named."""
    asked = [one for one in faulty if one.case.commit]
    if not asked:
        return {}
    services = sum(one.place.first == 1 for one in asked)
    return {"service_correct": services, "commit_correct": sum(one.commit == one.case.commit for one in asked)}


def _median(seconds: Sequence[float]) -> float | None:
    return round(float(np.median(seconds)), 3) if seconds else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", choices=sorted(DATASETS), required=True)
    parser.add_argument("--data", type=Path, required=True, help="the folder of one system")
    parser.add_argument("--cache", type=Path, help="where replayed stores are kept; default: for this run only")
    parser.add_argument("--cases", help="comma list: only cases whose names contain one of these")
    parser.add_argument("--explain", metavar="CASE", help="print all evidence on one case instead")
    parser.add_argument("--json", action="store_true", help="accepted for symmetry: the answer is always JSON")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        cache = asked.cache or Path(temporary)
        chosen = _chosen(DATASETS[asked.dataset](asked.data), asked.explain or asked.cases)
        found = []
        for case in chosen:
            if asked.explain:
                sys.stdout.write(explain(case, cache))
                continue
            found.append(answer(case, cache))
        if not asked.explain:
            report({"dataset": asked.dataset, **summary(found)})


def _chosen(cases: list[Case], wanted: str | None) -> list[Case]:
    if not wanted:
        return cases
    return [case for case in cases if any(part in case.name for part in wanted.split(","))]


if __name__ == "__main__":
    main()
