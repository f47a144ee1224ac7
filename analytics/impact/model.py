"""What the consequences of a failure are worked out from: journeys, transmission per edge, sampled requests, places."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from analytics.impact.flow import Flow
from analytics.impact.placement import Placement
from analytics.impact.transmission import Transmission
from analytics.impact.visits import Visits
from causeway.window import Window


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
    where the window holds no spans. transmissions: by caller and callee.
    """

    window: Window
    flow: Flow
    types: tuple[str, ...]
    journeys: tuple[Journey, ...]
    transmissions: tuple[Transmission, ...]
    visits: Visits | None
    sample: SampleSize
    placements: tuple[Placement, ...]
