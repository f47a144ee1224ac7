"""Is the predicted blast radius the real one? Learned from healthy traffic, compared with simulated outages.

    python -m benchmarks.impact --json

Per seed a made system (`benchmarks.impact_system`) answers requests with a few background errors; their spans go to a
store, and the model is learned from that store as `causeway blast` does it. Then each service is taken down in the
same simulation, which nobody analyses: it only counts who fails. `spearman`: predicted against observed failing share
over all pairs (service down, victim) where a way of calls leads from victim to service, background errors taken off.
`spearman_all`: over all pairs that were observed. `top1`: the predicted first victim is the observed one, or within two
standard errors of it. Baselines order the same pairs: `reachability` (the hops between), `entry_share` (of the service
that is down), `touched` (share of the victim's requests that need it), `graph` (the same model without any span).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from analytics.callgraph.graph import CallGraph, call_graph
from analytics.impact.blast import PROBABILITY_MIN
from analytics.impact.flow import Flow
from analytics.impact.model import ImpactModel, impact_model, read_model
from analytics.impact.propagation import spread_all, spread_graph, spread_one
from analytics.world_build import build_world
from benchmarks.impact_system import Simulation, System, made_system, window
from benchmarks.machine import report
from causeway.stores.contract import Batch
from causeway.stores.embedded.store import EmbeddedStore

OBSERVED_MIN = 20
STANDARD_ERRORS = 2.0


def learned(system: System, *, requests: int, seed: int) -> tuple[CallGraph, ImpactModel]:
    """The model of healthy traffic, through a store in a folder of its own."""
    healthy = Simulation(system, seed=seed, kept=True)
    healthy.run(requests)
    with tempfile.TemporaryDirectory() as folder:
        store = EmbeddedStore(Path(folder))
        store.add(Batch({"spans": healthy.spans()}))
        store.flush()
        graph = call_graph(build_world(store, window(), calls_only=True))
        model = read_model(store, graph)
        store.close()
    return graph, model


def observed(system: System, names: tuple[str, ...], *, requests: int, seed: int) -> dict[str, np.ndarray]:
    """failing, visits: (n, n) by service down and victim; lost: (n,) share of entry requests; usual taken off."""
    places = [int(name.removeprefix("service-")) for name in names]
    healthy = Simulation(system, seed=seed)
    healthy.run(requests)
    usual = healthy.failed / np.maximum(healthy.visits, 1)
    usual_lost = healthy.lost.sum() / requests
    failing, visits, lost = [], [], []
    for place in places:
        outage = Simulation(system, seed=seed + 1 + place, down=place)
        outage.run(requests)
        ratio = outage.failed / np.maximum(outage.visits, 1)
        excess = (ratio - usual) / np.maximum(1 - usual, 1e-9)
        noise = np.sqrt(np.maximum(ratio, 1 / requests) / np.maximum(outage.visits, 1))
        failing.append(np.where(excess > STANDARD_ERRORS * noise, excess, 0.0)[places])
        visits.append(outage.visits[places])
        lost.append(max(0.0, float(outage.lost.sum() / requests - usual_lost)))
    return {"failing": np.array(failing), "visits": np.array(visits), "lost": np.array(lost)}


def predictions(graph: CallGraph, model: ImpactModel) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """(n, n) orders of pairs by method, and (n,) predicted share of entry requests that fail."""
    visits, learned = model.visits, model.learned
    assert visits is not None and learned is not None
    count = len(model.journeys)
    spread = spread_all(visits, learned.weight, learned.group, model.journey, count)
    share = np.array([one.share for one in model.journeys]) / np.maximum(spread.requests, 1)
    bare = impact_model(graph)
    everyone = np.arange(len(model.flow.names))
    found = {
        "traces": np.where(spread.chance < PROBABILITY_MIN, 0.0, spread.chance),
        "touched": _touched(model),
        "graph": spread_graph(bare.flow, bare.transmitted, everyone),
        "reachability": 1.0 / np.maximum(_hops(model.flow), 1),
        "entry_share": np.repeat((spread.journeys_touched @ share)[:, None], len(everyone), axis=1),
    }
    return found, spread.journeys_hit @ share


def _touched(model: ImpactModel) -> np.ndarray:
    """(n, n) share of the column's sampled requests that need the row."""
    assert model.visits is not None
    never = np.full(len(model.visits), -1, dtype=np.int64)
    found = []
    for node in range(len(model.flow.names)):
        spread = spread_one(model.visits, np.zeros(len(never)), never, model.visits.node == node)
        needs = np.bincount(model.visits.node, weights=spread.needs, minlength=len(model.flow.names))
        found.append(needs / np.maximum(np.bincount(model.visits.node, minlength=len(needs)), 1))
    return np.array(found)


