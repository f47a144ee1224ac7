"""What pages and the API may ask for. Pages never touch a store: they see this and nothing below it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

from analytics.callgraph.level import Level
from analytics.world import World
from causeway.findings import Diagnosis, Incident, PatrolReport
from causeway.state.records import PatrolMark, PatrolRun
from causeway.stores.contract import LogFilter, Page, SpanFilter, StoreStatus
from causeway.window import Window
from dashboards.readings import Red

if TYPE_CHECKING:
    from analytics.anomalies.found import FoundEvent, FoundEvents
    from analytics.callgraph.diff import GraphDiff
    from analytics.callgraph.graph import CallGraph
    from analytics.impact.blast import BlastRadius
    from analytics.impact.history import ImpactHistory
    from analytics.impact.model import ImpactModel
    from analytics.impact.risk import Risk
    from analytics.impact.scores import ServiceImpact
    from analytics.impact.target import Target
    from analytics.impact.whatif import Change, WhatIf
    from analytics.logtemplates.lines import TemplateLines
    from analytics.logtemplates.survey import Survey
    from analytics.patrol.moment import Moment
    from dashboards.journeys import Journey


class Services(Protocol):
    """Every question a page may ask. Each may raise StoreError, which the frame shows in words."""

    def now_ns(self) -> int: ...

    def slot_ns(self, duration_ns: int) -> int:
        """How far a window of that length that follows the clock should move at a time."""
        ...

    def status(self) -> StoreStatus:
        """How much is stored and until when; at most a few seconds old."""
        ...

    def world(self, window: Window) -> World: ...

    def graph(self, window: Window) -> CallGraph: ...

    def level_graph(self, window: Window, level: Level) -> CallGraph:
        """The call graph between operations, instances or versions."""
        ...

    def graph_diff(self, before: Window, after: Window, level: Level = Level.SERVICE) -> GraphDiff:
        """Which calls of `after` came, went or changed since `before`, beyond noise."""
        ...

    def impact(self, window: Window) -> tuple[ServiceImpact, ...]: ...

    def patrol(self, window: Window) -> PatrolReport:
        """The inspections' judgement of everything in the window: where the colours come from."""
        ...

    def journey(self, window: Window, entry: str = "", compare: str = "") -> Journey | None:
        """What traces of the window say about that entry operation, see `journey_of`; None while they are read."""
        ...

    def measured_impact(self, window: Window, *, patient: bool = True) -> tuple[ServiceImpact, ...] | None:
        """As `impact`, with what sampled requests show; None while traces are read (at once unless `patient`)."""
        ...

    def impact_model(self, window: Window, *, patient: bool = True) -> ImpactModel | None:
        """What consequences are worked out from; None while traces are read (at once unless `patient`)."""
        ...

    def blast_radius(self, window: Window, target: Target) -> BlastRadius | None:
        """Who is hit when the target fails; None while it is worked out. Raises ConfigError for an unknown target."""
        ...

    def what_if(self, window: Window, change: Change) -> WhatIf | None:
        """The consequences of a change; None while they are worked out. Raises ConfigError for an unknown target."""
        ...

    def sampled_model(self, window: Window) -> ImpactModel:
        """As `impact_model`, however long it takes; for the API, not for pages."""
        ...

    def risks(self, window: Window, impacts: Sequence[ServiceImpact]) -> Sequence[Risk]:
        """Those services by risk, the highest first; empty where none can be worked out."""
        ...

    def impact_history(self, window: Window) -> ImpactHistory:
        """The impact factor hour by hour over the window, three days at least, as far as it is kept."""
        ...

    def anomalies(self, window: Window, *, compute: bool = False) -> FoundEvents:
        """Events of unusual series; worked out, however long it takes, with `compute` or where none were kept."""
        ...

    def kept_anomalies(self, window: Window) -> FoundEvents | None:
        """As `anomalies`, as far as they are kept; None where nobody ever looked for them."""
        ...

    def anomaly(self, event_id: int) -> FoundEvent | None: ...

    def moment(self, window: Window, part: Window) -> Moment:
        """Requests in a short part of the window, judged against what is usual for the window."""
        ...

    def diagnosis(self, window: Window) -> Diagnosis: ...

    def red(self, window: Window, service: str | None = None) -> tuple[Red, Red]:
        """Requests over time, in the window and in its World's baseline; of the entry requests without a service."""
        ...

    def services(self, window: Window) -> list[str]: ...

    def incidents(self, *, open_only: bool = False, limit: int = 100) -> list[Incident]: ...

    def incident(self, incident_id: int) -> Incident | None: ...

    def patrol_history(self, limit: int = 200) -> Sequence[PatrolMark]: ...

    def patrol_run(self, run_id: int) -> PatrolRun | None: ...

    def previous_patrol_run(self, run: PatrolRun) -> PatrolRun | None: ...

    def report_file(self, name: str) -> Path | None:
        """The file of a report inside the reports folder; None for anything else."""
        ...

    def traces(
        self, window: Window, where: SpanFilter | None = None, *, limit: int = 20, slowest_first: bool = False
    ) -> Page: ...

    def trace(self, trace_id: bytes) -> pa.Table: ...

    def spans(self, window: Window, where: SpanFilter | None = None, *, limit: int | None = None) -> Page: ...

    def logs(self, window: Window, where: LogFilter | None = None, *, limit: int = 200) -> Page:
        """Newest first."""
        ...

    def log_templates(self, window: Window) -> Survey:
        """The log templates of the window as its World counts them, and how they changed."""
        ...

    def template_lines(
        self, window: Window, template_id: int, *, service: str | None = None, limit: int = 200
    ) -> TemplateLines | None:
        """The newest lines of a template and their traces; of the baseline where none of the window has it."""
        ...

    def table(self, name: str, window: Window, *, service: str | None, limit: int) -> Page:
        """A table for notebooks: spans, logs, samples, series, events, edges, operations, instances.

        Raises ConfigError for another name.
        """
        ...

    def self_metrics(self) -> Mapping[str, float]:
        """Numbers about this process's own caches and store, for /metrics."""
        ...
