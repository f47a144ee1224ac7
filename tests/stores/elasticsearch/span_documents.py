"""Spans as documents of ours, written one by one: for tests of what reads them."""

from __future__ import annotations

from typing import Any

import orjson
import pyarrow as pa
from elasticsearch import Elasticsearch

from causeway.stores.elasticsearch.layouts.layout import rfc3339
from causeway.stores.elasticsearch.names import Names
from causeway.stores.elasticsearch.settings import ElasticsearchSettings

_OURS = ("service", "instance", "version", "peer_service", "peer_type", "protocol", "adjusted_count_milli")


def send(client: Elasticsearch, settings: ElasticsearchSettings, spans: pa.Table, *, index: str | None = None) -> None:
    """Write the spans, each as a document of its own even if it is there already, and let them be seen."""
    target = index or Names(settings.namespace).spans
    lines: list[Any] = []
    for row in spans.to_pylist():
        lines += [{"create": {}}, _document(row)]
    body = b"\n".join(orjson.dumps(line) for line in lines) + b"\n"
    headers = {"accept": "application/json", "content-type": "application/x-ndjson"}
    answer = client.perform_request("POST", f"/{target}/_bulk?refresh=true", headers=headers, body=body).body
    assert not answer["errors"], answer["items"][:1]


def _document(row: dict[str, Any]) -> dict[str, Any]:
    document = {
        "@timestamp": rfc3339(row["start_ns"]),
        "trace_id": row["trace_id"].hex(),
        "span_id": row["span_id"].hex(),
        "name": row["operation"],
        "kind": row["kind"].title(),
        "duration": row["duration_ns"],
        "status": {"code": row["status"].title()},
        "causeway": {name: row[name] for name in _OURS if row[name] is not None},
    }
    if row["parent_span_id"] is not None:
        document["parent_span_id"] = row["parent_span_id"].hex()
    if row["links"]:
        document["links"] = [{name: link[name].hex() for name in ("trace_id", "span_id")} for link in row["links"]]
    return document