def measured(system: System, options: argparse.Namespace, seed: int) -> dict[str, Any]:
    """One seed's figures."""
    began = time.perf_counter()
    graph, model = learned(system, requests=options.requests, seed=1000 * seed)
    names = model.flow.names
    truth = observed(system, names, requests=options.outages, seed=1000 * seed + 500)
    found, lost = predictions(graph, model)
    pairs = (_hops(model.flow) > 0) & (truth["visits"] >= OBSERVED_MIN)
    everything = ~np.eye(len(names), dtype=bool) & (truth["visits"] >= OBSERVED_MIN)
    return {
        "seed": seed,
        "services": len(names),
        "pairs": int(pairs.sum()),
        "sample": {"requests": model.sample.requests, "visits": model.sample.visits, "lost": model.sample.failures},
        "measured_edges": float(np.mean([one.measured for one in model.transmissions])),
        "spearman": {name: _rank(each[pairs], truth["failing"][pairs]) for name, each in found.items()},
        "spearman_all": {name: _rank(each[everything], truth["failing"][everything]) for name, each in found.items()},
        "top1": {name: _first(each, truth, pairs) for name, each in found.items()},
        "mean_error": {
            name: round(float(np.abs(each[pairs] - truth["failing"][pairs]).mean()), 4)
            for name, each in found.items()
            if name in {"traces", "touched", "graph"}
        },
        "entry_failing": {
            "spearman": _rank(lost, truth["lost"]),
            "mean_error": round(float(np.abs(lost - truth["lost"]).mean()), 4),
        },
        "seconds": round(time.perf_counter() - began, 1),
    }


def _hops(flow: Flow) -> np.ndarray:
    """(n, n) calls from the column up to the row's callers: by target and victim; 0 where no way leads."""
    n = len(flow.names)
    adjacent = np.zeros((n, n), dtype=bool)
    adjacent[flow.callee, flow.caller] = True
    hops, reached, step = np.zeros((n, n)), np.eye(n, dtype=bool), 0
    frontier = reached
    while frontier.any():
        step += 1
        frontier = (frontier.astype(float) @ adjacent > 0) & ~reached
        hops[frontier] = step
        reached |= frontier
    return hops


def _rank(predicted: np.ndarray, seen: np.ndarray) -> float:
    if predicted.min(initial=np.inf) == predicted.max(initial=-np.inf):
        return 0.0
    return round(float(spearmanr(predicted, seen).statistic), 4)


def _first(predicted: np.ndarray, truth: Mapping[str, np.ndarray], pairs: np.ndarray) -> float:
    """The share of services, of those that hit anybody by 5 % or more, whose first victim is foretold."""
    right, asked = 0, 0
    for row in range(len(predicted)):
        seen = np.where(pairs[row], truth["failing"][row], -1.0)
        if seen.max() < 0.05:
            continue
        guess = int(np.argmax(np.where(pairs[row], predicted[row], -1.0)))
        best = int(seen.argmax())
        spread = sum(seen[at] * (1 - seen[at]) / truth["visits"][row, at] for at in (guess, best))
        asked += 1
        right += bool(seen[best] - seen[guess] <= STANDARD_ERRORS * np.sqrt(spread))
    return round(right / max(asked, 1), 4)


def _mean(runs: list[dict[str, Any]], key: str) -> dict[str, float]:
    return {name: round(float(np.mean([run[key][name] for run in runs])), 4) for name in runs[0][key]}


def main() -> None:
    """Run the benchmark and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--services", type=int, default=30)
    parser.add_argument("--requests", type=int, default=8000, help="healthy requests to learn from")
    parser.add_argument("--hiccups", type=int, default=2, help="5 s in which a service fails half, per service")
    parser.add_argument("--outages", type=int, default=800, help="requests during each outage")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="the default; there is no other format")
    options = parser.parse_args()
    runs = [
        measured(made_system(services=options.services, seed=seed, hiccups=options.hiccups), options, seed)
        for seed in range(1, options.seeds + 1)
    ]
    keys = ("spearman", "spearman_all", "top1", "mean_error", "entry_failing")
    report({"benchmark": "impact", **{key: _mean(runs, key) for key in keys}, "runs": runs})


if __name__ == "__main__":
    main()
