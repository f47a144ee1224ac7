"""What the consequences of a failure are worked out from: journeys, transmission per edge, sampled requests, places."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from analytics.callgraph.graph import CallGraph
from analytics.frames import records_of
from analytics.impact.flow import Flow, flow_of
from analytics.impact.placement import Placement, read_placements
from analytics.impact.transmission import PRIOR, Learned, Transmission, learn
from analytics.impact.visits import Visits, visits_of
from analytics.traces.sampling import TraceSample, read_traces
from causeway.stores.contract import Reader
from causeway.window import Window

# A failure is seen in one request of hundreds: as many as can be read in a few seconds.
TRACES_MAX = 50_000
SPANS_MAX = 400_000


class Method(StrEnum):
    """How an answer was found. TRACES: real requests replayed; GRAPH: spread over call ratios of the rollups."""

    TRACES = "traces"
    GRAPH = "graph"


@dataclass(frozen=True, slots=True)
class Journey:
    """An operation where requests come in. requests, share (of all entry requests), latency: of the whole window.

    sampled: its requests in the sample; 0 means that its consequences are estimates from the graph.
    """

    service: str
    operation: str
    requests: int
    share: float
    latency_ms_mean: float
    sampled: int


@dataclass(frozen=True, slots=True)
class SampleSize:
    """What was learned from. requests, visits: in the sample (a visit is one request to one service, also within).

    requests_stored, spans_stored: what the window holds. sampled: some of it was left out. failures: calls that failed
    for good. prior: the transmission of an edge that was never seen failing; it counts as much as one failure.
    """

    traces: int
    requests: int
    requests_stored: int
    spans: int
    spans_stored: int
    visits: int
    failures: int
    sampled: bool
    prior: float


@dataclass(frozen=True, slots=True)
class ImpactModel:
    """Everything that blast radius and what-if need. Nothing in it may be changed.

    flow: the call graph as numbers (`flow.names` ascending); types: of the names. visits: the sampled requests, None
    where the window holds no spans; journey: (visits,) place in `journeys` of those that are entries, below 0 for
    others. transmissions: by caller and callee; learned: them by visit.
    """

    window: Window
    flow: Flow
    types: tuple[str, ...]
    journeys: tuple[Journey, ...]
    transmissions: tuple[Transmission, ...]
    visits: Visits | None
    journey: np.ndarray
    learned: Learned | None
    sample: SampleSize
    placements: tuple[Placement, ...]

    @property
    def transmitted(self) -> np.ndarray:
        """(e,) by edge of `flow`: the chance that a lost call makes the caller fail; the prior where none was seen.

        Where some of the calls are waited for and some are not, the mean by how many requests make them.
        """
        known: dict[tuple[str, str], list[tuple[float, float]]] = {}
        for one in self.transmissions:
            known.setdefault((one.caller, one.callee), []).append((one.touched, one.errors))
        names, unseen = self.flow.names, np.where(self.flow.asynchronous, 0.0, self.sample.prior)
        pairs = zip(self.flow.caller.tolist(), self.flow.callee.tolist(), strict=True)
        found = unseen.astype(np.float64)
        for edge, (caller, callee) in enumerate(pairs):
            seen = known.get((names[caller], names[callee]))
            if seen:
                found[edge] = sum(share * errors for share, errors in seen) / max(
                    sum(share for share, _ in seen), 1e-12
                )
        return found


def read_model(reader: Reader, graph: CallGraph, *, traces_max: int = TRACES_MAX) -> ImpactModel:
    """The model of a graph's window, with a sample of its traces and the places of the instances in it."""
    sample = read_traces(reader, graph.window, traces_max=traces_max, spans_max=SPANS_MAX)
    return impact_model(graph, sample, read_placements(reader, sample.forest))


def impact_model(
    graph: CallGraph, sample: TraceSample | None = None, placements: tuple[Placement, ...] = ()
) -> ImpactModel:
    """The model of a graph; without spans every transmission is the prior. A pure function."""
    flow = flow_of(graph)
    types = dict(zip(graph.nodes["id"], graph.nodes["type"], strict=True))
    forest = None if sample is None or not len(sample.forest) else sample.forest
    visits = None if forest is None else visits_of(forest, flow.names)
    learned = None if visits is None else learn(visits)
    rows = records_of(graph.entries)
    journey = np.full(0 if visits is None else len(visits), -1, dtype=np.int64)
    if visits is not None:
        known = {(row["service"], row["operation"]): place for place, row in enumerate(rows)}
        of_name = np.array([known.get(pair, -1) for pair in visits.forest.names], dtype=np.int64)
        journey[visits.entry] = of_name[visits.name[visits.entry]]
    sampled = np.bincount(journey[journey >= 0], minlength=len(rows)).tolist()
    journeys = tuple(
        Journey(
            row["service"],
            row["operation"],
            int(row["calls"]),
            float(row["share"]),
            float(row.get("latency_ms_mean") or 0.0),
            count,
        )
        for row, count in zip(rows, sampled, strict=True)
    )
    return ImpactModel(
        window=graph.window,
        flow=flow,
        types=tuple(types[name] for name in flow.names),
        journeys=journeys,
        transmissions=learned.edges if learned else (),
        visits=visits,
        journey=journey,
        learned=learned,
        sample=_size(sample, visits, learned),
        placements=placements,
    )


def _size(sample: TraceSample | None, visits: Visits | None, learned: Learned | None) -> SampleSize:
    if sample is None:
        return SampleSize(0, 0, 0, 0, 0, 0, 0, False, PRIOR)
    return SampleSize(
        traces=sample.forest.traces,
        requests=0 if visits is None else int(visits.entry.sum()),
        requests_stored=sample.requests_stored,
        spans=len(sample.forest),
        spans_stored=sample.spans_stored,
        visits=0 if visits is None else len(visits),
        failures=0 if learned is None else learned.failures,
        sampled=sample.sampled,
        prior=PRIOR if learned is None else learned.prior,
    )
