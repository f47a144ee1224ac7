"""What only a node with settings of its own can show: limits that bodies meet, and a server that asks who is there."""

from __future__ import annotations

import pytest

from causeway.errors import StoreError
from causeway.stores.elasticsearch.settings import ElasticsearchSettings, parse_location
from causeway.stores.elasticsearch.sink import ElasticsearchSink
from tests.servers.elasticsearch import cluster, secured
from tests.small_store import Shop, shop_batch

BATCH = shop_batch(Shop(minutes=2, traces_per_minute=60)).tables
SPANS = BATCH["spans"].num_rows
LIMITS = "http.max_content_length: 192kb\nindexing_pressure.memory.limit: 96kb"


@pytest.mark.slow
def test_bodies_that_a_server_finds_too_large_are_cut_until_it_takes_them() -> None:
    """413 is answered by halves at once, 429 by halves after a wait; every record is stored once."""
    with cluster(settings=LIMITS, heap_mb=512) as server:
        waits: list[float] = []
        settings = ElasticsearchSettings(hosts=tuple(server.urls), bulk_bytes=8 << 20, replicas=0)
        sink = ElasticsearchSink(settings, sleep=waits.append)
        assert sink.flush([{"spans": BATCH["spans"]}], log_position=1) == SPANS
        sink.refresh()
        assert server.get(f"/{sink.names.spans}/_count")["count"] == SPANS
        assert sink.counters.halved >= 1
        assert sink.counters.busy > 0
        assert len(waits) >= 1
        assert sink.counters.dead_letters == 0
        sink.close()


@pytest.mark.slow
def test_a_server_with_tls_and_users_is_written_to_by_those_it_knows() -> None:
    """A wrong password and an unknown certificate are plain errors without secrets."""
    with secured(user="causeway", password="let-me-in-please") as node:
        assert node.login is not None
        where = f"127.0.0.1:{node.port}/?tls=1&replicas=0&retries=0"
        trusting = f"{where}&ca_certs={node.login.certificate}"
        sink = ElasticsearchSink(parse_location(f"elasticsearch://causeway:let-me-in-please@{trusting}"))
        assert sink.flush([{"spans": BATCH["spans"]}], log_position=1) == SPANS
        sink.close()
        unchecked = ElasticsearchSink(parse_location(f"elasticsearch://causeway:let-me-in-please@{where}&verify=0"))
        assert unchecked.flush([{"spans": BATCH["spans"]}], log_position=1) == 0
        unchecked.close()
        for location, reason in (
            (f"elasticsearch://causeway:wrong-password@{trusting}", "does not know this user or key"),
            (f"elasticsearch://causeway:let-me-in-please@{where}", "TLS failed"),
            (f"elasticsearch://{trusting}", "does not know this user or key"),
        ):
            refused = ElasticsearchSink(parse_location(location))
            with pytest.raises(StoreError, match=reason) as caught:
                refused.flush([{"spans": BATCH["spans"]}], log_position=1)
            assert "password" not in str(caught.value).replace("password_file", "")
            assert "let-me-in" not in str(caught.value)
            refused.close()
