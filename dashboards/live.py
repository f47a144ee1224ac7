"""The services of a running `causeway serve`: one data folder, opened when first needed, answers kept per window."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from analytics.callgraph.level import Level
from analytics.world import World
from analytics.world_build import build_world
from causeway.deployment import Deployment
from causeway.errors import CausewayError, ConfigError, StoreError
from causeway.findings import Diagnosis, Incident, PatrolReport
from causeway.state import State
from causeway.state.records import PatrolMark, PatrolRun
from causeway.stores.contract import LogFilter, Page, Reader, SampleFilter, SpanFilter, StoreStatus
from causeway.window import HOUR_NS, SECOND_NS, Window
from dashboards.address import slot_of
from dashboards.kept import Kept
from dashboards.readings import Red, red_of, step_for
from dashboards.soon import Soon, Workers

if TYPE_CHECKING:
    from analytics.anomalies.found import FoundEvent, FoundEvents
    from analytics.callgraph.diff import GraphDiff
    from analytics.callgraph.graph import CallGraph
    from analytics.impact.blast import BlastRadius
    from analytics.impact.history import ImpactHistory
    from analytics.impact.likelihood import LikelihoodPart
    from analytics.impact.model import ImpactModel
    from analytics.impact.risk import Risk
    from analytics.impact.scores import ServiceImpact
    from analytics.impact.target import Target
    from analytics.impact.whatif import Change, WhatIf
    from analytics.logtemplates.lines import TemplateLines
    from analytics.logtemplates.survey import Survey
    from analytics.patrol.moment import Expected, Moment
    from analytics.traces.sampling import TraceSample
    from dashboards.journeys import Journey

# A World of 500 services over a day is some ten megabytes; a viewer flips between a few windows.
WORLDS_MAX = 4
REDS_MAX = 32
# A sample of 400,000 spans takes 100 MB; what is said of an entry operation is small.
SAMPLES_MAX = 2
JOURNEYS_MAX = 16
MODELS_MAX = 2
CONSEQUENCES_MAX = 64
MOMENTS_MAX = 128
COSTS_MAX = 64
# Of a template: at most some hundred lines each.
LINES_MAX = 16
# A window that ended no longer ago than this follows the clock.
FOLLOWS_NS = 10 * 60 * SECOND_NS
STATUS_AGE_S = 5.0
# After a failure the store is tried again no more often than this, whoever asks.
RETRY_S = 3.0


class LiveServices:
    """Services over one deployment. The store may appear later, vanish and come back."""

    def __init__(self, deployment: Deployment, *, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._deployment = deployment
        self._folder = deployment.data
        self._now_ns = now_ns
        self._store: Reader | None = None
        self._state: State | None = None
        self._failure: tuple[float, CausewayError] | None = None
        self._opening = threading.Lock()
        self._status: tuple[float, StoreStatus] | None = None
        self._worlds: Kept[World] = Kept(entries_max=WORLDS_MAX)
        self._graphs: Kept[CallGraph] = Kept(entries_max=WORLDS_MAX)
        self._finer: Kept[CallGraph] = Kept(entries_max=WORLDS_MAX)
        self._diffs: Kept[GraphDiff] = Kept(entries_max=WORLDS_MAX)
        self._impacts: Kept[tuple[ServiceImpact, ...]] = Kept(entries_max=WORLDS_MAX)
        self._patrols: Kept[PatrolReport] = Kept(entries_max=WORLDS_MAX)
        self._diagnoses: Kept[Diagnosis] = Kept(entries_max=WORLDS_MAX)
        self._reds: Kept[tuple[Red, Red]] = Kept(entries_max=REDS_MAX)
        self._workers = Workers()
        self._samples: Kept[TraceSample] = Kept(entries_max=SAMPLES_MAX)
        self._journeys: Soon[Journey] = Soon(self._workers, entries_max=JOURNEYS_MAX)
        self._models: Soon[ImpactModel] = Soon(self._workers, entries_max=MODELS_MAX)
        self._kept_models: Kept[ImpactModel] = Kept(entries_max=MODELS_MAX)
        self._measured: Soon[tuple[ServiceImpact, ...]] = Soon(self._workers, entries_max=MODELS_MAX)
        self._blasts: Soon[BlastRadius] = Soon(self._workers, entries_max=CONSEQUENCES_MAX)
        self._whatifs: Soon[WhatIf] = Soon(self._workers, entries_max=CONSEQUENCES_MAX)
        self._expected: Kept[Expected] = Kept(entries_max=WORLDS_MAX)
        self._likelihoods: Kept[Mapping[str, tuple[LikelihoodPart, ...]]] = Kept(entries_max=WORLDS_MAX)
        self._histories: Kept[ImpactHistory] = Kept(entries_max=WORLDS_MAX)
        self._moments: Kept[Moment] = Kept(entries_max=MOMENTS_MAX)
        self._surveys: Kept[Survey] = Kept(entries_max=WORLDS_MAX)
        self._template_lines: Kept[TemplateLines | None] = Kept(entries_max=LINES_MAX)
        self._worlds_built = 0
        self._work_s = 0.0
        self._cost_s: dict[int, float] = {}

    def now_ns(self) -> int:
        return self._now_ns()

    def _reader(self) -> Reader:
        """The open store. Raises the same StoreError for RETRY_S after a failure."""
        with self._opening:
            if self._store is not None:
                return self._store
            if self._failure is not None and time.monotonic() - self._failure[0] < RETRY_S:
                raise self._failure[1]
            try:
                self._store = self._open()
            except CausewayError as error:
                self._failure = (time.monotonic(), error)
                raise
            self._failure = None
            return self._store

    def _open(self) -> Reader:
        if not self._deployment.distributed and not self._folder.is_dir():
            raise StoreError(f"there is no data folder at {self._folder}; start `causeway up` or check --data")
        try:
            return self._deployment.open_reader()
        except OSError as error:
            raise StoreError(f"the store at {self._deployment.location} cannot be read: {error}") from error

    def _states(self) -> State | None:
        """The state, None while there is no file for it (nothing has been analysed yet)."""
        with self._opening:
            if self._state is None and self._deployment.has_state:
                self._state = self._deployment.open_state()
            return self._state

    def status(self) -> StoreStatus:
        kept = self._status
        if kept is not None and time.monotonic() - kept[0] < STATUS_AGE_S:
            return kept[1]
        status = self._reader().status()
        self._status = (time.monotonic(), status)
        return status

    def world(self, window: Window) -> World:
        return self._worlds.get(self._key(window), lambda: self._build(window))

    def _build(self, window: Window) -> World:
        began = time.perf_counter()
        world = build_world(self._reader(), window)
        if self._worlds_built:  # the first one also loads and compiles what all later ones use
            self._note_cost(window, time.perf_counter() - began, first=True)
        self._worlds_built += 1
        return world

    def _note_cost(self, window: Window, seconds: float, *, first: bool = False) -> None:
        """Remember what looking at a window of this length costs: its World, and then its judgement."""
        earlier = 0.0 if first else self._cost_s.get(window.duration_ns, 0.0)
        self._cost_s[window.duration_ns] = earlier + seconds
        self._work_s += seconds
        while len(self._cost_s) > COSTS_MAX:
            self._cost_s.pop(next(iter(self._cost_s)))

    def slot_ns(self, duration_ns: int) -> int:
        return slot_of(duration_ns, cost_s=self._cost_s.get(duration_ns, 0.0))

    def _key(self, window: Window) -> tuple[Window, int]:
        """A window that ends in the past may still get late data: its answers are good for a minute."""
        return window, self._now_ns() // (60 * SECOND_NS) if window.end_ns < self._now_ns() - 60 * SECOND_NS else 0

    def _series(self, window: Window) -> Window | int:
        """Windows that follow the clock may show the answer before; any other window only its own."""
        age_ns = self._now_ns() - window.end_ns
        return window.duration_ns if age_ns < max(FOLLOWS_NS, window.duration_ns // 10) else window

    def graph(self, window: Window) -> CallGraph:
        from analytics.callgraph.graph import call_graph

        return self._graphs.get(self._key(window), lambda: call_graph(self.world(window)))

    def level_graph(self, window: Window, level: Level) -> CallGraph:
        from analytics.callgraph.levels import finer_graph

        return self._finer.get(
            (self._key(window), level),
            lambda: finer_graph(self._reader(), self.world(window), level, self.graph(window)),
        )

    def graph_diff(self, before: Window, after: Window, level: Level = Level.SERVICE) -> GraphDiff:
        from analytics.callgraph.diff import graph_diff

        key = (self._key(before), self._key(after), level)
        return self._diffs.get(key, lambda: graph_diff(self._reader(), before, after, level=level))

    def impact(self, window: Window) -> tuple[ServiceImpact, ...]:
        from analytics.impact.scores import impact_scores

        return self._impacts.get(
            self._key(window), lambda: tuple(impact_scores(self.world(window), self.graph(window)))
        )

    def patrol(self, window: Window) -> PatrolReport:
        return self._patrols.get(self._key(window), lambda: self._inspect(window))

    def _inspect(self, window: Window) -> PatrolReport:
        from analytics.patrol.run import patrol

        world, graph, impacts = self.world(window), self.graph(window), self.impact(window)
        began = time.perf_counter()
        report = patrol(world, graph, impacts)
        self._note_cost(window, time.perf_counter() - began)
        return report

    def journey(self, window: Window, entry: str = "", compare: str = "") -> Journey | None:
        return self._journeys.get(
            (self._key(window), entry, compare),
            lambda: self._journey(window, entry, compare),
            series=(self._series(window), entry, compare),
        )

    def _journey(self, window: Window, entry: str, compare: str) -> Journey:
        from dashboards.journeys import journey_of

        return journey_of(self._sample(window), entry, compare)

    def measured_impact(self, window: Window, *, patient: bool = True) -> tuple[ServiceImpact, ...] | None:
        return self._measured.get(
            self._key(window), lambda: self._measure(window), series=self._series(window), patient=patient
        )

    def _measure(self, window: Window) -> tuple[ServiceImpact, ...]:
        from analytics.impact.scores import impact_scores

        return impact_scores(self.world(window), self.graph(window), self._model(window))

    def impact_model(self, window: Window, *, patient: bool = True) -> ImpactModel | None:
        return self._models.get(
            self._key(window), lambda: self._model(window), series=self._series(window), patient=patient
        )

    def _model(self, window: Window) -> ImpactModel:
        return self._kept_models.get(self._key(window), lambda: self._build_model(window))

    def _build_model(self, window: Window) -> ImpactModel:
        from analytics.impact.model import impact_model
        from analytics.impact.placement import read_placements

        sample = self._sample(window)
        return impact_model(self.graph(window), sample, read_placements(self._reader(), sample.forest))

    def blast_radius(self, window: Window, target: Target) -> BlastRadius | None:
        from analytics.impact.blast import blast_radius

        model = self.impact_model(window)
        if model is None:
            return None
        key = (model.window, self._key(window), target)
        return self._blasts.get(key, lambda: blast_radius(model, target), series=(self._series(window), target))

    def what_if(self, window: Window, change: Change) -> WhatIf | None:
        from analytics.impact.whatif import what_if

        model = self.impact_model(window)
        if model is None:
            return None
        key = (model.window, self._key(window), change)
        return self._whatifs.get(key, lambda: what_if(model, change), series=(self._series(window), change))

    def sampled_model(self, window: Window) -> ImpactModel:
        return self._model(window)

    def risks(self, window: Window, impacts: Sequence[ServiceImpact]) -> Sequence[Risk]:
        from analytics.impact.likelihood import likelihood_parts
        from analytics.impact.risk import risks_of

        spread = {one.service: one.redundancy for one in impacts}
        parts = self._likelihoods.get(
            (self._key(window), frozenset(spread.items())),
            lambda: likelihood_parts(self.world(window), self.patrol(window).findings, spread),
        )
        return risks_of(impacts, parts)

    def impact_history(self, window: Window) -> ImpactHistory:
        from analytics.impact.history import NO_HISTORY, RECENT_NS, recent_history

        state = self._states()
        if state is None:
            return NO_HISTORY
        minute = self._now_ns() // (60 * SECOND_NS)
        end_ns = window.end_ns // HOUR_NS * HOUR_NS
        start_ns = min(-(-window.start_ns // HOUR_NS) * HOUR_NS, end_ns - RECENT_NS)
        key = (start_ns, end_ns, minute)
        return self._histories.get(key, lambda: recent_history(state, end_ns, start_ns=start_ns))

    def anomalies(self, window: Window, *, compute: bool = False) -> FoundEvents:
        from analytics.anomalies.answer import anomalies_of

        return anomalies_of(self._reader(), self._states(), window, compute=compute)

    def kept_anomalies(self, window: Window) -> FoundEvents | None:
        from analytics.anomalies.kept import kept_events

        state = self._states()
        return None if state is None else kept_events(state, window)

    def anomaly(self, event_id: int) -> FoundEvent | None:
        from analytics.anomalies.kept import event_of

        state = self._states()
        row = None if state is None else state.anomaly_row(event_id)
        return None if row is None else event_of(row)

    def _sample(self, window: Window) -> TraceSample:
        from analytics.traces.sampling import read_traces

        return self._samples.get(self._key(window), lambda: read_traces(self._reader(), window))

    def moment(self, window: Window, part: Window) -> Moment:
        from analytics.patrol.moment import expected, moment

        key = self._key(window)
        usual = self._expected.get(key, lambda: expected(self.world(window)))
        return self._moments.get((key, part), lambda: moment(self._reader(), part, usual))

    def diagnosis(self, window: Window) -> Diagnosis:
        from analytics.rootcause.diagnose import diagnose

        return self._diagnoses.get(self._key(window), lambda: diagnose(self.world(window)))

    def red(self, window: Window, service: str | None = None) -> tuple[Red, Red]:
        return self._reds.get((self._key(window), service), lambda: self._red(window, service))

    def _red(self, window: Window, service: str | None) -> tuple[Red, Red]:
        return red_pair(self._reader(), window, self.world(window).baseline, service)

    def services(self, window: Window) -> list[str]:
        return self._reader().services(window)

    def incidents(self, *, open_only: bool = False, limit: int = 100) -> list[Incident]:
        state = self._states()
        return [] if state is None else state.incidents(open_only=open_only, limit=limit)

    def incident(self, incident_id: int) -> Incident | None:
        state = self._states()
        return None if state is None else state.incident(incident_id)

    def patrol_history(self, limit: int = 200) -> Sequence[PatrolMark]:
        state = self._states()
        return [] if state is None else state.patrol_history(limit)

    def patrol_run(self, run_id: int) -> PatrolRun | None:
        state = self._states()
        return None if state is None else state.patrol_run(run_id)

    def previous_patrol_run(self, run: PatrolRun) -> PatrolRun | None:
        state = self._states()
        return None if state is None else state.previous_patrol_run(run)

    def report_file(self, name: str) -> Path | None:
        return report_inside(self._folder / "reports", name)

    def traces(
        self, window: Window, where: SpanFilter | None = None, *, limit: int = 20, slowest_first: bool = False
    ) -> Page:
        return self._reader().traces(window, where, limit=limit, slowest_first=slowest_first)

    def trace(self, trace_id: bytes) -> pa.Table:
        return self._reader().trace(trace_id)

    def spans(self, window: Window, where: SpanFilter | None = None, *, limit: int | None = None) -> Page:
        return self._reader().spans(window, where, limit=limit)

    def logs(self, window: Window, where: LogFilter | None = None, *, limit: int = 200) -> Page:
        return self._reader().logs(window, where, limit=limit, newest_first=True)

    def log_templates(self, window: Window) -> Survey:
        from analytics.logtemplates.survey import survey_of

        return self._surveys.get(self._key(window), lambda: survey_of(self.world(window)))

    def template_lines(
        self, window: Window, template_id: int, *, service: str | None = None, limit: int = 200
    ) -> TemplateLines | None:
        from analytics.logtemplates.lines import template_lines

        world = self.world(window)
        key = (self._key(window), template_id, service, limit)
        return self._template_lines.get(
            key,
            lambda: template_lines(
                self._reader(),
                window,
                template_id,
                earlier=world.baseline,
                service=service,
                limit=limit,
                templates=world.logs.told,
            ),
        )

    def table(self, name: str, window: Window, *, service: str | None, limit: int) -> Page:
        return table_page(self._reader(), name, window, service=service, limit=limit)

    def self_metrics(self) -> Mapping[str, float]:
        return {"worlds_built": float(self._worlds_built), "analysis_seconds": self._work_s}

    def close(self) -> None:
        """Let go of the store and the state."""
        self._workers.close()
        if self._store is not None:
            self._store.close()
        if self._state is not None:
            self._state.close()


def red_pair(store: Reader, window: Window, baseline: Window, service: str | None) -> tuple[Red, Red]:
    """RED of the window and of its baseline, in the same steps."""
    step_ns = step_for(window)
    entry_only = service is None
    now, before = (
        red_of(
            store.operations(part.aligned(step_ns), step_ns=step_ns, service=service),
            part,
            step_ns,
            entry_only=entry_only,
        )
        for part in (window, baseline)
    )
    return now, before


def report_inside(folder: Path, name: str) -> Path | None:
    """The file called `name` (may name a sub-folder) in the folder; None if missing or outside of it."""
    target = (folder / name).resolve()
    inside = target.is_relative_to(folder.resolve()) and target.is_file()
    return target if inside else None


def table_page(store: Reader, name: str, window: Window, *, service: str | None, limit: int) -> Page:
    """One table of the store, at most `limit` rows, with whether there were more."""
    if name == "spans":
        return store.spans(window, SpanFilter(service=service), limit=limit)
    if name == "logs":
        return store.logs(window, LogFilter(service=service), limit=limit)
    if name == "events":
        return store.events(window, service=service, limit=limit)
    where = SampleFilter(service=service)
    whole: dict[str, Callable[[], pa.Table]] = {
        "samples": lambda: store.samples(window, where),
        "series": lambda: store.series(where),
        "edges": lambda: store.edges(window, service=service),
        "operations": lambda: store.operations(window, service=service),
        "instances": lambda: store.instances(window, service=service),
    }
    if name not in whole:
        known = ", ".join(sorted({*whole, "spans", "logs", "events"}))
        raise ConfigError(f"no table called {name!r}; there are {known}")
    table = whole[name]()
    return Page(table.slice(0, limit), truncated=table.num_rows > limit, matched=table.num_rows)
