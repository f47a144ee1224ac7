"""Services over the synthetic shop, with made-up traces: everything a page can ask for, in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics.anomalies.answer import anomalies_of
from analytics.anomalies.causes import Cause
from analytics.anomalies.events import Alarm
from analytics.anomalies.found import FoundEvent, FoundEvents
from analytics.anomalies.streams import Learned
from analytics.callgraph.diff import GraphDiff, graph_diff
from analytics.callgraph.graph import CallGraph, call_graph
from analytics.callgraph.level import Level
from analytics.callgraph.levels import finer_graph
from analytics.impact.blast import BlastRadius, blast_radius
from analytics.impact.history import ImpactHistory
from analytics.impact.model import ImpactModel, read_model
from analytics.impact.risk import Risk, risks
from analytics.impact.scores import ServiceImpact, impact_scores
from analytics.impact.target import Target
from analytics.impact.whatif import Change, WhatIf, what_if
from analytics.logtemplates.lines import TemplateLines, template_lines
from analytics.logtemplates.survey import Survey, survey_of
from analytics.patrol.moment import Moment, expected, moment
from analytics.patrol.run import patrol
from analytics.rootcause.diagnose import diagnose
from analytics.traces.sampling import read_traces
from analytics.world import World
from analytics.world_build import build_world
from causeway import records
from causeway.errors import StoreError
from causeway.findings import Diagnosis, Incident, PatrolReport, Verdict
from causeway.state.records import PatrolMark, PatrolRun
from causeway.stores.contract import LogFilter, Page, SpanFilter, StoreStatus
from causeway.window import HOUR_NS, Window
from dashboards.journeys import Journey, journey_of
from dashboards.live import red_pair, report_inside, table_page
from dashboards.readings import Red
from tests.table_store import TableStore
from tests.worlds import Shop, shop_store, usual_fault

TRACES = 60


class ShopStore(TableStore):
    """The shop's tables; spans of a trace say on which of three nodes they ran."""

    def trace(self, trace_id: bytes) -> pa.Table:
        spans = super().trace(trace_id)
        nodes = [[("k8s.node.name", f"node-{len(name) % 3}")] for name in spans["service"].to_pylist()]
        return spans.append_column("resource", pa.array(nodes, records.ATTRIBUTES))


