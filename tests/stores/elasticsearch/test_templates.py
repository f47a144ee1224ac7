"""Templates in a real cluster, and the same as files; what a server can do, by asking it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from causeway.errors import StoreError
from causeway.stores.elasticsearch import templates
from causeway.stores.elasticsearch.capabilities import ServerCapabilities, ask, version_of
from causeway.stores.elasticsearch.client import connect
from causeway.stores.elasticsearch.names import Names
from causeway.stores.elasticsearch.retention import Keeper
from causeway.stores.elasticsearch.settings import ElasticsearchSettings, Retention
from causeway.stores.elasticsearch.sink import ElasticsearchSink
from causeway.window import DAY_NS
from tests.servers.elasticsearch import VERSION, Cluster
from tests.small_store import Shop, shop_batch
from tests.stores.elasticsearch.namespaces import namespace

FILES = Path(__file__).parents[3] / "deploy" / "elasticsearch"
FULL = ServerCapabilities(
    version="8.19.0", data_stream_lifecycle=True, ilm=True, async_search=True, delete_by_query=True
)


@pytest.fixture
def server(elasticsearch: Cluster) -> Cluster:
    return elasticsearch


@pytest.fixture
def settings(server: Cluster) -> Iterator[ElasticsearchSettings]:
    with namespace(server) as found:
        yield found


def test_the_files_to_install_by_hand_are_what_we_install() -> None:
    """deploy/elasticsearch holds every template of the default namespace, as the code has it, and nothing else."""
    found = {path.name: json.loads(path.read_text()) for path in FILES.glob("*.json")}
    assert found == templates.files()


def test_the_core_server_is_asked_what_it_lacks(server: Cluster) -> None:
    """No module is mistaken for another; each that is off has a line that says what that means."""
    found = ask(connect(ElasticsearchSettings(hosts=(server.url,))))
    assert (found.version, found.nodes, found.forbidden) == (VERSION, 1, ())
    assert not any((found.data_stream_api, found.data_stream_lifecycle, found.ilm, found.async_search, found.esql))
    assert not any((found.delete_by_query, found.painless, found.manages_data_streams))
    assert "flattened" in found.field_types
    assert "wildcard" not in found.field_types
    assert [line.split(":")[0] for line in found.lines()] == [
        "neither data stream lifecycle nor ILM", "no async search", "no delete by query"
    ]  # fmt: skip


def test_a_server_with_everything_has_nothing_to_tell() -> None:
    """Lines name what is off only; an old server is named first."""
    assert FULL.lines() == []
    (line,) = replace(FULL, version="7.17.1").lines()
    assert "7.17.1 is older than 8.7" in line
    assert version_of("8.19.21-SNAPSHOT") == (8, 19, 21)


def test_retention_stands_where_the_server_looks_for_it() -> None:
    """In the lifecycle of the data stream, else in an ILM policy, else nowhere: then the analyzer does it."""
    settings = ElasticsearchSettings(retention=Retention(spans=3, logs=0))
    spans, logs = templates.template_name("spans", settings), templates.template_name("logs", settings)
    own = templates.index_templates(settings, FULL)
    assert own[spans]["template"]["lifecycle"] == {"data_retention": "3d"}
    assert own[logs]["template"]["lifecycle"] == {"enabled": True}
    assert templates.lifecycle_policies(settings, FULL) == {}
    ilm = ServerCapabilities(ilm=True)
    policies = templates.lifecycle_policies(settings, ilm)
    assert policies[spans]["policy"]["phases"]["delete"]["min_age"] == "3d"
    assert "delete" not in policies[logs]["policy"]["phases"]
    assert templates.index_templates(settings, ilm)[spans]["template"]["settings"]["index.lifecycle.name"] == spans
    neither = templates.index_templates(settings, ServerCapabilities())[spans]["template"]
    assert "lifecycle" not in neither
    assert "index.lifecycle.name" not in neither["settings"]


def test_templates_are_installed_and_newer_ones_left_alone(server: Cluster, settings: ElasticsearchSettings) -> None:
    """Twice is once; what a newer Causeway installed stays; without leave to install they must be there."""
    client = connect(settings)
    capabilities = ask(client)
    with pytest.raises(StoreError, match="no index template causeway-spans-"):
        templates.install(client, replace(settings, manage_templates=False), capabilities)
    for _ in range(2):
        templates.install(client, settings, capabilities)
    name = templates.template_name("spans", settings)
    found = server.get(f"/_index_template/{name}")["index_templates"][0]["index_template"]
    found["version"] = templates.TEMPLATES_VERSION + 1
    found["template"]["settings"]["index"]["number_of_shards"] = "7"
    httpx2.put(f"{server.url}/_index_template/{name}", json=found, timeout=30).raise_for_status()
    templates.install(client, settings, capabilities)
    templates.install(client, replace(settings, manage_templates=False), capabilities)
    kept = server.get(f"/_index_template/{name}")["index_templates"][0]["index_template"]
    assert kept["template"]["settings"]["index"]["number_of_shards"] == "7"


def test_settings_reach_the_indices(server: Cluster, settings: ElasticsearchSettings) -> None:
    """Shards, replicas, refresh and codec as configured; the stream wins over built-in templates."""
    sink = ElasticsearchSink(replace(settings, shards=2, refresh_s=1.5))
    sink.flush([shop_batch(Shop(minutes=1, traces_per_minute=1)).tables], log_position=1)
    (found,) = server.get(f"/{sink.names.spans}/_settings").values()
    index = found["settings"]["index"]
    assert (index["number_of_shards"], index["number_of_replicas"]) == ("2", "0")
    assert (index["refresh_interval"], index["codec"]) == ("1500ms", "best_compression")
    sink.close()


def test_what_is_too_old_is_swept(server: Cluster, settings: ElasticsearchSettings) -> None:
    """A rolled backing index goes when its newest record is too old, a day of rollups by its name, nothing else."""
    client, names = connect(settings), Names(settings.namespace)
    sink = ElasticsearchSink(settings)
    batch = shop_batch(Shop(minutes=1, traces_per_minute=5)).tables
    sink.flush([batch], log_position=1)
    last_ns = max(batch["spans"]["start_ns"].to_pylist())
    httpx2.post(f"{server.url}/{names.spans}/_rollover", timeout=60).raise_for_status()
    sink.refresh()
    for days in (0, 100):
        httpx2.put(
            f"{server.url}/{names.rollups_of(last_ns - days * DAY_NS)}/_doc/1", json={}, timeout=60
        ).raise_for_status()
    keeper = Keeper(client, settings, streams=True)
    assert keeper.keep(last_ns + 6 * DAY_NS) == [names.rollups_of(last_ns - 100 * DAY_NS)]
    (deleted,) = keeper.keep(last_ns + 8 * DAY_NS)
    assert names.spans in deleted
    assert deleted.endswith("000001")
    assert keeper.keep(last_ns + 8 * DAY_NS) == []
    assert server.get(f"/{names.spans}/_count")["count"] == 0
    assert server.get(f"/{names.logs}/_count")["count"] == batch["logs"].num_rows
    sink.close()
