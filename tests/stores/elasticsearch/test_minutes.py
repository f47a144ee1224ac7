"""Rollups computed by anybody, minute by minute, over a real Elasticsearch: never anything but the sum of all spans."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from causeway.stores.elasticsearch import scan
from causeway.stores.elasticsearch.client import connect
from causeway.stores.elasticsearch.minutes import Due, MinuteWorker, open_worker, roll_up
from causeway.stores.elasticsearch.names import Names
from causeway.stores.elasticsearch.rollup_documents import RollupDocuments
from causeway.stores.elasticsearch.settings import ElasticsearchSettings
from causeway.stores.linking.minutes import LINKED_COLUMNS
from causeway.window import HOUR_NS, Window
from tests.servers.elasticsearch import Cluster
from tests.stores.elasticsearch.namespaces import namespace
from tests.stores.elasticsearch.span_documents import send
from tests.stores.linking.by_hand import MEASURES, Sums, add_up
from tests.stores.linking.random_spans import START_NS, random_spans
from tests.stores.linking.test_linker import link

WHOLE = Window(START_NS - HOUR_NS, START_NS + HOUR_NS)


@pytest.fixture
def server(elasticsearch: Cluster) -> Cluster:
    return elasticsearch


@pytest.fixture
def settings(server) -> Iterator[ElasticsearchSettings]:
    with namespace(server) as made:
        open_worker(made)  # which puts the templates in place
        yield made


@pytest.fixture
def client(settings):
    made = connect(settings)
    yield made
    made.close()


def held(settings: ElasticsearchSettings) -> Sums:
    """The sums of all minute documents."""
    client = connect(settings)
    documents = RollupDocuments(client, Names(settings.namespace))
    documents.refresh()
    sums = add_up([{name: documents.read(name, WHOLE)} for name in MEASURES])
    client.close()
    return sums


@pytest.mark.parametrize("seed", range(3))
def test_rollups_follow_the_spans_in_any_order(settings, client, seed: int) -> None:
    """After each arrival the sums are those of all spans that arrived; copies and empty rounds change nothing."""
    spans, rng = random_spans(seed, traces=25), np.random.default_rng(seed)
    worker = open_worker(settings)
    cuts = [0, *sorted(rng.choice(spans.num_rows, 4, replace=False).tolist()), spans.num_rows]
    for first, last in itertools.pairwise(cuts):
        send(client, settings, spans.slice(first, last - first))
        assert roll_up(worker, WHOLE) > 0
        assert held(settings) == link(spans.slice(0, last), [])
        if rng.random() < 0.5:
            worker = open_worker(settings)  # one that remembers nothing
    assert roll_up(worker, WHOLE) == 0
    send(client, settings, spans.slice(0, 40))
    assert roll_up(open_worker(settings), WHOLE) > 0
    assert held(settings) == link(spans, [])


def test_what_was_computed_from_older_spans_never_wins(settings, client) -> None:
    """A worker that read before the last spans came, and writes after another did, writes nothing and says so."""
    spans = random_spans(1, traces=25)
    first, second = spans.slice(0, 60), spans.slice(60)
    slow, quick = open_worker(settings), open_worker(settings)
    send(client, settings, first)
    minute_ns = quick.due(WHOLE)[0].minute_ns
    send_second = [lambda: send(client, settings, second), lambda: roll_up(quick, WHOLE)]
    read = slow._spans.spans_of

    def slowly(window, **options):
        tables = list(read(window, **options))
        while send_second:
            send_second.pop(0)()
        return iter(tables)

    slow._spans.spans_of = slowly
    done = slow.compute(Due(minute_ns, marked=True))
    assert done.again == {minute_ns}
    assert held(settings) == link(spans, [])


def test_a_parent_that_comes_while_its_children_are_read_is_found(settings, client) -> None:
    """Two minutes computed at once, each before the other is written: who writes last notices."""
    spans = random_spans(3, traces=60)
    minute = pc.floor_temporal(pc.cast(spans["start_ns"], pa.timestamp("ns")), unit="minute")
    minutes = sorted(set(pc.cast(minute, pa.int64()).to_pylist()))
    early = spans.filter(pc.greater_equal(spans["start_ns"], minutes[1]))
    late = spans.filter(pc.less(spans["start_ns"], minutes[1]))
    worker, other = open_worker(settings), open_worker(settings)
    send(client, settings, early)
    read, todo = worker._spans.spans_of_traces, [lambda: send(client, settings, late)]

    def meanwhile(traces, window, **options):
        found = list(read(traces, window, **options))
        if todo and window.start_ns > minutes[1]:
            todo.pop()()
            assert other.compute(Due(minutes[0])).again == set()
        return iter(found)

    worker._spans.spans_of_traces = meanwhile
    assert worker.compute(Due(minutes[1])).again == {minutes[1]}


def test_a_minute_that_another_computed_is_left_alone(settings, client) -> None:
    """What is due is looked at once more, as it is now, before it is computed."""
    send(client, settings, random_spans(2))
    one, two = open_worker(settings), open_worker(settings)
    due = two.due(WHOLE)
    assert roll_up(one, WHOLE) >= len(due) > 2
    assert [two.compute(minute).spans for minute in due] == [None] * len(due)


def test_deleted_spans_change_nothing_beyond_the_look_back(settings, client) -> None:
    """Retention takes whole indices of spans; what was rolled up of them stays."""
    spans = random_spans(4)
    send(client, settings, spans)
    worker: MinuteWorker = open_worker(settings)
    roll_up(worker, WHOLE)
    client.indices.rollover(alias=Names(settings.namespace).spans)
    old = client.indices.get(index=f".ds-{Names(settings.namespace).spans}-*", expand_wildcards="all")
    client.indices.delete(index=min(old))
    assert worker.due(WHOLE, shrunk=False) == [] == worker.due(WHOLE)
    assert held(settings) == link(spans, [])


def test_scans_read_what_the_linker_reads() -> None:
    """The list stands twice so that readers need not load the linker."""
    assert scan.LINKED_COLUMNS == LINKED_COLUMNS
