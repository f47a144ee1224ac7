"""From a store to a World: the only place where analysis reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import pandas as pd
import pyarrow as pa

from analytics import world_logs
from analytics.world import LogSeries, MetricSeries, Timeline, World
from analytics.world_dependencies import dependencies, with_dependencies
from analytics.world_events import world_events
from analytics.world_metrics import metric_series
from analytics.world_nodes import edge_frame, node_frame, without_links
from analytics.world_rollups import Rollup, call_series, group_sums, regrouped, rollup
from analytics.world_timeline import Spans, default_baseline, lay_out
from causeway import records
from causeway.errors import ConfigError
from causeway.stores.contract import Reader
from causeway.window import MINUTE_NS, Window

# A counter's first increase needs the sample before, and metrics often come once a minute.
LEAD_NS = 2 * MINUTE_NS
OPERATION_KEYS = ("service", "operation", "kind")
INSTANCE_KEYS = ("service", "instance", "version")
EDGE_KEYS = ("caller", "caller_type", "callee", "callee_type", "kind", "protocol")
COVERAGE_COLUMNS = (*(name for name in records.COVERAGE.names if name not in {"slot_ns", "service"}), "orphans")


class _Rows(Protocol):
    def __call__(self, window: Window, *, step_ns: int | None = None) -> pa.Table: ...


@dataclass(frozen=True, slots=True)
class _Calls:
    """Everything that comes from the rollups of calls."""

    edges: Rollup
    operations: Rollup
    inbound: Rollup
    entries: Rollup
    instances: Rollup


def build_world(
    store: Reader,
    window: Window,
    baseline: Window | None = None,
    *,
    calls_only: bool = False,
    log_lines_max: int = world_logs.LINES_MAX,
) -> World:
    """The World of a window and its baseline.

    The default baseline is the hour before, or twice the window's length where that is more. Slots are 10 s up to
    three hours in all, else minutes (at most 2,000 slots); window and baseline are widened to whole slots. Services
    without traces are nodes too. With `calls_only` metrics and log lines are not read (and not in `seen`): all that
    a call graph needs. Raises ConfigError when the baseline does not begin before the window. Cost: the rollup rows
    of that time, and one pass over its samples and log lines (the newest `log_lines_max`).
    """
    before = baseline or default_baseline(window)
    if before.start_ns >= window.start_ns:
        raise ConfigError("the baseline must begin before the window: choose an earlier --from or a longer --baseline")
    spans = lay_out(window, before)
    timeline = spans.timeline
    calls = _calls(store, spans)
    recorded = _read(spans, lambda part: store.events(part, limit=None).table, records.EVENTS)
    coverage, spans_seen = _coverage(store, spans)
    seen = {"spans": spans_seen, "events": count_within(recorded, spans)}
    metrics, logs = _no_metrics(timeline), world_logs.empty_logs(timeline)
    if not calls_only:
        metrics = _metrics(store, spans, seen)
        logs = _logs(store, spans, log_lines_max, seen)
    keys, sent = _sent(calls.instances, timeline)
    depends = dependencies(metrics)
    names = _names(store, spans, calls, coverage).union(*depends)
    served = regrouped(calls.inbound, ("service",))
    names = _names(store, spans, calls, coverage)
    return World(
        window=window,
        baseline=before,
        timeline=timeline,
        nodes=node_frame(served, calls.edges, timeline.in_window, names),
        edges=edge_frame(calls.edges, timeline.in_window),
        edges_baseline=edge_frame(calls.edges, ~timeline.in_window),
        services=call_series(served, timeline),
        inbound=call_series(calls.inbound, timeline),
        entries=call_series(calls.entries, timeline),
        operations=call_series(calls.operations, timeline, own="self_ms"),
        edge_series=with_dependencies(
            call_series(regrouped(without_links(calls.edges), ("caller", "callee")), timeline, own="gap_ms"), depends
        ),
        instances=call_series(calls.instances, timeline),
        metrics=metrics,
        logs=logs,
        events=world_events(recorded, keys, sent, timeline),
        coverage=coverage,
        seen=seen,
    )


def seen_nothing(world: World) -> bool:
    """True when window and baseline hold no record of any signal that was read."""
    return not any(sum(world.seen.get(name, (0, 0))) for name in ("spans", "samples", "logs", "events"))


def _read(spans: Spans, ask: Callable[[Window], pa.Table], schema: pa.Schema) -> pa.Table:
    """The rows of all windows to read, with the columns and types of the schema and text as plain strings."""
    tables = [ask(part) for part in spans.reads]
    plain = []
    for table in tables:
        columns = [_plain(table.column(field.name), field.type) for field in schema]
        plain.append(pa.table(columns, schema=schema))
    return pa.concat_tables(plain)


def _plain(column: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    return column if column.type == wanted else column.cast(wanted)


def _rollup_rows(ask: _Rows, spans: Spans, schema: pa.Schema) -> pa.Table:
    return _read(spans, lambda part: ask(part, step_ns=spans.timeline.step_ns), schema)


def _calls(store: Reader, spans: Spans) -> _Calls:
    timeline = spans.timeline
    edges = rollup(_rollup_rows(store.edges, spans, records.EDGES), EDGE_KEYS, timeline)
    outside = (edges.keys.get_level_values("caller_type") == "entry")[edges.key]
    operations = rollup(_rollup_rows(store.operations, spans, records.OPERATIONS), OPERATION_KEYS, timeline)
    instances = rollup(_rollup_rows(store.instances, spans, records.INSTANCES), INSTANCE_KEYS, timeline)
    return _Calls(
        edges=regrouped(edges.where(~outside), EDGE_KEYS) if outside.any() else edges,
        operations=operations,
        inbound=regrouped(operations.where(operations.columns["inbound"]), ("service", "operation")),
        entries=regrouped(operations.where(_entry_rows(operations)), ("service", "operation")),
        instances=instances,
    )


def _entry_rows(operations: Rollup) -> np.ndarray:
    """(n,) requests that nobody inside calls. A consumer without a parent counts only where nothing else does."""
    roots = operations.columns["entry"]
    asked = roots & (operations.keys.get_level_values("kind") != "CONSUMER")[operations.key]
    return asked if asked.any() else roots


def _sent(rows: Rollup, timeline: Timeline) -> tuple[pd.MultiIndex, np.ndarray]:
    """(n, t) spans that each (service, instance, version) sent, of any kind."""
    shape = (len(rows.keys), len(timeline))
    group = rows.key * shape[1] + rows.slot
    return rows.keys, group_sums(group, rows.columns["spans"], shape[0] * shape[1]).reshape(shape)


def _names(store: Reader, spans: Spans, calls: _Calls, coverage: pd.DataFrame) -> set[str]:
    """Every service that sent anything in the window, or spans in the baseline."""
    names = set(calls.operations.keys.get_level_values("service")) | set(coverage["service"])
    return (names | set(store.services(spans.window))) - {""}


def _coverage(store: Reader, spans: Spans) -> tuple[pd.DataFrame, tuple[int, int]]:
    """Per service seen in window or baseline; also how many spans there were in each."""
    table = _rollup_rows(store.coverage, spans, records.COVERAGE)
    rows = table.to_pandas()
    inside = rows["slot_ns"].to_numpy() >= spans.window.start_ns
    rows["spans_baseline"] = rows["spans"].where(~inside, 0)
    rows["orphans"] = rows["spans"] - rows["roots"] - rows["linked"]
    rows.loc[~inside, list(COVERAGE_COLUMNS)] = 0
    names = [*COVERAGE_COLUMNS, "spans_baseline"]
    frame = rows.groupby("service", as_index=False)[names].sum().astype(dict.fromkeys(names, np.int64))
    frame["service"] = frame["service"].astype(object)
    return frame, (int(frame["spans_baseline"].sum()), int(frame["spans"].sum()))


def _metrics(store: Reader, spans: Spans, seen: dict[str, tuple[int, int]]) -> MetricSeries:
    seen["samples"] = (0, 0)
    if not store.capabilities().samples:
        return _no_metrics(spans.timeline)
    early = tuple(Window(part.start_ns - LEAD_NS, part.end_ns) for part in spans.reads)
    wider = replace(spans, reads=early)
    samples = _read(wider, lambda part: store.samples(part), records.SAMPLES)
    histograms = _read(wider, lambda part: store.histograms(part), records.HISTOGRAMS)
    series = _read(replace(spans, reads=spans.reads[:1]), lambda _: store.series(), records.SERIES)
    metrics, left_out = metric_series(series, samples, histograms, spans.timeline)
    both = pa.concat_arrays([*samples["time_ns"].chunks, *histograms["time_ns"].chunks, pa.array([], pa.int64())])
    seen["samples"] = count_within(pa.table({"time_ns": both}), spans)
    if left_out:
        seen["series_left_out"] = (left_out, left_out)
    return metrics


def _no_metrics(timeline: Timeline) -> MetricSeries:
    series, samples, histograms = (
        schema.empty_table() for schema in (records.SERIES, records.SAMPLES, records.HISTOGRAMS)
    )
    return metric_series(series, samples, histograms, timeline)[0]


def _logs(store: Reader, spans: Spans, log_lines_max: int, seen: dict[str, tuple[int, int]]) -> LogSeries:
    seen["logs"] = (0, 0)
    if not store.capabilities().logs:
        return world_logs.empty_logs(spans.timeline)
    logs, capped = world_logs.log_series(store, spans.reads, spans.timeline, lines_max=log_lines_max)
    inside = int(np.nansum(logs.counts[:, spans.timeline.in_window], dtype=np.float64))
    seen["logs"] = (int(np.nansum(logs.counts, dtype=np.float64)) - inside, inside)
    if capped:
        seen["logs_capped"] = seen["logs"]
    return logs


def count_within(table: pa.Table, spans: Spans) -> tuple[int, int]:
    """Rows of the table, by `time_ns`, in (baseline, window)."""
    times = table.column("time_ns").to_numpy()
    before, inside = (
        int(((times >= part.start_ns) & (times < part.end_ns)).sum()) for part in (spans.baseline, spans.window)
    )
    return before, inside
