"""How long impact takes on a large graph: scores, whole-graph parts, and the blast radius of everything.

    python -m benchmarks.impact_scale --services 1000 --edges 5000 --json

Once from rollups alone (`graph`), once with sampled requests to replay (`traces`: reading them from a store is left
out, linking them is not). Compiling is left out by a first small run. Seconds on the cores that the machine has.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from analytics.callgraph.coverage import coverage_of
from analytics.callgraph.graph import CallGraph, cycles_of
from analytics.impact.blast import blast_radius
from analytics.impact.model import ImpactModel, impact_model
from analytics.impact.scores import scores_of
from analytics.impact.target import service
from analytics.traces.forest import build_forest
from analytics.traces.sampling import TraceSample
from analytics.traces.spreading import Spread
from benchmarks import paths
from benchmarks.machine import peak_rss_mb, report
from causeway.window import HOUR_NS, Window

WINDOW = Window(0, HOUR_NS)
ENTRIES = 20
BLASTS = 20


def large_graph(services: int, edges: int, *, seed: int = 3) -> CallGraph:
    """A graph whose services call others at random, mostly deeper ones; a tenth of the calls go back, in rings."""
    rng = np.random.default_rng(seed)
    names = np.array([f"service-{place:02d}" for place in range(services)], dtype=object)
    pairs = rng.integers(0, services, (2 * edges, 2))
    back = rng.random(len(pairs)) < 0.1
    pairs = np.where(back[:, None], np.sort(pairs, axis=1)[:, ::-1], np.sort(pairs, axis=1))
    pairs = np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)
    pairs = pairs[np.sort(rng.permutation(len(pairs))[:edges])]
    frame = pd.DataFrame({"caller": names[pairs[:, 0]], "callee": names[pairs[:, 1]], "kind": "sync"})
    frame["calls"] = rng.integers(1, 10_000, len(frame))
    nodes = pd.DataFrame({"id": sorted(names), "type": "service"})
    nodes["calls"] = nodes["id"].map(frame.groupby("callee")["calls"].sum()).fillna(0).astype(np.int64) + 1
    calls = rng.integers(1_000, 100_000, ENTRIES)
    entries = pd.DataFrame({"service": names[:ENTRIES], "operation": "GET /", "calls": calls})
    entries["share"] = entries["calls"] / entries["calls"].sum()
    entries["latency_ms_mean"] = 10.0
    columns = {name: pd.Series(dtype=np.int64) for name in ("spans", "roots", "linked", "orphans", "skewed")}
    coverage = coverage_of(pd.DataFrame({"service": pd.Series(dtype=object), **columns, "spans_baseline": 0}), frame)
    return CallGraph(WINDOW, WINDOW, nodes, frame, entries, cycles_of(frame), coverage)


def sampled(spans: int, services: int) -> TraceSample:
    """Requests of a hundred spans each over the services of the graph."""
    paths.SERVICES = services
    forest = build_forest(paths.spans(spans))
    return TraceSample(forest, WINDOW, Spread.EVEN, (WINDOW,), forest.traces, len(forest), forest.traces, False)


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    found = work()
    return found, round(time.perf_counter() - began, 3)


def measured(graph: CallGraph, sample: TraceSample | None) -> dict[str, float]:
    """Seconds of the model, of the scores (with everybody's consequences) and of a blast radius in words."""
    before = time.process_time()
    model, model_s = _timed(lambda: impact_model(graph, sample))
    scores, scores_s = _timed(lambda: scores_of(graph, model))
    cpu_s = time.process_time() - before
    _, blast_s = _timed(lambda: _blasts(model, [one.service for one in scores[:BLASTS]]))
    return {
        "model": model_s,
        "scores": scores_s,
        "one_blast": round(blast_s / BLASTS, 4),
        "all": round(model_s + scores_s, 3),
        "cpu": round(cpu_s, 3),
    }


def _blasts(model: ImpactModel, names: list[str]) -> int:
    return sum(len(blast_radius(model, service(name)).victims) for name in names)


def main() -> None:
    """Run the benchmark and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--services", type=int, default=1000)
    parser.add_argument("--edges", type=int, default=5000)
    parser.add_argument("--spans", type=int, default=200_000)
    parser.add_argument("--json", action="store_true", help="the default; there is no other format")
    options = parser.parse_args()
    small = large_graph(30, 60)
    measured(small, sampled(2_000, 30))
    graph = large_graph(options.services, options.edges)
    answer = {
        "benchmark": "impact_scale",
        "services": len(graph.nodes),
        "edges": len(graph.edges),
        "rings": len(graph.cycles),
        "spans": options.spans,
        "seconds": {
            "graph": measured(graph, None),
            "traces": measured(graph, sampled(options.spans, options.services)),
        },
    }
    report(answer | {"peak_rss_mb": peak_rss_mb(os.getpid())})


if __name__ == "__main__":
    main()
