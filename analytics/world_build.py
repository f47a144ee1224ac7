"""From a store to a World: the only place where analysis reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analytics import world_logs
from analytics.world import LogSeries, MetricSeries, Timeline, World
from analytics.world_events import world_events
from analytics.world_metrics import metric_series
from analytics.world_rollups import QUANTILES, Rollup, call_frame, call_series, group_sums, rollup
from analytics.world_timeline import Spans, default_baseline, lay_out
from causeway import records
from causeway.errors import ConfigError
from causeway.stores.contract import Reader
from causeway.window import MINUTE_NS, Window

# A counter's first increase needs the sample before, and metrics often come once a minute.
LEAD_NS = 2 * MINUTE_NS
EDGE_KEYS = ("caller", "caller_type", "callee", "callee_type", "kind", "protocol")
COVERAGE_COLUMNS = ("spans", "roots", "linked", "orphans", "skewed")


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
    sent: pa.Table


def build_world(
    store: Reader,
    window: Window,
    baseline: Window | None = None,
    *,
    log_lines_max: int = world_logs.LINES_MAX,
) -> World:
    """The World of a window and its baseline.

    The default baseline is the hour before, or twice the window's length where that is more. Slots are 10 s
    up to three hours in all, else minutes (at most 2,000 slots); window and baseline are widened to whole
    slots. Services without traces are nodes too. Raises ConfigError when the baseline does not begin before
    the window. Cost: the rollup rows of that time, and one pass over its samples and log lines (the newest
    `log_lines_max`).
    """
    before = baseline or default_baseline(window)
    if before.start_ns >= window.start_ns:
        raise ConfigError("the baseline must begin before the window: choose an earlier --from or a longer --baseline")
    spans = lay_out(window, before)
    timeline = spans.timeline
    calls = _calls(store, spans)
    metrics, samples, series_left_out = _metrics(store, spans)
    logs, logs_capped = _logs(store, spans, log_lines_max)
    recorded = _read(spans, lambda part: store.events(part, limit=None).table, records.EVENTS)
    keys, sent = _sent(calls.sent, timeline)
    coverage, spans_seen = _coverage(store, spans)
    nodes = _nodes(calls, timeline.in_window, coverage, metrics, logs)
    seen = {
        "spans": spans_seen,
        "samples": samples,
        "logs": _lines(logs, timeline),
        "events": _count(recorded, "time_ns", spans),
    }
    if logs_capped:
        seen["logs_capped"] = seen["logs"]
    if series_left_out:
        seen["series_left_out"] = (series_left_out, series_left_out)
    return World(
        window=window,
        baseline=before,
        timeline=timeline,
        nodes=nodes,
        edges=_edge_frame(calls.edges, timeline.in_window),
        edges_baseline=_edge_frame(calls.edges, ~timeline.in_window),
        services=call_series(calls.inbound, timeline),
        entries=call_series(calls.entries, timeline),
        operations=call_series(calls.operations, timeline, own="self_ms"),
        edge_series=call_series(_regrouped(calls.edges, ["caller", "callee"]), timeline, own="gap_ms"),
        instances=call_series(calls.instances, timeline),
        metrics=metrics,
        logs=logs,
        events=world_events(recorded, keys, sent, timeline),
        coverage=coverage,
        seen=seen,
    )


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
    edges = _rollup_rows(store.edges, spans, records.EDGES)
    edges = edges.filter(pc.not_equal(edges.column("caller_type"), "entry"))
    operations = _rollup_rows(store.operations, spans, records.OPERATIONS)
    instances = _rollup_rows(store.instances, spans, records.INSTANCES)
    timeline = spans.timeline
    return _Calls(
        edges=rollup(edges, EDGE_KEYS, timeline),
        operations=rollup(operations, ("service", "operation", "kind"), timeline),
        inbound=rollup(operations.filter(_flag(operations, "inbound")), ("service",), timeline),
        entries=rollup(_entries(operations), ("service", "operation"), timeline),
        instances=rollup(instances, ("service", "instance", "version"), timeline),
        sent=instances,
    )


def _entries(operations: pa.Table) -> pa.Table:
    """Requests that nobody inside calls. A consumer without a parent counts only where there is nothing else."""
    roots = operations.filter(_flag(operations, "entry"))
    fed = pc.equal(roots.column("kind"), "CONSUMER")
    asked = roots.filter(pc.invert(fed))
    return asked if asked.num_rows else roots


def _flag(table: pa.Table, name: str) -> pa.ChunkedArray:
    return pc.fill_null(table.column(name), False)


def _regrouped(rows: Rollup, names: list[str]) -> Rollup:
    """The same rows keyed by fewer of their key columns."""
    fewer = rows.keys.droplevel([name for name in rows.keys.names if name not in names])
    distinct = pd.MultiIndex.from_tuples(sorted(set(fewer)), names=names)
    place = distinct.get_indexer(fewer)
    return Rollup(distinct, place[rows.key].astype(np.int64), rows.slot, rows.bucket, rows.columns)


def _sent(instances: pa.Table, timeline: Timeline) -> tuple[pd.MultiIndex, np.ndarray]:
    """(n, t) spans that each (service, instance, version) sent, of any kind."""
    rows = rollup(instances, ("service", "instance", "version"), timeline)
    shape = (len(rows.keys), len(timeline))
    group = rows.key * shape[1] + rows.slot
    return rows.keys, group_sums(group, rows.columns["spans"], shape[0] * shape[1]).reshape(shape)


def _edge_frame(rows: Rollup, in_window: np.ndarray) -> pd.DataFrame:
    """Edges with a call in the chosen slots, by key."""
    frame = call_frame(rows, in_window[rows.slot])
    return frame[frame["calls"] > 0].reset_index()


def _nodes(
    calls: _Calls, in_window: np.ndarray, coverage: pd.DataFrame, metrics: MetricSeries, logs: LogSeries
) -> pd.DataFrame:
    """Every service that any signal names, and every peer that a service talks to, by id."""
    columns = ["calls", "errors", "error_ratio", "latency_ms_mean", *QUANTILES]
    served = call_frame(calls.inbound, in_window[calls.inbound.slot])[columns]
    served.index = served.index.get_level_values("service")
    peers = _regrouped(calls.edges, ["callee", "callee_type"])
    called = call_frame(peers, in_window[peers.slot])[columns].reset_index().drop_duplicates("callee")
    called = called.set_index("callee")
    callers = calls.edges.keys.to_frame(index=False)
    types = {
        **dict(zip(callers["caller"], callers["caller_type"], strict=True)),
        **called["callee_type"].to_dict(),
        **dict.fromkeys(_named_services(calls, coverage, metrics, logs), "service"),
    }
    together = pd.concat([served, called.loc[called.index.difference(served.index), columns]])
    nodes = together.reindex(pd.Index(sorted(types), name="id", dtype=object))
    nodes[["calls", "errors"]] = nodes[["calls", "errors"]].fillna(0).astype(np.int64)
    nodes.insert(0, "type", [types[name] for name in nodes.index])
    return nodes


def _named_services(calls: _Calls, coverage: pd.DataFrame, metrics: MetricSeries, logs: LogSeries) -> set[str]:
    names = set(calls.operations.keys.get_level_values("service")) | set(coverage["service"])
    names |= set(metrics.meta["service"]) | set(logs.meta["service"])
    return names - {""}


def _coverage(store: Reader, spans: Spans) -> tuple[pd.DataFrame, tuple[int, int]]:
    """Per service seen in window or baseline; also how many spans there were in each."""
    table = _rollup_rows(store.coverage, spans, records.COVERAGE)
    rows = table.to_pandas()
    inside = rows["slot_ns"].to_numpy() >= spans.window.start_ns
    rows["spans_baseline"] = rows["spans"].where(~inside, 0)
    rows["orphans"] = rows["spans"] - rows["roots"] - rows["linked"]
    rows.loc[~inside, list(COVERAGE_COLUMNS)] = 0
    names = [*COVERAGE_COLUMNS, "spans_baseline"]
    frame = rows.groupby("service", as_index=False)[names].sum()
    frame["service"] = frame["service"].astype(object)
    return frame, (int(frame["spans_baseline"].sum()), int(frame["spans"].sum()))


def _metrics(store: Reader, spans: Spans) -> tuple[MetricSeries, tuple[int, int], int]:
    if not store.capabilities().samples:
        series, samples, histograms = (
            schema.empty_table() for schema in (records.SERIES, records.SAMPLES, records.HISTOGRAMS)
        )
        return metric_series(series, samples, histograms, spans.timeline)[0], (0, 0), 0
    early = tuple(Window(part.start_ns - LEAD_NS, part.end_ns) for part in spans.reads)
    wider = Spans(spans.baseline, spans.window, spans.timeline, early)
    samples = _read(wider, lambda part: store.samples(part), records.SAMPLES)
    histograms = _read(wider, lambda part: store.histograms(part), records.HISTOGRAMS)
    series = _read(_once(spans), lambda _: store.series(), records.SERIES)
    metrics, left_out = metric_series(series, samples, histograms, spans.timeline)
    scalar, other = _count(samples, "time_ns", spans), _count(histograms, "time_ns", spans)
    return metrics, (scalar[0] + other[0], scalar[1] + other[1]), left_out


def _once(spans: Spans) -> Spans:
    return Spans(spans.baseline, spans.window, spans.timeline, spans.reads[:1])


def _logs(store: Reader, spans: Spans, log_lines_max: int) -> tuple[LogSeries, bool]:
    if not store.capabilities().logs:
        return world_logs.empty_logs(spans.timeline), False
    return world_logs.log_series(store, spans.reads, spans.timeline, lines_max=log_lines_max)


def _lines(logs: LogSeries, timeline: Timeline) -> tuple[int, int]:
    inside = int(np.nansum(logs.counts[:, timeline.in_window], dtype=np.float64))
    return int(np.nansum(logs.counts, dtype=np.float64)) - inside, inside


def _count(table: pa.Table, time: str, spans: Spans) -> tuple[int, int]:
    """Rows in (baseline, window)."""
    times = table.column(time).to_numpy()

    def within(window: Window) -> int:
        return int(((times >= window.start_ns) & (times < window.end_ns)).sum())

    return within(spans.baseline), within(spans.window)


def seen_nothing(world: World) -> bool:
    """True when the window and its baseline hold no record of any signal."""
    signals: Mapping[str, tuple[int, int]] = world.seen
    return not any(sum(signals.get(name, (0, 0))) for name in ("spans", "samples", "logs", "events"))
