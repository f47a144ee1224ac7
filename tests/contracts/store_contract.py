"""The store contract as tests. A backend's test module subclasses `StoreContract` and gives a `store` fixture.

Every test is an opt-out: a backend that cannot answer overrides it with a reason and the error it expects.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from causeway import records
from causeway.stores.contract import Batch, LogFilter, SampleFilter, SpanFilter, Store
from causeway.window import MINUTE_NS, Window
from tests.small_store import Shop, shop_batch
from tests.stores.linking.by_hand import MEASURES, ByHand, Sums, add_up, without_buckets
from tests.stores.linking.random_spans import START_NS, random_spans

SHOP = Shop(minutes=6, traces_per_minute=10, fault_minute=3)
WINDOW = SHOP.window
# By table of calls: how to ask for it and how fine its slots are.
CALL_TABLES = {
    "rollup_edges": ("edges", records.ROLLUP_STEP_NS),
    "rollup_calls": ("calls", records.CALLS_STEP_NS),
    "rollup_instance_calls": ("instance_calls", records.CALLS_STEP_NS),
    "rollup_coverage": ("coverage", records.ROLLUP_STEP_NS),
}


def sent(name: str) -> pa.Table:
    """What the shop sends of one table."""
    return shop_batch(SHOP).tables[name]


class StoreContract:
    """What `causeway.stores.contract` promises, on a store that holds the small shop."""

    # How far a sample's value may be off, relatively, where a store rounds; times are compared at its resolution.
    value_tolerance = 0.0

    def test_returns_every_span_once_in_order(self, store: Store) -> None:
        """All spans of the window come back, by (start_ns, span_id)."""
        table = store.spans(WINDOW, limit=None).table
        assert table.num_rows == sent("spans").num_rows
        keys = list(zip(table["start_ns"].to_pylist(), table["span_id"].to_pylist(), strict=True))
        assert keys == sorted(keys)

    def test_keeps_every_column_as_it_came(self, store: Store) -> None:
        """A span reads back with the values it was sent with, attributes and all."""
        wanted = sent("spans").sort_by([("start_ns", "ascending"), ("span_id", "ascending")])
        found = store.spans(WINDOW, limit=None).table
        for name in records.SPANS.names:
            assert found[name].to_pylist() == wanted[name].to_pylist(), name

    def test_adding_again_changes_nothing(self, store: Store) -> None:
        """The same records added a second time are stored once, and counted once in the rollups."""
        before = {name: store.status().table(name).rows for name in ("spans", "logs", "samples", "events")}
        edges = _calls(store.edges(WINDOW))
        store.add(shop_batch(SHOP))
        store.flush()
        assert {name: store.status().table(name).rows for name in before} == before
        assert _calls(store.edges(WINDOW)) == edges

    def test_windows_are_half_open(self, store: Store) -> None:
        """Two windows that meet share no span and miss none."""
        starts = np.sort(sent("spans")["start_ns"].to_numpy())
        middle = int(starts[len(starts) // 2])
        left = store.spans(Window(WINDOW.start_ns, middle), limit=None).table.num_rows
        right = store.spans(Window(middle, WINDOW.end_ns), limit=None).table.num_rows
        assert left == int((starts < middle).sum())
        assert left + right == len(starts)

    def test_a_capped_answer_says_so(self, store: Store) -> None:
        """A limit below the matches sets `truncated`; one above does not."""
        capped = store.spans(WINDOW, limit=5)
        assert capped.truncated and capped.table.num_rows == 5
        assert not store.spans(WINDOW, limit=1_000_000).truncated

    def test_newest_first_reverses_the_order(self, store: Store) -> None:
        """The first of newest-first is the last of oldest-first."""
        newest = store.spans(WINDOW, limit=1, newest_first=True).table["span_id"][0]
        assert newest == store.spans(WINDOW, limit=None).table["span_id"][-1]

    def test_filters_compare_exactly(self, store: Store) -> None:
        """Every filter gives what a plain comparison over the sent spans gives."""
        spans = sent("spans")
        service, operation = spans["service"][0].as_py(), spans["operation"][0].as_py()
        median = int(np.median(spans["duration_ns"].to_numpy()))
        cases = {
            "service": (SpanFilter(service=service), pc.equal(spans["service"], service)),
            "operation": (SpanFilter(operation=operation), pc.equal(spans["operation"], operation)),
            "kind": (SpanFilter(kind="CLIENT"), pc.equal(spans["kind"], "CLIENT")),
            "slow": (SpanFilter(duration_min_ns=median), pc.greater_equal(spans["duration_ns"], median)),
            "quick": (SpanFilter(duration_max_ns=median), pc.less_equal(spans["duration_ns"], median)),
            "nobody": (SpanFilter(service="no such service"), pc.equal(spans["service"], "no such service")),
        }
        for name, (where, mask) in cases.items():
            wanted = sorted(spans.filter(mask)["span_id"].to_pylist())
            assert sorted(store.spans(WINDOW, where, limit=None).table["span_id"].to_pylist()) == wanted, name

    def test_finds_spans_by_attribute(self, store: Store) -> None:
        """Every given pair must be among a span's attributes."""
        spans = sent("spans")
        with_attributes = next(row for row in spans["attributes"].to_pylist() if row)
        key, value = with_attributes[0]
        wanted = sum((key, value) in row for row in spans["attributes"].to_pylist())
        assert store.spans(WINDOW, SpanFilter(attributes={key: value}), limit=None).table.num_rows == wanted
        assert store.spans(WINDOW, SpanFilter(attributes={key: value + "?"})).table.num_rows == 0

    def test_gives_a_trace_with_its_resources(self, store: Store) -> None:
        """A trace is all its spans, each with the attributes of its resource; an unknown trace is empty."""
        spans = sent("spans")
        trace_id = spans["trace_id"][0].as_py()
        trace = store.trace(trace_id)
        assert trace.num_rows == pc.sum(pc.equal(spans["trace_id"], trace_id)).as_py()
        attributes = dict(trace["resource"][0].as_py())
        assert attributes["service.name"] == trace["service"][0].as_py()
        assert store.trace(b"\x01" * 16).num_rows == 0

    def test_summarises_traces_newest_first(self, store: Store) -> None:
        """One row per trace with its root, span count and errors over all its spans."""
        spans = sent("spans")
        page = store.traces(WINDOW, limit=7)
        rows = page.table.to_pylist()
        assert page.truncated and len(rows) == 7
        assert [row["start_ns"] for row in rows] == sorted((row["start_ns"] for row in rows), reverse=True)
        for row in rows:
            own = spans.filter(pc.equal(spans["trace_id"], row["trace_id"])).to_pylist()
            root = next(span for span in own if span["parent_span_id"] is None)
            assert (row["service"], row["operation"]) == (root["service"], root["operation"])
            assert row["spans"] == len(own)
            assert row["errors"] == sum(span["status"] == "ERROR" for span in own)

    def test_finds_log_lines(self, store: Store) -> None:
        """Substring, severity and service narrow the lines as plain comparison does."""
        lines = sent("logs").to_pylist()
        word = lines[0]["body"].split()[0]
        wanted = sum(word in line["body"] for line in lines)
        assert store.logs(WINDOW, LogFilter(contains=word), limit=None).table.num_rows == wanted
        wanted = sum(line["severity_number"] >= 13 for line in lines)
        assert store.logs(WINDOW, LogFilter(severity_min=13), limit=None).table.num_rows == wanted
        service = lines[0]["service"]
        wanted = sum(line["service"] == service for line in lines)
        assert store.logs(WINDOW, LogFilter(service=service), limit=None).table.num_rows == wanted

    def test_finds_lines_by_template(self, store: Store) -> None:
        """Lines by the ids they are stored with, counts by id, and what was told of the ids: once, however often."""
        lines = sent("logs").slice(0, 3)
        at = WINDOW.start_ns - 7 * 24 * 3600 * 10**9
        ids = [4_000_000_000_000_000_000, -7, 4_000_000_000_000_000_000]
        moved = lines.set_column(0, records.LOGS.field("time_ns"), pa.array([at, at + 1, at + 2], pa.int64()))
        place = records.LOGS.get_field_index("template_id")
        moved = moved.set_column(place, records.LOGS.field("template_id"), pa.array(ids, pa.int64()))
        rows = [(11, ids[0], ids[0], 1, "one <*>", at), (12, -7, ids[0], 2, "<*> <*>", at)]
        told = pa.table(list(map(list, zip(*rows, strict=True))), names=records.LOG_TEMPLATES.names)
        told = told.cast(records.LOG_TEMPLATES)
        for _ in range(2):
            store.add(Batch({"logs": moved, "log_templates": told}))
            store.flush()
        window = Window(at, at + 10)
        assert store.logs(window, LogFilter(template_ids=[ids[0]])).table["time_ns"].to_pylist() == [at, at + 2]
        assert store.logs(window, LogFilter(template_ids=[1])).table.num_rows == 0
        counts = store.log_counts(Window(at // 10**10 * 10**10, at + 10**10))
        assert sorted(counts["template_id"].to_pylist()) == sorted(set(ids))
        assert store.log_templates().sort_by("entry_id").to_pylist() == told.to_pylist()

    def test_gives_samples_by_series(self, store: Store) -> None:
        """Samples come with the series they belong to, by name and service."""
        series = sent("series")
        name = series["name"][0].as_py()
        ids = set(series.filter(pc.equal(series["name"], name))["series_id"].to_pylist())
        found = store.samples(WINDOW, SampleFilter(names=[name]))
        wanted = pc.sum(pc.is_in(sent("samples")["series_id"], value_set=pa.array(list(ids)))).as_py()
        assert found.num_rows == wanted
        assert set(store.series(SampleFilter(names=[name]))["series_id"].to_pylist()) == ids
        assert store.samples(WINDOW, SampleFilter(names=["no.such.metric"])).num_rows == 0

    def test_gives_events(self, store: Store) -> None:
        """Events come back by time."""
        assert store.events(WINDOW).table.num_rows == sent("events").num_rows

    def test_samples_read_back_as_sent(self, store: Store) -> None:
        """Every sample comes back once, by (series_id, time_ns), with its value, under the series it was sent for."""
        wanted = _points_by_series(sent("series"), sent("samples"), store.capabilities().sample_resolution_ns)
        samples = store.samples(WINDOW)
        keys = list(zip(samples["series_id"].to_pylist(), samples["time_ns"].to_pylist(), strict=True))
        assert keys == sorted(set(keys))
        found = _points_by_series(store.series(), samples, 1)
        assert found.keys() == wanted.keys()
        for key, points in wanted.items():
            assert [time for time, _ in found[key]] == [time for time, _ in points], key
            values = np.array([value for _, value in points])
            assert np.allclose([value for _, value in found[key]], values, rtol=self.value_tolerance, atol=0.0), key

    def test_sample_windows_are_half_open(self, store: Store) -> None:
        """Two windows that meet share no sample and miss none, also where a sample lies on the border."""
        middle = int(np.sort(sent("samples")["time_ns"].to_numpy())[sent("samples").num_rows // 2])
        left = store.samples(Window(WINDOW.start_ns, middle))["time_ns"].to_numpy()
        right = store.samples(Window(middle, WINDOW.end_ns))["time_ns"].to_numpy()
        assert left.max() < middle == right.min()
        assert len(left) + len(right) == sent("samples").num_rows

    def test_histograms_read_back_as_sent(self, store: Store) -> None:
        """Points of histograms and summaries come back with buckets, quantiles, count and sum, added twice or not."""
        batch = histogram_batch(WINDOW.start_ns)
        for _ in range(2):
            store.add(batch)
            store.flush()
        ids = {row["series_id"]: row["name"] for row in batch.tables["series"].to_pylist()}
        names = {row["series_id"]: row["name"] for row in store.series().to_pylist()}
        columns = ("time_ns", "count", "sum", "min", "max", "bounds", "counts")
        wanted = [(ids[row["series_id"]], *(row[c] for c in columns)) for row in batch.tables["histograms"].to_pylist()]
        rows = store.histograms(WINDOW).to_pylist()
        found = [(names[row["series_id"]], *(row[c] for c in columns)) for row in rows]
        assert sorted(found) == sorted(wanted)
        assert store.histograms(WINDOW, SampleFilter(names=["size"])).num_rows == 1
        assert store.histograms(WINDOW.shifted(-10 * MINUTE_NS)).num_rows == 0

    def test_names_the_services(self, store: Store) -> None:
        """Every service that sent anything in the window, by name; none outside of it."""
        wanted = set(sent("spans")["service"].to_pylist()) | set(sent("series")["service"].to_pylist())
        assert set(store.services(WINDOW)) >= set(sent("spans")["service"].to_pylist())
        assert set(store.services(WINDOW)) <= wanted | set(sent("logs")["service"].to_pylist())
        assert store.services(WINDOW.shifted(-1000 * MINUTE_NS)) == []

    def test_edges_count_calls_between_services(self, store: Store) -> None:
        """The edges agree with pairing every span with its parent by hand."""
        assert _calls(store.edges(WINDOW)) == edges_by_hand(sent("spans"))

    def test_rollups_add_up_over_steps(self, store: Store) -> None:
        """By minute or over all: the same sums."""
        for name in ("edges", "calls", "instance_calls", "operations", "instances", "coverage"):
            read = getattr(store, name)
            whole, steps = read(WINDOW), read(WINDOW, step_ns=MINUTE_NS)
            measure = "spans" if name == "coverage" else "calls"
            assert pc.sum(whole[measure]).as_py() == pc.sum(steps[measure]).as_py() > 0, name
            assert set(np.unique(steps["slot_ns"].to_numpy() % MINUTE_NS)) == {0}, name

    def test_coverage_counts_every_span(self, store: Store) -> None:
        """Spans, roots and linked spans are counted exactly."""
        coverage, spans = store.coverage(WINDOW), sent("spans")
        roots = spans["parent_span_id"].null_count
        assert pc.sum(coverage["spans"]).as_py() == spans.num_rows
        assert pc.sum(coverage["roots"]).as_py() == roots
        assert pc.sum(coverage["linked"]).as_py() == spans.num_rows - roots

    def test_counts_log_lines(self, store: Store) -> None:
        """The log rollup counts every line once."""
        assert pc.sum(store.log_counts(WINDOW)["lines"]).as_py() == sent("logs").num_rows

    def test_an_empty_window_is_an_empty_answer(self, store: Store) -> None:
        """Nothing there is a table with the right columns and no rows."""
        nowhere = WINDOW.shifted(-1000 * MINUTE_NS)
        assert store.spans(nowhere).table.schema.names == records.SPANS.names
        assert store.spans(nowhere).table.num_rows == store.logs(nowhere).table.num_rows == 0
        assert store.traces(nowhere).table.num_rows == store.edges(nowhere).num_rows == 0
        assert store.calls(nowhere).num_rows == store.instance_calls(nowhere, step_ns=MINUTE_NS).num_rows == 0
        assert store.samples(nowhere).num_rows == store.histograms(nowhere).num_rows == 0

    def test_disorderly_spans_are_counted_as_by_hand(self, store: Store) -> None:
        """Calls between services, operations and instances, and coverage: what a count of all spans at once says.

        They come late, early and twice, by clocks that differ, with several roots, rings, parents that never come,
        links to other traces and sampling.
        """
        spans = disorderly_spans()
        wanted = ByHand(spans).result()
        assert_disorder(wanted)
        for number, start in enumerate(range(0, spans.num_rows, 120)):
            again = spans.slice(max(0, start - 60), 60 * min(number, 1))
            store.add(Batch({"spans": pa.concat_tables([spans.slice(start, 120), again])}))
            store.flush()
        window = Window(START_NS - 10 * MINUTE_NS, START_NS + 20 * MINUTE_NS)
        found = add_up([{name: getattr(store, ask)(window, step_ns=step)} for name, (ask, step) in CALL_TABLES.items()])
        found["rollup_edges"] = without_buckets(found["rollup_edges"])
        for name in CALL_TABLES:
            assert found[name] == wanted[name], name

    def test_calls_of_a_service_begin_or_end_there(self, store: Store) -> None:
        """Of operations and of instances as of services; an unknown service has none."""
        for name, (ask, _) in CALL_TABLES.items():
            if name == "rollup_coverage":
                continue
            read = getattr(store, ask)
            rows = read(WINDOW)
            assert rows.schema.names == [column for column in records.TABLES[name][0].names if column != "slot_ns"]
            ends = pc.or_(pc.equal(rows["caller"], "cart"), pc.equal(rows["callee"], "cart"))
            assert 0 < pc.sum(ends).as_py() < rows.num_rows, name
            assert read(WINDOW, service="cart").to_pylist() == rows.filter(ends).to_pylist(), name
            assert read(WINDOW, service="no such service").num_rows == 0, name

    def test_windows_of_calls_are_half_open(self, store: Store) -> None:
        """Two windows that meet at a minute share no call and miss none."""
        middle = WINDOW.start_ns // MINUTE_NS * MINUTE_NS + 3 * MINUTE_NS
        for name, (ask, _) in CALL_TABLES.items():
            read = getattr(store, ask)
            early = Window(WINDOW.start_ns - MINUTE_NS, middle)
            whole = read(Window(early.start_ns, WINDOW.end_ns))
            measure = "spans" if name == "rollup_coverage" else "calls"
            parts = [pc.sum(read(part)[measure]).as_py() for part in (early, Window(middle, WINDOW.end_ns))]
            assert all(parts) and sum(parts) == pc.sum(whole[measure]).as_py(), name

    def test_late_spans_reopen_their_slot(self, store: Store) -> None:
        """A child that comes a flush after its parent, or before it, makes the same edge."""
        spans = sent("spans")
        shifted = _shifted(spans, 10 * MINUTE_NS)
        parents = shifted.filter(pc.is_null(shifted["parent_span_id"]))
        children = shifted.filter(pc.is_valid(shifted["parent_span_id"]))
        for part in (children, parents):
            store.add(Batch({"spans": part}))
            store.flush()
        assert _calls(store.edges(WINDOW.shifted(10 * MINUTE_NS))) == edges_by_hand(spans)


def disorderly_spans() -> pa.Table:
    """Some 500 spans of four minutes in no order."""
    spans = random_spans(11, traces=90)
    columns = {
        field.name: pa.array([[]] * spans.num_rows, field.type)
        for field in records.SPANS
        if pa.types.is_nested(field.type)
    }
    columns |= {name: spans[name] for name in spans.schema.names}
    return pa.table([columns[name] for name in records.SPANS.names], schema=records.SPANS)


def assert_disorder(wanted: Sums) -> None:
    """That the spans have all of what may go wrong."""
    edges, coverage = (
        [dict(zip(MEASURES[name], sums, strict=True)) for sums in wanted[name].values()]
        for name in ("rollup_edges", "rollup_coverage")
    )
    kinds = {key[5] for key in wanted["rollup_edges"]}
    assert kinds == set(records.EDGE_KINDS)
    for measure in ("gap_calls", "lag_calls", "lag_ns_sum"):
        assert any(row[measure] for row in edges), measure
    assert any(row["estimated_milli"] > 1000 * row["calls"] for row in edges)
    totals = {name: sum(row[name] for row in coverage) for name in MEASURES["rollup_coverage"]}
    assert all(totals.values())
    assert totals["links_found"] < totals["links"]
    assert totals["clients_answered"] < totals["clients"]
    assert totals["roots"] + totals["linked"] < totals["spans"] < totals["estimated_milli"] / 1000


def _shifted(spans: pa.Table, by_ns: int) -> pa.Table:
    """The same spans at another time, as other traces."""
    place = spans.schema.get_field_index("start_ns")
    moved = spans.set_column(place, "start_ns", pc.add(spans["start_ns"], by_ns))
    place = spans.schema.get_field_index("trace_id")
    other = pa.array([bytes([255 - trace_id[0]]) + trace_id[1:] for trace_id in spans["trace_id"].to_pylist()])
    return moved.set_column(place, "trace_id", other.cast(pa.binary()))


def _points_by_series(
    series: pa.Table, samples: pa.Table, resolution_ns: int
) -> dict[tuple[str, ...], list[tuple[int, float]]]:
    """(time, value) by what tells series apart for people; stores may number them otherwise."""
    named = {
        row["series_id"]: (row["name"], row["unit"], row["type"], row["service"], row["instance"], *row["attributes"])
        for row in series.to_pylist()
    }
    found: dict[tuple[str, ...], list[tuple[int, float]]] = {}
    for row in samples.to_pylist():
        time_ns = row["time_ns"] // resolution_ns * resolution_ns
        found.setdefault(named[row["series_id"]], []).append((time_ns, row["value"]))
    return {key: sorted(points) for key, points in found.items()}


def histogram_batch(start_ns: int) -> Batch:
    """Two points of a histogram whose counts grow, one of a histogram without buckets, and two of a summary."""
    kinds = (("latency", "s", "histogram"), ("size", "By", "histogram"), ("wait", "s", "summary"))
    series = [
        {
            "series_id": -number,
            "name": name,
            "unit": unit,
            "type": type_,
            "temporality": "CUMULATIVE",
            "monotonic": False,
            "service": "cart",
            "instance": "cart-1",
            "resource_id": 1,
            "description": f"The {name}",
            "attributes": [("http.route", "/cart")],
            "first_ns": start_ns,
        }
        for number, (name, unit, type_) in enumerate(kinds, start=1)
    ]
    bounds = [0.005, 0.5, 10.0]
    points = [
        (-1, 1, 10, 2.5, 0.001, 0.9, bounds, [1.0, 4.0, 5.0, 0.0]),
        (-1, 2, 17, 60.5, 0.001, 12.0, bounds, [1.0, 6.0, 7.0, 3.0]),
        (-2, 1, 3, 12.0, None, None, [], []),
        (-3, 1, 5, 2.0, None, None, [0.5, 0.99], [0.25, 0.75]),
        (-3, 2, 6, 3.0, None, None, [0.5, 0.99], [0.5, 1.5]),
    ]
    names = ("series_id", "time_ns", "count", "sum", "min", "max", "bounds", "counts")
    rows = [dict(zip(names, (row[0], start_ns + row[1] * MINUTE_NS, *row[2:]), strict=True)) for row in points]
    return Batch(
        {
            "series": pa.Table.from_pylist(series, schema=records.SERIES),
            "histograms": pa.Table.from_pylist(rows, schema=records.HISTOGRAMS),
        }
    )


def _calls(edges: pa.Table) -> dict[tuple[str, str], int]:
    summed = edges.group_by(["caller", "callee"]).aggregate([("calls", "sum")]).to_pylist()
    return {(row["caller"], row["callee"]): row["calls_sum"] for row in summed if row["calls_sum"]}


def edges_by_hand(spans: pa.Table) -> dict[tuple[str, str], int]:
    """Calls per (caller, callee), span by span: the slow way that the store must agree with."""
    rows = spans.to_pylist()
    by_id = {(row["trace_id"], row["span_id"]): row for row in rows}
    answered = set()
    found: dict[tuple[str, str], int] = {}

    def count(caller: str, callee: str) -> None:
        found[caller, callee] = found.get((caller, callee), 0) + 1

    for row in rows:
        parent = by_id.get((row["trace_id"], row["parent_span_id"]))
        if parent is None:
            continue
        crossing = parent["service"] != row["service"] or (row["kind"], parent["kind"]) == ("SERVER", "CLIENT")
        if crossing and not (row["kind"] == "CONSUMER" and row["peer_service"] and row["peer_type"] == "queue"):
            count(parent["service"], row["service"])
            answered.add((parent["trace_id"], parent["span_id"]))
    for row in rows:
        if row["peer_service"] is None:
            continue
        if row["kind"] == "PRODUCER" or (row["kind"] == "CLIENT" and (row["trace_id"], row["span_id"]) not in answered):
            count(row["service"], row["peer_service"])
        elif row["kind"] == "CONSUMER" and row["peer_type"] == "queue":
            count(row["peer_service"], row["service"])
    return found
