"""Index templates: what is indexed, how it is stored, how long it is kept.

Only what queries need is indexed; everything is in `_source`. `attributes` are one flattened field each, without doc
values: term queries on `attributes.KEY` work, and cost a third less disk than with them. Values longer than
ATTRIBUTE_CHARS_MAX are stored and not found by such a query. Each template also takes in a component template
`causeway-NAME@custom` if somebody makes one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from elastic_transport import ApiError
from elasticsearch import Elasticsearch

from causeway.errors import StoreError
from causeway.stores.elasticsearch.capabilities import ServerCapabilities
from causeway.stores.elasticsearch.client import plain_errors
from causeway.stores.elasticsearch.names import Names
from causeway.stores.elasticsearch.settings import ElasticsearchSettings

# Grows when a template changes; a newer one in the cluster is left alone.
TEMPLATES_VERSION = 2
# Above the 100-200 of the templates that Elasticsearch brings for logs-*-*, metrics-*-* and traces-*-*.
PRIORITY = 500
ATTRIBUTE_CHARS_MAX = 1024
ROLLOVER_AGE, ROLLOVER_SIZE = "1d", "50gb"

Json = dict[str, Any]

_TERM: Json = {"type": "keyword", "ignore_above": 8191}
# Found through doc values: slower than an index, and fast enough behind a window of time.
_COLUMN: Json = {**_TERM, "index": False}
_NUMBER: Json = {"type": "long", "index": False}
_STORED: Json = {"type": "object", "enabled": False}
_TIME: Json = {"type": "date_nanos"}
_ATTRIBUTES: Json = {"type": "flattened", "ignore_above": ATTRIBUTE_CHARS_MAX, "doc_values": False}
# The attributes of a resource are the same in very many documents: those that people look for are columns, all of
# them are indexed once in the index of resources.
_RESOURCE_COLUMNS = (
    "service.name",
    "service.namespace",
    "service.version",
    "service.instance.id",
    "deployment.environment.name",
    "host.name",
    "k8s.namespace.name",
    "k8s.pod.name",
    "k8s.node.name",
    "container.id",
)
_RESOURCE: Json = {
    "properties": {
        "attributes": {
            "dynamic": False,
            "subobjects": False,
            "properties": dict.fromkeys(_RESOURCE_COLUMNS, _COLUMN),
        }
    }
}


def _object(**properties: Json) -> Json:
    return {"properties": properties}


_SERVICE_ALIAS: Json = {"name": {"type": "alias", "path": "causeway.service"}}


def _spans() -> Json:
    columns = ("instance", "version", "peer_service", "peer_address", "peer_type", "protocol")
    return {
        "@timestamp": _TIME,
        "trace_id": _TERM,
        "span_id": _COLUMN,
        "parent_span_id": _COLUMN,
        "name": _TERM,
        "kind": _COLUMN,
        "duration": _NUMBER,
        "status": _object(code=_COLUMN),
        "attributes": _ATTRIBUTES,
        "resource": _RESOURCE,
        "scope": _STORED,
        "events": _STORED,
        "links": _STORED,
        "service": {"properties": _SERVICE_ALIAS},
        "causeway": _object(
            service=_TERM, resource_id=_NUMBER, adjusted_count_milli=_NUMBER, **dict.fromkeys(columns, _COLUMN)
        ),
    }


def _logs() -> Json:
    return {
        "@timestamp": _TIME,
        "observed_timestamp": {**_TIME, "index": False},
        "severity_text": _COLUMN,
        "severity_number": {"type": "byte", "index": False},
        "body": _object(text={"type": "text", "norms": False}),
        "event_name": _COLUMN,
        "trace_id": {**_TERM, "doc_values": False},
        "attributes": _ATTRIBUTES,
        "resource": _RESOURCE,
        "scope": _STORED,
        "service": {"properties": _SERVICE_ALIAS},
        "causeway": _object(
            service=_TERM, instance=_COLUMN, severity=_COLUMN, resource_id=_NUMBER, template_id=_NUMBER, ordinal=_NUMBER
        ),
    }


def _events() -> Json:
    return {
        "@timestamp": _TIME,
        "body": _object(text={"type": "text", "norms": False}),
        "attributes": _ATTRIBUTES,
        "service": {"properties": _SERVICE_ALIAS},
        "causeway": _object(service=_TERM, instance=_COLUMN, kind=_TERM, entity=_TERM, reason=_COLUMN),
    }


def _points() -> Json:
    return {
        "@timestamp": _TIME,
        "causeway": _object(point=_COLUMN, series_id={"type": "long"}),
        "histogram": _STORED,
        "exemplar": _STORED,
    }


def _dead_letters() -> Json:
    return {
        "@timestamp": _TIME,
        "reason": {"type": "text", "norms": False},
        "stream": _COLUMN,
        "id": _COLUMN,
        "document": {"type": "keyword", "index": False, "doc_values": False},
    }


def _resources() -> Json:
    return {
        "resource_id": {"type": "long"},
        "service": _TERM,
        "instance": _COLUMN,
        "version": _COLUMN,
        "attributes": _ATTRIBUTES,
        "first_ns": {"type": "long"},
    }


def _series() -> Json:
    columns = ("unit", "type", "temporality", "instance")
    return {
        "series_id": {"type": "long"},
        "name": _TERM,
        "service": _TERM,
        "monotonic": {"type": "boolean"},
        "resource_id": _NUMBER,
        "description": _STORED_TEXT,
        "attributes": _ATTRIBUTES,
        "first_ns": {"type": "long"},
        **dict.fromkeys(columns, _COLUMN),
    }


def _log_templates() -> Json:
    return {
        **{name: {"type": "long"} for name in ("entry_id", "template_id", "now_id", "first_ns")},
        "version": {"type": "integer"},
        "template": _STORED_TEXT,
    }


_STORED_TEXT: Json = {"type": "keyword", "index": False, "doc_values": False}


def _rollups() -> Json:
    return {
        "minute": {"type": "date"},
        "slot_min": {"type": "long"},
        "slot_max": {"type": "long"},
        "spans": {"type": "long"},
        "computed_at": {"type": "date"},
        "tables": _STORED,
    }


_MAPPINGS = {
    "spans": _spans,
    "logs": _logs,
    "events": _events,
    "points": _points,
    "dead_letters": _dead_letters,
    "resources": _resources,
    "series": _series,
    "log_templates": _log_templates,
    "rollups": _rollups,
}
STREAMS = ("spans", "logs", "events", "points", "dead_letters")


def component_name(signal: str, settings: ElasticsearchSettings) -> str:
    return f"causeway-{signal}@mappings-{settings.namespace}"


def template_name(signal: str, settings: ElasticsearchSettings) -> str:
    return f"causeway-{signal}-{settings.namespace}"


def component_templates(settings: ElasticsearchSettings) -> dict[str, Json]:
    """The mappings, by name of component template."""
    meta = {"managed_by": "causeway", "version": TEMPLATES_VERSION}
    return {
        component_name(signal, settings): {
            "template": {"mappings": {"dynamic": False, "properties": mapping()}},
            "version": TEMPLATES_VERSION,
            "_meta": meta,
        }
        for signal, mapping in _MAPPINGS.items()
    }


def index_templates(settings: ElasticsearchSettings, server: ServerCapabilities) -> dict[str, Json]:
    """Everything else, by name of index template."""
    names = Names(settings.namespace)
    patterns = {signal: getattr(names, signal) for signal in _MAPPINGS}
    found = {}
    for signal, pattern in patterns.items():
        custom = f"causeway-{signal}@custom"
        template: Json = {"settings": _settings(signal, settings, server)}
        body: Json = {
            "index_patterns": [pattern],
            "composed_of": [component_name(signal, settings), custom],
            "ignore_missing_component_templates": [custom],
            "priority": PRIORITY,
            "version": TEMPLATES_VERSION,
            "template": template,
            "_meta": {"managed_by": "causeway", "version": TEMPLATES_VERSION},
        }
        if signal in STREAMS:
            body["data_stream"] = {}
            if server.data_stream_lifecycle:
                template["lifecycle"] = _lifecycle(getattr(settings.retention, signal))
        found[template_name(signal, settings)] = body
    return found


def lifecycle_policies(settings: ElasticsearchSettings, server: ServerCapabilities) -> dict[str, Json]:
    """ILM policies by name, where the server has ILM and no data stream lifecycle."""
    if not _wants_ilm(server):
        return {}
    found = {}
    for signal in STREAMS:
        rollover = {"max_age": ROLLOVER_AGE, "max_primary_shard_size": ROLLOVER_SIZE}
        phases: Json = {"hot": {"actions": {"rollover": rollover}}}
        days = getattr(settings.retention, signal)
        if days:
            phases["delete"] = {"min_age": f"{days}d", "actions": {"delete": {}}}
        found[template_name(signal, settings)] = {"policy": {"phases": phases}}
    return found


def _wants_ilm(server: ServerCapabilities) -> bool:
    return server.ilm and not server.data_stream_lifecycle


def _lifecycle(days: int) -> Json:
    return {"data_retention": f"{days}d"} if days else {"enabled": True}


def _settings(signal: str, settings: ElasticsearchSettings, server: ServerCapabilities) -> Json:
    found: Json = {"index.refresh_interval": f"{settings.refresh_s * 1000:.0f}ms"}
    if server.serverless:  # which sizes and stores indices by itself
        return found
    found |= {
        "index.number_of_shards": settings.shards if signal in {"spans", "logs"} else 1,
        "index.codec": "best_compression",
    }
    if settings.replicas < 0:
        found["index.auto_expand_replicas"] = "0-1"
    else:
        found["index.number_of_replicas"] = settings.replicas
    if signal in STREAMS and _wants_ilm(server):
        found["index.lifecycle.name"] = template_name(signal, settings)
    return found


def install(client: Elasticsearch, settings: ElasticsearchSettings, server: ServerCapabilities) -> None:
    """Put the templates where they are missing or older. Raises StoreError.

    With `manage_templates` off they must be there already.
    """
    with plain_errors("install index templates"):
        for name, template in index_templates(settings, server).items():
            newer = _installed_version(client, name) > TEMPLATES_VERSION
            if not settings.manage_templates and not _installed_version(client, name):
                raise StoreError(f"no index template {name}: install deploy/elasticsearch, or set manage_templates")
            if newer or not settings.manage_templates:
                continue
            for policy, phases in lifecycle_policies(settings, server).items():
                if policy == name:
                    client.ilm.put_lifecycle(name=name, policy=phases["policy"])
            component = template["composed_of"][0]
            client.cluster.put_component_template(name=component, **_body(component_templates(settings)[component]))
            client.indices.put_index_template(name=name, **_body(template))


def _body(template: Mapping[str, Any]) -> Json:
    return {"meta" if key == "_meta" else key: value for key, value in template.items()}


def _installed_version(client: Elasticsearch, name: str) -> int:
    try:
        found = client.indices.get_index_template(name=name)
    except ApiError as error:
        if error.meta.status == 404:
            return 0
        raise
    return int(found["index_templates"][0]["index_template"].get("version", 0))


def files(settings: ElasticsearchSettings | None = None) -> dict[str, Json]:
    """The templates for people who install them by hand, by file name, for a server with everything.

    `component-NAME.json` goes to `_component_template/NAME`, `index-NAME.json` to `_index_template/NAME`.
    """
    chosen = replace(settings or ElasticsearchSettings(), manage_templates=True)
    server = ServerCapabilities(version="9", data_stream_api=True, data_stream_lifecycle=True)
    found = {f"component-{name}.json": body for name, body in component_templates(chosen).items()}
    return found | {f"index-{name}.json": body for name, body in index_templates(chosen, server).items()}
