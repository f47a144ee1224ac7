"""One patrol: every inspection over one World, the worst first."""

from __future__ import annotations

import dataclasses
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any

from analytics.anomalies.found import FoundEvents
from analytics.callgraph.graph import CallGraph, call_graph
from analytics.impact.scores import ServiceImpact, impact_scores
from analytics.patrol import score as scoring
from analytics.patrol.inspection import EVERYTHING, Inspection, Options, inspections
from analytics.traces.sampling import TraceSample, read_traces
from analytics.world import World
from analytics.world_build import build_world
from causeway import logs
from causeway.errors import ConfigError
from causeway.findings import Finding, Message, PatrolReport, Verdict
from causeway.stores.contract import Reader
from causeway.window import Window

log = logs.get("patrol")

# Keys of [patrol] that are not inspections.
RESERVED = ("schedule",)
# The innermost calls of a crash are enough to find it.
TRACE_MAX = -4


def patrol(
    world: World,
    graph: CallGraph,
    impacts: Iterable[ServiceImpact],
    config: Mapping[str, Any] | None = None,
    now_ns: int | None = None,
    *,
    traces: Callable[[], TraceSample] | None = None,
    anomalies: FoundEvents | None = None,
) -> PatrolReport:
    """The report of all enabled inspections. `config`: the table `[patrol]`. `now_ns`: by default the
    window's end. `traces`: gives a sample of the window's traces; asked once, and only by inspections of traces, which
    are left out without it. `anomalies`: events of the window; the inspection of them is left out without.

    An inspection that crashes becomes an UNKNOWN finding that says so. Raises ConfigError for a table
    `[patrol.NAME]`
    that is no inspection's.
    """
    by_service = {impact.service: float(impact.impact) for impact in impacts}
    found: list[Finding] = []
    sample = None if traces is None else cache(traces)
    for one, options in chosen_options(config or {}):
        if (one.of_traces and sample is None) or (one.of_anomalies and anomalies is None):
            continue
        given = anomalies if one.of_anomalies else sample if one.of_traces else None
        looked = _findings(one, partial(_look, one, world, graph, given, options))
        found.extend(_weighed(finding, world, by_service) for finding in looked)
    return report(world, found, now_ns=now_ns)


def chosen_options(config: Mapping[str, Any]) -> tuple[tuple[Inspection, Options], ...]:
    """The enabled inspections with their options from the table `[patrol]`, by name. Raises ConfigError."""
    chosen = inspections()
    tables = _tables(config, chosen)
    paired = ((one, one.options(tables.get(one.name, {}))) for one in chosen)
    return tuple((one, options) for one, options in paired if options.enabled)


def patrol_window(
    reader: Reader,
    window: Window,
    config: Mapping[str, Any] | None = None,
    *,
    now_ns: int | None = None,
    anomalies: FoundEvents | None = None,
) -> PatrolReport:
    """As `patrol`, over a window of a store, with its World, call graph, impacts and traces made for it."""
    world = build_world(reader, window)
    graph = call_graph(world)
    return patrol(
        world,
        graph,
        impact_scores(world, graph),
        config,
        now_ns,
        traces=lambda: read_traces(reader, window),
        anomalies=anomalies,
    )


def report(world: World, findings: Sequence[Finding], *, now_ns: int | None = None) -> PatrolReport:
    """The report of those findings: sorted, counted, scored."""
    ordered = sorted(findings, key=_order)
    counts = {verdict.value: 0 for verdict in Verdict}
    for finding in ordered:
        counts[finding.verdict.value] += 1
    return PatrolReport(
        window=world.window,
        score=scoring.score(ordered, {one.name: one.weight for one in inspections()}),
        verdict=scoring.overall(counts),
        findings=tuple(ordered),
        generated_ns=world.window.end_ns if now_ns is None else now_ns,
        counts=counts,
    )


def _tables(config: Mapping[str, Any], chosen: Sequence[Inspection]) -> dict[str, Mapping[str, Any]]:
    names = {one.name for one in chosen}
    tables: dict[str, Mapping[str, Any]] = {}
    for key, table in config.items():
        if key in RESERVED:
            continue
        if key not in names:
            raise ConfigError(f"patrol: no inspection called {key!r}; known: {', '.join(sorted(names))}")
        if not isinstance(table, Mapping):
            raise ConfigError(f"patrol.{key}: expected a table, got {table!r}")
        tables[key] = table
    return tables


def _look(
    one: Inspection,
    world: World,
    graph: CallGraph,
    given: FoundEvents | Callable[[], TraceSample] | None,
    options: Options,
) -> Iterator[Finding]:
    if given is None:
        return one(world, graph, options)
    return one.look(given() if callable(given) else given, options)


def _findings(one: Inspection, look: Callable[[], Iterable[Finding]]) -> list[Finding]:
    try:
        return list(look())
    except Exception as error:  # noqa: BLE001 - one broken inspection must not silence the others
        trace = "".join(traceback.format_exception(error, limit=TRACE_MAX))
        log.error("inspection.crashed", inspection=one.name, error=repr(error), trace=trace)
        reason = Message("patrol.crashed", {"error": f"{type(error).__name__}: {error}"})
        return [Finding(one.name, EVERYTHING, Verdict.UNKNOWN, reason, unit=one.unit)]


def _weighed(finding: Finding, world: World, by_service: Mapping[str, float]) -> Finding:
    """The finding with its entity's impact: a database's is that of the service that needs it most."""
    if finding.impact is not None:
        return finding
    impact = by_service.get(finding.entity)
    if impact is None and by_service:
        callers = world.asked.loc[world.asked["callee"] == finding.entity, "caller"]
        impact = max((by_service[name] for name in callers if name in by_service), default=None)
    return finding if impact is None else dataclasses.replace(finding, impact=impact)


def _order(finding: Finding) -> tuple[int, float, str, str]:
    return (-finding.verdict.rank, -(finding.impact or 0.0), finding.inspection, finding.entity)
