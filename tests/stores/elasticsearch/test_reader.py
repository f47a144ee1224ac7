"""Reading from a real Elasticsearch: order, ties, caps, substrings, traces, what documents do not say."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from dataclasses import replace

import pyarrow as pa
import pytest

from causeway import records
from causeway.errors import ConfigError, StoreError
from causeway.stores import open_store
from causeway.stores.contract import Batch, LogFilter, SpanFilter
from causeway.stores.elasticsearch import ordered
from causeway.stores.elasticsearch.reader import ElasticsearchReader
from causeway.stores.elasticsearch.scan import Query
from causeway.stores.elasticsearch.settings import ElasticsearchSettings
from causeway.stores.elasticsearch.store import ElasticsearchStore
from causeway.window import MINUTE_NS, SECOND_NS, Window
from tests.servers.elasticsearch import Cluster
from tests.stores.elasticsearch.namespaces import namespace

START_NS = 1_764_000_000 * SECOND_NS
WINDOW = Window(START_NS, START_NS + 10 * MINUTE_NS)
SPANS = 900
RESOURCE = [("service.name", "shop"), ("quote", '"\\\n')]
WORDS = ("refused", "Refused", "x86_64", "io.grpc.Status", "支付失败", "naïve", "4711", "a-b", "%20", "été", "😀", "Ω")
SUBSTRINGS = (
    "fuse",
    "Ref",
    "86_6",
    "grpc.St",
    "付失",
    "败",
    "aïv",
    "71",
    "-b",
    "%2",
    "é",
    "😀",
    "nothing of it",
    " x86",
)


def _spans() -> pa.Table:
    """Spans of 90 traces: few distinct times and durations, so that ties are everywhere."""
    rng = random.Random(7)
    rows = []
    for number in range(SPANS):
        trace = number % 90
        rows.append(
            {
                "trace_id": (trace + 1).to_bytes(16, "big"),
                "span_id": rng.randbytes(8),
                "parent_span_id": None if number < 90 else rng.randbytes(8),
                "service": rng.choice(("shop", "bank")),
                "operation": rng.choice(("GET /", "pay \u2028 'x'", "")),
                "kind": rng.choice(records.SPAN_KINDS),
                "start_ns": START_NS + rng.randrange(30) * 15 * SECOND_NS + rng.choice((0, 1, 999_999_999)),
                "duration_ns": rng.randrange(5) * 1_000_000,
                "status": rng.choice(records.SPAN_STATUSES),
                "status_message": rng.choice((None, "no\tway")),
                "instance": rng.choice(("", "pod-1")),
                "version": "",
                "peer_service": rng.choice((None, "db")),
                "resource_id": 5,
                "scope": "s",
                "attributes": [("n", str(rng.randrange(4))), ("text", rng.choice(WORDS)), ("long", "y" * 2000)],
                "events": [{"time_ns": START_NS + 1, "name": "e", "attributes": [("k", "v")]}] * rng.randrange(3),
                "links": [{"trace_id": b"\x01" * 16, "span_id": b"\x02" * 8, "attributes": []}] * rng.randrange(2),
            }
        )
    return pa.Table.from_pylist(rows, schema=records.SPANS)


def _logs() -> pa.Table:
    rng = random.Random(8)
    rows = [
        {
            "time_ns": START_NS + rng.randrange(40) * SECOND_NS,
            "observed_ns": START_NS + 1,
            "service": rng.choice(("shop", "bank")),
            "instance": "pod-1",
            "severity": "ERROR" if number % 3 else "INFO",
            "severity_number": 17 if number % 3 else 9,
            "body": " ".join(rng.choice(WORDS) for _ in range(4)) + ("z" * 300 + "fuse" if number == 5 else ""),
            "resource_id": 5,
            "scope": "s",
            "attributes": [],
            "ordinal": number,
        }
        for number in range(400)
    ]
    return pa.Table.from_pylist(rows, schema=records.LOGS)


SENT, LINES = _spans(), _logs()


@pytest.fixture(scope="module")
def settings(elasticsearch: Cluster) -> Iterator[ElasticsearchSettings]:
    """A namespace that holds SENT and LINES; the resource came after the spans."""
    with namespace(elasticsearch) as found:
        store = ElasticsearchStore(found)
        store.add(Batch({"spans": SENT, "logs": LINES}))
        resource = {"resource_id": 5, "service": "shop", "attributes": RESOURCE, "first_ns": START_NS}
        store.add(Batch({"resources": pa.Table.from_pylist([resource], schema=records.RESOURCES)}))
        store.flush()
        store.close()
        yield found


@pytest.fixture
def store(settings: ElasticsearchSettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[ElasticsearchStore]:
    """The store, reading small pages, so that every answer takes several."""
    monkeypatch.setattr(ordered, "PAGE_FIRST", 3)
    found = ElasticsearchStore(settings)
    found.source._scanner._page = found._scanner._page = 100
    yield found
    found.close()


def _in_order(rows: pa.Table, keys: tuple[str, str], *, newest_first: bool = False) -> list[dict[str, object]]:
    direction = "descending" if newest_first else "ascending"
    return rows.sort_by([(key, direction) for key in keys]).to_pylist()


def test_reads_back_what_was_sent(store: ElasticsearchStore) -> None:
    """Every column of every span, whatever characters are in it, over many pages."""
    wanted = _in_order(SENT, ("start_ns", "span_id"))
    assert store.spans(WINDOW, limit=None).table.to_pylist() == wanted


@pytest.mark.parametrize("limit", [1, 2, 29, 250, 899, 900, 901])
@pytest.mark.parametrize("newest_first", [False, True])
def test_a_limit_cuts_the_total_order(store: ElasticsearchStore, limit: int, newest_first: bool) -> None:
    """Spans with equal times are cut by span_id, as if all had been sorted."""
    wanted = _in_order(SENT, ("start_ns", "span_id"), newest_first=newest_first)
    page = store.spans(WINDOW, limit=limit, newest_first=newest_first, columns=["start_ns", "span_id"])
    assert page.table["span_id"].to_pylist() == [row["span_id"] for row in wanted[:limit]]
    assert page.truncated == (limit < SPANS)


@pytest.mark.parametrize(
    "where",
    [
        SpanFilter(kind="UNSPECIFIED"),
        SpanFilter(status="UNSET", service="bank"),
        SpanFilter(operation=""),
        SpanFilter(instance=""),
        SpanFilter(instance="pod-1", duration_min_ns=1_000_000, duration_max_ns=3_000_000),
        SpanFilter(attributes={"n": "3", "text": "支付失败"}),
        SpanFilter(attributes={"long": "y" * 2000}),
        SpanFilter(attributes={"text": "refused"}),
    ],
    ids=str,
)
def test_filters_compare_exactly(store: ElasticsearchStore, where: SpanFilter) -> None:
    """A filter gives what a loop over the sent spans gives, all of it or the first of it."""
    plain = {name: getattr(where, name) for name in ("kind", "status", "service", "operation", "instance")}
    low, high = where.duration_min_ns or 0, where.duration_max_ns or 1 << 60
    wanted = [
        row["span_id"]
        for row in _in_order(SENT, ("start_ns", "span_id"))
        if all(value is None or row[name] == value for name, value in plain.items())
        and low <= row["duration_ns"] <= high  # type: ignore[operator]
        and set(where.attributes.items()) <= set(row["attributes"])  # type: ignore[call-overload]
    ]
    assert wanted, "the case finds nothing"
    assert store.spans(WINDOW, where, limit=None).table["span_id"].to_pylist() == wanted
    assert store.spans(WINDOW, where, limit=5).table["span_id"].to_pylist() == wanted[:5]


@pytest.mark.parametrize("text", SUBSTRINGS)
def test_finds_substrings(store: ElasticsearchStore, text: str) -> None:
    """Case-sensitive, inside of words, across them, in any script, behind more letters than a term may have."""
    wanted = [row["ordinal"] for row in _in_order(LINES, ("time_ns", "ordinal")) if text in row["body"]]  # type: ignore[operator]
    assert store.logs(WINDOW, LogFilter(contains=text), limit=None).table["ordinal"].to_pylist() == wanted
    newest = store.logs(WINDOW, LogFilter(contains=text), limit=7, newest_first=True)
    assert newest.table["ordinal"].to_pylist() == wanted[::-1][:7]
    assert newest.truncated == (len(wanted) > 7)


def test_a_search_that_gives_up_says_so(store: ElasticsearchStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """When too many documents had to be looked at, the answer counts as capped."""
    monkeypatch.setattr("causeway.stores.elasticsearch.reader.EXAMINED_MAX", 50)
    page = store.logs(WINDOW, LogFilter(contains="\u2603"), limit=7)
    assert page.truncated and page.table.num_rows == 0


@pytest.mark.parametrize("slowest_first", [False, True])
@pytest.mark.parametrize("limit", [1, 20, 90])
def test_traces_rank_by_their_matching_spans(store: ElasticsearchStore, limit: int, slowest_first: bool) -> None:
    """The traces whose matching spans are newest (slowest), ties by id; then each summed up over all its spans."""
    rows = SENT.to_pylist()
    matching: dict[bytes, list[int]] = {}
    for row in rows:
        if row["service"] == "bank":
            matching.setdefault(row["trace_id"], []).append(row["duration_ns" if slowest_first else "start_ns"])
    chosen = sorted(matching, key=lambda trace: (-max(matching[trace]), trace))[:limit]
    page = store.traces(WINDOW, SpanFilter(service="bank"), limit=limit, slowest_first=slowest_first)
    assert sorted(page.table["trace_id"].to_pylist()) == sorted(chosen)
    assert page.truncated == (limit < len(matching))
    for row in page.table.to_pylist():
        own = [span for span in rows if span["trace_id"] == row["trace_id"]]
        start = min(span["start_ns"] for span in own)
        assert (row["spans"], row["start_ns"]) == (len(own), start)
        assert row["duration_ns"] == max(span["start_ns"] + span["duration_ns"] for span in own) - start
        assert row["services"] == len({span["service"] for span in own})


def test_finds_a_resource_that_came_later(store: ElasticsearchStore) -> None:
    """Documents that do not carry their resource's attributes get them from the index of resources."""
    trace = store.trace((1).to_bytes(16, "big"))
    assert trace.num_rows == SPANS // 90
    assert sorted(trace["resource"][0].as_py()) == sorted(RESOURCE)


