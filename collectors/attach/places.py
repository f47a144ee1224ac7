"""What an Elasticsearch cluster holds that we can read, and whether what was named is that."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from elasticsearch import Elasticsearch

from causeway.errors import ConfigError, StoreError
from causeway.stores.elasticsearch.client import plain_errors
from causeway.stores.elasticsearch.layouts import layout_named
from causeway.stores.elasticsearch.scan import MISSING, request

# By layout: the names of indices as products choose them, without the prefix of backing indices.
_NAMES = {
    "jaeger": re.compile(r"(jaeger-span-(?!archive)|jaeger\.spans)"),
    "apm": re.compile(r"^traces-apm"),
    "otel": re.compile(r"^traces-(?!causeway\.).*\.otel-"),
    "skywalking": re.compile(r"segment-2\d+$"),
}
_BACKING = re.compile(r"^\.ds-(?P<stream>.+)-\d{4}\.\d{2}\.\d{2}-\d{6}$")
_SHOWN_MAX = 8


@dataclass(frozen=True, slots=True)
class Found:
    """Indices whose names look like those of a layout: how many, with how many documents, and one of them."""

    layout: str
    indices: int
    documents: int
    example: str


def recognised(client: Elasticsearch) -> list[Found]:
    """What looks readable, by layout; empty where nothing does or the user may not list indices."""
    try:
        with plain_errors("list indices"):
            rows = request(client, "GET", "/_cat/indices", None, format="json", h="index,docs.count", **_HIDDEN)
    except StoreError:
        return []
    names: dict[str, list[str]] = {layout: [] for layout in _NAMES}
    documents: Counter[str] = Counter()
    for row in rows:
        backing = _BACKING.match(str(row["index"]))
        name = backing["stream"] if backing else str(row["index"])
        layout = next((layout for layout, pattern in _NAMES.items() if pattern.search(name)), None)
        if layout is not None:
            names[layout].append(name)
            documents[layout] += int(row.get("docs.count") or 0)
    return [Found(layout, len(some), documents[layout], max(some)) for layout, some in names.items() if some]


_HIDDEN = {"expand_wildcards": "all"}


def chosen_layout(client: Elasticsearch, asked: str | None, index: str | None) -> str:
    """The layout that was asked for, else that of the index's documents, else the only one there is.

    Raises ConfigError that lists what there is.
    """
    if asked is not None:
        layout_named(asked)
        return asked
    if index is not None:
        hit = _sample(client, index)
        looks = looks_like(hit["_source"]) if hit else None
        if looks is not None:
            return looks
    found = recognised(client)
    if index is None and len(found) == 1:
        return found[0].layout
    raise ConfigError(f"say with --layout what to read{f' in {index}' if index else ''}; {_listed(found)}")


def check(client: Elasticsearch, layout: str, index: str) -> None:
    """Raises ConfigError when there is no document, or when documents are those of another layout."""
    hit = _sample(client, index)
    if hit is None:
        raise ConfigError(f"nothing to read in {index}; {_listed(recognised(client))}")
    looks = looks_like(hit["_source"])
    if looks != layout:
        other = f"they look like {looks}: try --layout {looks}" if looks else _listed(recognised(client))
        raise ConfigError(f"the documents of {hit['_index']} are not those of {layout}; {other}")


def _sample(client: Elasticsearch, index: str) -> Mapping[str, Any] | None:
    """One document of the index; None where there is none."""
    body = {"size": 1, "query": {"match_all": {}}, "track_total_hits": False}
    with plain_errors(f"read {index}"):
        answer = request(client, "POST", f"/{index}/_search", body, **MISSING)
    hits = answer.get("hits", {}).get("hits", [])
    return {"_source": {}, **hits[0]} if hits else None


def looks_like(document: Mapping[str, Any]) -> str | None:
    """The layout of a document, by the fields that only it has."""
    if "data_binary" in document and "segment_id" in document:
        return "skywalking"
    if "traceID" in document and "process" in document:
        return "jaeger"
    if "trace_id" in document and "span_id" in document:
        return "otel"
    is_trace = "processor" in document or "processor.event" in document or "transaction" in document
    return "apm" if is_trace and ("trace" in document or "trace.id" in document) else None


def _listed(found: list[Found]) -> str:
    if not found:
        return "the cluster holds no index that looks like traces (or this user may not list them)"
    shown = "; ".join(
        f"{one.layout}: {one.indices} indices such as {one.example} with {one.documents:,} documents"
        for one in found[:_SHOWN_MAX]
    )
    return f"the cluster holds {shown}"