class ShopServices:
    """The shop's Services at the end of its window; the clock stands still."""

    def __init__(
        self, *, faults: Sequence[str] = (), services: int = 9, rate: float = 4.0, reports: Path | None = None
    ) -> None:
        self.shop = Shop(
            faults=tuple(usual_fault(fault) for fault in faults), services=services, minutes=(60, 15), rate=rate
        )
        self.reports = reports
        store = shop_store(self.shop)
        self.store: TableStore = ShopStore({**store.tables, "spans": shop_spans(self.shop.window)})
        self._worlds: dict[Window, World] = {}
        self._patrols: dict[Window, PatrolReport] = {}

    def now_ns(self) -> int:
        return self.shop.window.end_ns

    def slot_ns(self, duration_ns: int) -> int:  # noqa: ARG002
        return 10_000_000_000

    def status(self) -> StoreStatus:
        return self.store.status()

    def world(self, window: Window) -> World:
        if window not in self._worlds:
            self._worlds[window] = build_world(self.store, window)
        return self._worlds[window]

    def graph(self, window: Window) -> CallGraph:
        return call_graph(self.world(window))

    def level_graph(self, window: Window, level: Level) -> CallGraph:
        return finer_graph(self.store, self.world(window), level)

    def graph_diff(self, before: Window, after: Window, level: Level = Level.SERVICE) -> GraphDiff:
        return graph_diff(self.store, before, after, level=level)

    def impact(self, window: Window) -> tuple[ServiceImpact, ...]:
        return tuple(impact_scores(self.world(window), self.graph(window)))

    def patrol(self, window: Window) -> PatrolReport:
        if window not in self._patrols:
            self._patrols[window] = patrol(self.world(window), self.graph(window), self.impact(window))
        return self._patrols[window]

    def journey(self, window: Window, entry: str = "", compare: str = "") -> Journey | None:
        return journey_of(read_traces(self.store, window), entry, compare)

    def measured_impact(
        self,
        window: Window,
        *,
        patient: bool = True,  # noqa: ARG002
    ) -> tuple[ServiceImpact, ...] | None:
        graph = self.graph(window)
        return impact_scores(self.world(window), graph, read_model(self.store, graph))

    def impact_model(self, window: Window, *, patient: bool = True) -> ImpactModel | None:  # noqa: ARG002
        return read_model(self.store, self.graph(window))

    def blast_radius(self, window: Window, target: Target) -> BlastRadius | None:
        return blast_radius(read_model(self.store, self.graph(window)), target)

    def what_if(self, window: Window, change: Change) -> WhatIf | None:
        return what_if(read_model(self.store, self.graph(window)), change)

    def sampled_model(self, window: Window) -> ImpactModel:
        return read_model(self.store, self.graph(window))

    def risks(self, window: Window, impacts: Sequence[ServiceImpact]) -> Sequence[Risk]:
        return risks(self.world(window), impacts, self.patrol(window).findings)

    def impact_history(self, window: Window) -> ImpactHistory:
        hours = tuple(window.end_ns // HOUR_NS * HOUR_NS - back * HOUR_NS for back in (4, 3, 2, 1))
        return ImpactHistory(hours, {"frontend": (70.0, None, 72.0, 75.0)})

    def anomalies(self, window: Window, *, compute: bool = False) -> FoundEvents:
        return anomalies_of(self.store, None, window) if compute else self.kept_anomalies(window)

    def kept_anomalies(self, window: Window) -> FoundEvents:
        found = self.anomaly(7)
        assert found is not None
        until_ns = self.shop.window.end_ns
        return FoundEvents(window, (found,), Learned(40, 2), True, window.start_ns, until_ns)

    def anomaly(self, event_id: int) -> FoundEvent | None:
        if event_id != 7:
            return None
        at_ns = self.shop.window.start_ns + 120_000_000_000
        said = {"unit": "ms", "value": 340.0, "low": 40.0, "high": 60.0, "bar": 2.0, "per_week": 0.5}
        alarm = Alarm(at_ns, "payment", "latency_ms", 6.0, Cause.LEVEL, **said)  # type: ignore[arg-type]
        caller = Alarm(at_ns, "checkout", "latency_ms", 4.0, Cause.LEVEL)
        return FoundEvent(at_ns, at_ns, "payment", 10.0, ("payment", "checkout"), (alarm, caller), id=7)

    def moment(self, window: Window, part: Window) -> Moment:
        return moment(self.store, part, expected(self.world(window)))

    def diagnosis(self, window: Window) -> Diagnosis:
        return diagnose(self.world(window))

    def red(self, window: Window, service: str | None = None) -> tuple[Red, Red]:
        return red_pair(self.store, window, self.world(window).baseline, service)

    def services(self, window: Window) -> list[str]:
        return self.store.services(window)

    @cached_property
    def _incidents(self) -> list[Incident]:
        if not self.shop.faults:
            return []
        found = self.diagnosis(self.shop.window)
        entity = found.symptoms[0].entity if found.symptoms else "frontend"
        begun = self.shop.onset_ns(self.shop.faults[0]) + 60_000_000_000
        first = Incident(2, entity, Verdict.CRITICAL, found.summary, begun, self.now_ns(), None, 87.0, found)
        past = replace(first, id=1, opened_ns=begun - 30 * 60_000_000_000, resolved_ns=begun - 20 * 60_000_000_000)
        return [first, past]

    def incidents(self, *, open_only: bool = False, limit: int = 100) -> list[Incident]:
        return [one for one in self._incidents if not open_only or one.resolved_ns is None][:limit]

    def incident(self, incident_id: int) -> Incident | None:
        return next((one for one in self._incidents if one.id == incident_id), None)

    @cached_property
    def _runs(self) -> list[PatrolRun]:
        report = self.patrol(self.shop.window)
        earlier = replace(report, score=92.0, findings=report.findings[2:], generated_ns=report.generated_ns - 10**12)
        files = {"html": "reports/patrol-2.html", "md": "reports/patrol-2.md"}
        return [PatrolRun(2, report, files, "every 15m"), PatrolRun(1, earlier, {}, "every 15m")]

    def patrol_history(self, limit: int = 200) -> Sequence[PatrolMark]:
        return [
            PatrolMark(
                run.id,
                run.schedule,
                run.report.generated_ns,
                run.report.score,
                run.report.verdict,
                run.report.counts,
                run.files,
            )
            for run in self._runs[:limit]
        ]

    def patrol_run(self, run_id: int) -> PatrolRun | None:
        return next((run for run in self._runs if run.id == run_id), None)

    def previous_patrol_run(self, run: PatrolRun) -> PatrolRun | None:
        return self.patrol_run(run.id - 1)

    def report_file(self, name: str) -> Path | None:
        return report_inside(self.reports, name) if self.reports else None

    def traces(
        self, window: Window, where: SpanFilter | None = None, *, limit: int = 20, slowest_first: bool = False
    ) -> Page:
        spans = self.spans(window).table
        where = where or SpanFilter()
        for name in ("service", "status", "operation"):
            wanted = getattr(where, name)
            if wanted:
                ids = spans.filter(pc.equal(spans.column(name), wanted)).column("trace_id").combine_chunks()
                spans = spans.filter(pc.is_in(spans.column("trace_id"), ids.unique()))
        if where.duration_min_ns:
            ids = spans.filter(pc.greater_equal(spans.column("duration_ns"), where.duration_min_ns)).column("trace_id")
            spans = spans.filter(pc.is_in(spans.column("trace_id"), ids.combine_chunks().unique()))
        rows = [_trace_row(part) for part in _by_trace(spans)]
        rows.sort(key=lambda row: -row["duration_ns"] if slowest_first else -row["start_ns"])
        return Page(pa.Table.from_pylist(rows[:limit], schema=_TRACES), len(rows) > limit, len(rows))

    def trace(self, trace_id: bytes) -> pa.Table:
        return self.store.trace(trace_id)

    def spans(self, window: Window, where: SpanFilter | None = None, *, limit: int | None = None) -> Page:
        return self.store.spans(window, where, limit=limit)

    def logs(self, window: Window, where: LogFilter | None = None, *, limit: int = 200) -> Page:
        page = self.store.logs(window, where, limit=None, newest_first=True)
        table = page.table
        if where is not None and where.contains:
            table = table.filter(pc.match_substring(table.column("body"), where.contains))
        if where is not None and where.severity_min:
            table = table.filter(pc.greater_equal(table.column("severity_number"), where.severity_min))
        if where is not None and where.trace_id:
            table = table.slice(0, 3)
        return Page(table.slice(0, limit), table.num_rows > limit, table.num_rows)

    def log_templates(self, window: Window) -> Survey:
        return survey_of(self.world(window))

    def template_lines(
        self, window: Window, template_id: int, *, service: str | None = None, limit: int = 200
    ) -> TemplateLines | None:
        world = self.world(window)
        return template_lines(
            self.store,
            window,
            template_id,
            earlier=world.baseline,
            service=service,
            limit=limit,
            templates=world.logs.told,
        )

    def table(self, name: str, window: Window, *, service: str | None, limit: int) -> Page:
        return table_page(self.store, name, window, service=service, limit=limit)

    def self_metrics(self) -> Mapping[str, float]:
        return {}


class EmptyServices(ShopServices):
    """A store that holds nothing."""

    def __init__(self) -> None:
        super().__init__(rate=0.01)
        self.store = TableStore()

    @cached_property
    def _runs(self) -> list[PatrolRun]:
        return []


class BrokenServices(ShopServices):
    """A store that cannot be read until `mended`."""

    def __init__(self) -> None:
        super().__init__(rate=1.0)
        self.mended = False

    def _check(self) -> None:
        if not self.mended:
            raise StoreError("there is no data folder at /srv/causeway/data; start `causeway up` or check --data")

    def status(self) -> StoreStatus:
        self._check()
        return super().status()

    def world(self, window: Window) -> World:
        self._check()
        return super().world(window)

    def services(self, window: Window) -> list[str]:
        self._check()
        return super().services(window)

    def incidents(self, *, open_only: bool = False, limit: int = 100) -> list[Incident]:
        self._check()
        return super().incidents(open_only=open_only, limit=limit)

    def spans(self, window: Window, where: SpanFilter | None = None, *, limit: int | None = None) -> Page:
        self._check()
        return super().spans(window, where, limit=limit)

    def logs(self, window: Window, where: LogFilter | None = None, *, limit: int = 200) -> Page:
        self._check()
        return super().logs(window, where, limit=limit)


_TRACES = pa.schema(
    [
        ("trace_id", pa.binary()),
        ("start_ns", pa.int64()),
        ("duration_ns", pa.int64()),
        ("service", pa.string()),
        ("operation", pa.string()),
        ("spans", pa.int64()),
        ("errors", pa.int64()),
        ("services", pa.int64()),
    ]
)


def _by_trace(spans: pa.Table) -> list[list[dict[str, object]]]:
    groups: dict[bytes, list[dict[str, object]]] = {}
    columns = ["trace_id", "parent_span_id", "start_ns", "duration_ns", "service", "operation", "status"]
    for row in spans.select(columns).to_pylist():
        groups.setdefault(row["trace_id"], []).append(row)
    return list(groups.values())


def _trace_row(rows: list[dict[str, object]]) -> dict[str, object]:
    root = next((row for row in rows if row["parent_span_id"] is None), rows[0])
    return {
        **{name: root[name] for name in ("trace_id", "start_ns", "duration_ns", "service", "operation")},
        "spans": len(rows),
        "errors": sum(row["status"] == "ERROR" for row in rows),
        "services": len({row["service"] for row in rows}),
    }


# service, operation, kind, parent's place, start and duration in ms.
_TREE = (
    ("frontend", "POST /checkout", "SERVER", None, 0, 82),
    ("frontend", "checkout PlaceOrder", "CLIENT", 0, 4, 76),
    ("checkout", "PlaceOrder", "SERVER", 1, 5, 74),
    ("checkout", "cart GetCart", "CLIENT", 2, 7, 5),
    ("cart", "GetCart", "SERVER", 3, 8, 3),
    ("cart", "GET cart", "CLIENT", 4, 9, 1),
    ("checkout", "payment Charge", "CLIENT", 2, 13, 48),
    ("payment", "Charge", "SERVER", 6, 14, 46),
    ("payment", "POST /authorise", "CLIENT", 7, 18, 40),
    ("checkout", "orders POST /orders", "CLIENT", 2, 62, 14),
    ("orders", "POST /orders", "SERVER", 9, 63, 12),
    ("orders", "INSERT orders", "CLIENT", 10, 65, 6),
    ("orders", "publish orders", "PRODUCER", 10, 72, 2),
    ("shipping", "process orders", "CONSUMER", 12, 90, 28),
)


def shop_spans(window: Window) -> pa.Table:
    """Checkouts over the window, every fifth of them failing at the payment."""
    rng = np.random.default_rng(5)
    starts = np.sort(rng.integers(window.start_ns, window.end_ns - 10**9, TRACES))
    rows = []
    for number, start in enumerate(starts.tolist()):
        scale = float(rng.lognormal(0.0, 0.4))
        failed = number % 5 == 0
        for place, (service, operation, kind, parent, begin, length) in enumerate(_TREE):
            broken = failed and place in {0, 1, 2, 6, 7}
            rows.append(
                {
                    "trace_id": (number + 1).to_bytes(16, "big"),
                    "span_id": (number * 100 + place + 1).to_bytes(8, "big"),
                    "parent_span_id": None if parent is None else (number * 100 + parent + 1).to_bytes(8, "big"),
                    "service": service,
                    "operation": operation,
                    "kind": kind,
                    "start_ns": start + int(begin * scale * 1e6),
                    "duration_ns": int(length * scale * 1e6),
                    "status": "ERROR" if broken else "UNSET",
                    "status_message": "card refused" if broken else None,
                    "instance": f"{service}-0",
                    "version": "1.0.0",
                    "attributes": [("http.request.method", "POST"), ("customer.tier", "gold")],
                    "events": [
                        {"time_ns": start, "name": "exception", "attributes": [("exception.type", "CardRefused")]}
                    ]
                    if broken and place == 7
                    else [],
                    "links": [],
                }
            )
    return pa.Table.from_pylist(rows, schema=records.SPANS)