def test_log_counts_by_step(store: ElasticsearchStore) -> None:
    """Counts by slot, service and severity; slots belong to the window by their start."""
    window = Window(START_NS + 3 * SECOND_NS, START_NS + 31 * SECOND_NS)
    wanted: dict[tuple[int, str, str], int] = {}
    for row in LINES.to_pylist():
        slot = row["time_ns"] // (10 * SECOND_NS) * 10 * SECOND_NS
        if window.start_ns <= slot < window.end_ns:
            key = (slot, row["service"], row["severity"])
            wanted[key] = wanted.get(key, 0) + 1
    found = store.log_counts(window, step_ns=10 * SECOND_NS).to_pylist()
    assert [tuple(row[name] for name in ("slot_ns", "service", "severity")) for row in found] == sorted(wanted)
    assert [row["lines"] for row in found] == [wanted[key] for key in sorted(wanted)]
    bank = store.log_counts(window, service="bank").to_pylist()
    assert {row["service"] for row in bank} == {"bank"}
    assert sum(row["lines"] for row in bank) == sum(n for (_, name, _), n in wanted.items() if name == "bank")


@pytest.mark.parametrize("window", [Window(0, 1 << 62), Window(-5, START_NS * 2), Window(START_NS, 1 << 64)], ids=str)
def test_windows_without_bounds(store: ElasticsearchStore, window: Window) -> None:
    """A window may begin before any time that the server knows, and end after."""
    assert store.spans(window, limit=5).table.num_rows == store.traces(window, limit=5).table.num_rows == 5
    assert sum(row["lines"] for row in store.log_counts(window).to_pylist()) == LINES.num_rows


