"""Analyzers share the minutes of a real Elasticsearch; what they compute together is what one would."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import structlog

from analytics import rollup
from causeway.deployment import Deployment
from causeway.errors import ConfigError
from causeway.jobs import JobContext
from causeway.stores.elasticsearch.client import connect
from causeway.stores.elasticsearch.minutes import open_worker
from causeway.stores.elasticsearch.names import Names
from causeway.stores.elasticsearch.reader import ElasticsearchReader
from causeway.stores.elasticsearch.retention import Keeper
from causeway.window import DAY_NS, HOUR_NS
from tests.servers.elasticsearch import Cluster
from tests.servers.process import wait_for
from tests.stores.elasticsearch.namespaces import namespace
from tests.stores.elasticsearch.span_documents import send
from tests.stores.elasticsearch.test_minutes import held
from tests.stores.linking.random_spans import START_NS, random_spans
from tests.stores.linking.test_linker import link
from tests.table_store import TableStore


@pytest.fixture
def server(elasticsearch: Cluster) -> Cluster:
    return elasticsearch


@pytest.fixture
def settings(server):
    with namespace(server) as made:
        open_worker(made)
        yield made


@pytest.fixture
def client(settings):
    made = connect(settings)
    yield made
    made.close()


class Analyzer:
    """One that only rolls up; `state` is shared with others through its file."""

    def __init__(self, settings, folder):
        self.deployment = Deployment(folder, store=settings)
        self.state = self.deployment.open_state()
        self.memory = {}
        self.reader = TableStore()
        self.now_ns = START_NS + HOUR_NS  # the look back reaches all spans

    def turn(self):
        config = {"rollup": {"lookback_s": 7200, "whole_every_s": 1e9}}
        log = structlog.get_logger()
        return rollup.job(JobContext(self.reader, self.state, config, self.now_ns, self.deployment, log, self.memory))

    def close(self):
        self.state.close()


@pytest.fixture
def analyzers(settings, tmp_path):
    made = [Analyzer(settings, tmp_path) for _ in range(3)]
    yield made
    for one in made:
        one.close()


def rest(analyzers):
    """Turns until nobody has anything to do."""

    def done():
        for one in analyzers:
            one.turn()
            for memory in one.memory.values():
                memory.rests.clear()
        return not analyzers[0].state.rollup_leases(analyzers[0].deployment.location)

    wait_for(done, what="all minutes to be computed", timeout_s=60)


def test_analyzers_share_what_is_due(settings, client, analyzers) -> None:
    """Three at once, while spans arrive: the sums are those of all spans."""
    spans = random_spans(5, traces=60)
    with ThreadPoolExecutor(3) as pool:
        for first in range(0, spans.num_rows, 100):
            send(client, settings, spans.slice(first, 100))
            list(pool.map(Analyzer.turn, analyzers))
    rest(analyzers)
    assert held(settings) == link(spans, [])


def test_spans_of_long_ago_are_found_at_once(settings, client, analyzers, monkeypatch) -> None:
    """What is replayed or attached now may be of last year: no waiting for the next look at everything."""
    analyzer = analyzers[0]
    reader = ElasticsearchReader(settings)
    monkeypatch.setattr(analyzer, "reader", reader)
    analyzer.now_ns = START_NS + 365 * DAY_NS
    analyzer.turn()
    spans = random_spans(8)
    send(client, settings, spans)
    rest([analyzer])
    assert held(settings) == link(spans, [])
    reader.close()


def test_minutes_of_an_analyzer_that_died_are_taken_over(settings, client, analyzers) -> None:
    """While its leases last they are left to it; afterwards they are computed whatever the counts say."""
    spans = random_spans(6)
    send(client, settings, spans)
    first, second, _ = analyzers
    store = first.deployment.location
    due = [minute.minute_ns for minute in open_worker(settings).due(rollup.Window(START_NS, START_NS + HOUR_NS))]
    soon_ns = time.time_ns() + HOUR_NS
    taken = first.state.lease_minutes(store, due, owner="gone", now_ns=0, until_ns=soon_ns, limit=2)
    second.turn()
    assert set(open_worker(settings).due(rollup.Window(START_NS, START_NS + HOUR_NS))) == {
        rollup.Due(minute) for minute in taken
    }
    first.state.extend_minutes(store, taken, owner="gone", until_ns=1)
    rest(analyzers)
    assert held(settings) == link(spans, [])


def test_old_indices_are_deleted_and_only_they(settings, client) -> None:
    """Rollups go when their day and their computation are too old; of a stream the generation being written stays."""
    names = Names(settings.namespace)
    keeper = Keeper(client, settings, streams=True)
    send(client, settings, random_spans(7))
    client.indices.rollover(alias=names.spans)
    client.index(
        index=names.rollups_of(START_NS), document={"minute": START_NS // 10**6, "computed_at": 0}, refresh=True
    )
    assert keeper.keep(START_NS + DAY_NS) == []
    gone = keeper.keep(START_NS + 8 * DAY_NS)
    assert len(gone) == 1 and gone[0].startswith(f".ds-{names.spans}-")
    assert keeper.keep(START_NS + 95 * DAY_NS) == [names.rollups_of(START_NS)]
    assert client.indices.exists(index=names.spans)


def test_a_wrong_setting_is_named() -> None:
    """Before anything runs."""
    rollup.check({})
    for wrong in ({"evry_s": 1.0}, {"every_s": 0.0}):
        with pytest.raises(ConfigError, match="every_s"):
            rollup.check({"rollup": wrong})
