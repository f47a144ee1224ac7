"""A namespace of its own for a test, so that all tests can share one Elasticsearch."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from typing import Any

import httpx2

from causeway.stores.elasticsearch.names import Names
from causeway.stores.elasticsearch.settings import ElasticsearchSettings
from causeway.stores.elasticsearch.templates import component_name, template_name
from tests.servers.elasticsearch import Cluster

SIGNALS = ("spans", "logs", "events", "points", "dead_letters", "resources", "series", "rollups")


@contextlib.contextmanager
def namespace(cluster: Cluster, **options: Any) -> Iterator[ElasticsearchSettings]:
    """Settings with a random namespace and no replicas; its indices and templates are deleted at the end."""
    name = f"t{uuid.uuid4().hex[:12]}"
    settings = ElasticsearchSettings(hosts=tuple(cluster.urls), namespace=name, **{"replicas": 0, **options})
    try:
        yield settings
    finally:
        remove(cluster, settings)


def remove(cluster: Cluster, settings: ElasticsearchSettings) -> None:
    """Delete what is in the namespace, and its templates.

    A server without its data stream module keeps one empty index of each data stream; it is closed.
    """
    streams = set(Names(settings.namespace).streams.values())
    for stream in streams:
        httpx2.post(f"{cluster.url}/{stream}/_rollover", timeout=60)
    rows = cluster.get(f"/_cat/indices/*{settings.namespace}*?format=json&expand_wildcards=all&h=index&s=index")
    for name in (row["index"] for row in rows):
        if httpx2.delete(f"{cluster.url}/{name}", timeout=60).status_code == 400:
            httpx2.post(f"{cluster.url}/{name}/_close", timeout=60)
    for signal in SIGNALS:
        httpx2.delete(f"{cluster.url}/_index_template/{template_name(signal, settings)}", timeout=30)
        httpx2.delete(f"{cluster.url}/_component_template/{component_name(signal, settings)}", timeout=30)