def test_a_step_must_fit(store: ElasticsearchStore) -> None:
    """Steps that are no multiple of the rollups' are refused, for logs too."""
    for ask in (store.edges, store.log_counts):
        with pytest.raises(StoreError, match="no multiple"):
            ask(WINDOW, step_ns=15 * SECOND_NS)


def test_nothing_was_written_yet(elasticsearch: Cluster) -> None:
    """A namespace without indices has no records; it is no error."""
    location = elasticsearch.url.replace("http", "elasticsearch", 1) + "/?namespace=nobody"
    reader = open_store(location)
    assert reader.services(WINDOW) == []
    assert reader.spans(WINDOW).table.num_rows == reader.trace(b"\x01" * 16).num_rows == 0
    assert reader.log_counts(WINDOW).num_rows == reader.edges(WINDOW).num_rows == 0
    assert reader.status().table("spans").rows == 0
    reader.close()


def test_clear_errors(settings: ElasticsearchSettings) -> None:
    """A server that is not there and a layout that nobody knows are said in one sentence."""
    with pytest.raises(StoreError, match="no node can be reached"):
        open_store("elasticsearch://127.0.0.1:1/?retries=0&timeout_s=2")
    with pytest.raises(ConfigError, match=r"no layout 'zipkin'; there are .*causeway"):
        ElasticsearchReader(replace(settings, layout="zipkin"))


def test_a_scan_may_be_left(store: ElasticsearchStore) -> None:
    """A reader that stops early leaves no thread behind."""
    before = set(threading.enumerate())
    tables = store.source.spans_of(WINDOW)
    assert [next(tables).num_rows, next(tables).num_rows] == [100, 100]
    assert set(threading.enumerate()) > before
    tables.close()  # type: ignore[attr-defined]
    assert set(threading.enumerate()) == before


def test_a_sliced_scan_reads_everything_once(store: ElasticsearchStore) -> None:
    """Slices together give each document once."""
    query = Query(store.index, (), ("span_id",))
    found = [hit["_source"]["span_id"] for page in store._scanner.pages(query, large=True) for hit in page]
    assert sorted(found) == sorted(span_id.hex() for span_id in SENT["span_id"].to_pylist())
