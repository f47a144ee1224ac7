"""What a server can do, found by asking it: distributions, licences and privileges differ, and so do answers.

A server without a module answers its paths with "no handler", with a method that is not allowed, or takes the path
for the name of an index. Anything else, an error of its own included, shows that somebody is at home.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from elastic_transport import ApiError
from elasticsearch import Elasticsearch

from causeway.errors import StoreError
from causeway.stores.elasticsearch.client import error_text, plain_errors

# Used in no real name, so that asking touches nothing.
_NOBODY = "causeway-probe-nobody"
_JSON = {"accept": "application/json", "content-type": "application/json"}
_FIELD_TYPES = ("wildcard", "constant_keyword", "match_only_text", "flattened", "passthrough", "histogram")
_MODES = ("logsdb", "time_series")
VERSION_MIN = (8, 7)

Answer = Literal["present", "absent", "forbidden"]


@dataclass(frozen=True, slots=True)
class ServerCapabilities:
    """The answers. version: empty where the user may not ask. nodes: data nodes, 0 where unknown."""

    version: str = ""
    serverless: bool = False
    nodes: int = 0
    data_stream_api: bool = False
    data_stream_lifecycle: bool = False
    ilm: bool = False
    async_search: bool = False
    esql: bool = False
    delete_by_query: bool = False
    painless: bool = False
    field_types: frozenset[str] = frozenset()
    index_modes: frozenset[str] = frozenset()
    forbidden: tuple[str, ...] = ()

    @property
    def manages_data_streams(self) -> bool:
        """Whether the server itself rolls data streams over and deletes what is too old."""
        return self.data_stream_lifecycle or self.ilm

    def lines(self) -> list[str]:
        """What is off and what that means, one sentence each; nothing for a server that has everything."""
        found = [meaning for name, meaning in MEANINGS.items() if not getattr(self, name)]
        if self.version and version_of(self.version) < VERSION_MIN:
            wanted = ".".join(map(str, VERSION_MIN))
            found.insert(0, f"Elasticsearch {self.version} is older than {wanted}: templates may be refused")
        if self.forbidden:
            found.append(f"this user may not ask about: {', '.join(self.forbidden)}; they count as absent")
        return found


MEANINGS: Mapping[str, str] = {
    "version": "the version is unknown: this user may not ask for it",
    "manages_data_streams": "neither data stream lifecycle nor ILM: the analyzer deletes what is too old",
    "async_search": "no async search: long searches are held open and limited by timeout_s",
    "delete_by_query": "no delete by query: attached data cannot be removed selectively",
}


def version_of(text: str) -> tuple[int, ...]:
    """`8.19.21-SNAPSHOT` as (8, 19, 21)."""
    return tuple(int(part) for part in text.split("-")[0].split(".") if part.isdigit())


def ask(client: Elasticsearch) -> ServerCapabilities:
    """Ask the server. Raises StoreError when it does not answer at all or knows us not."""
    version, serverless = _version(client)
    answers = {
        "data_stream_api": _handler(client, "GET", f"/_data_stream/{_NOBODY}"),
        "data_stream_lifecycle": _handler(client, "GET", f"/_data_stream/{_NOBODY}/_lifecycle"),
        "ilm": _handler(client, "GET", "/_ilm/status"),
        "async_search": _handler(client, "GET", f"/_async_search/{_NOBODY}"),
        "esql": _handler(client, "POST", "/_query", {"query": "ROW a = 1"}),
        "delete_by_query": _handler(
            client, "POST", f"/{_NOBODY}/_delete_by_query?ignore_unavailable=true", {"query": {"match_none": {}}}
        ),
        "painless": _handler(client, "POST", "/_scripts/painless/_execute", {"script": {"source": "1"}}),
    }
    forbidden = [name for name, answer in answers.items() if answer == "forbidden"]
    types = {name: _template(client, {"mappings": {"properties": {"a": {"type": name}}}}) for name in _FIELD_TYPES}
    modes = {
        name: _template(client, {"settings": {"index.mode": name, **_MODE_NEEDS.get(name, {})}}) for name in _MODES
    }
    if "forbidden" in (*types.values(), *modes.values()):
        forbidden.append("templates")
    return ServerCapabilities(
        version=version,
        serverless=serverless,
        nodes=_nodes(client),
        **{name: answer == "present" for name, answer in answers.items()},
        field_types=frozenset(name for name, answer in types.items() if answer == "present"),
        index_modes=frozenset(name for name, answer in modes.items() if answer == "present"),
        forbidden=tuple(forbidden),
    )


_ABSENT = (
    "no handler found",
    "Incorrect HTTP method",
    "invalid_index_name_exception",
    "failed to find action",
    "must specify lang for stored script",  # `_execute` was taken for the name of a stored script
)
_MODE_NEEDS: Mapping[str, Mapping[str, Any]] = {"time_series": {"index.routing_path": ["a"]}}


def _version(client: Elasticsearch) -> tuple[str, bool]:
    """(version, serverless). A server without its main module answers `GET /` with 405."""
    with plain_errors("reach Elasticsearch"):
        root = _perform(client, "GET", "/")
        if isinstance(root, Mapping) and "version" in root:
            version = root["version"]
            return str(version.get("number", "")), version.get("build_flavor") == "serverless"
        local = _perform(client, "GET", "/_nodes/_local?filter_path=nodes.*.version")
    nodes = local.get("nodes", {}) if isinstance(local, Mapping) else {}
    return next((str(node["version"]) for node in nodes.values()), ""), False


def _nodes(client: Elasticsearch) -> int:
    health = _perform(client, "GET", "/_cluster/health?filter_path=number_of_data_nodes")
    return int(health["number_of_data_nodes"]) if isinstance(health, Mapping) else 0


def _perform(client: Elasticsearch, method: str, path: str, body: Any = None) -> Any:
    """The parsed answer; None where the server refuses with 403, 404 or 405. Raises ApiError for 401."""
    try:
        return client.perform_request(method, path, headers=_JSON, body=body).body
    except ApiError as error:
        if error.meta.status in {403, 404, 405, 410}:
            return None
        raise


def _handler(client: Elasticsearch, method: str, path: str, body: Any = None) -> Answer:
    try:
        with plain_errors("ask Elasticsearch what it can do"):
            client.options(max_retries=0).perform_request(method, path, headers=_JSON, body=body)
    except StoreError as failure:
        error = failure.__cause__
        if not isinstance(error, ApiError):
            raise
        return _meaning(error)
    return "present"


def _meaning(error: ApiError) -> Answer:
    text = error_text(error.body)
    if error.meta.status == 403:
        return "forbidden"
    return "absent" if any(sign in text for sign in _ABSENT) else "present"


def _template(client: Elasticsearch, template: Mapping[str, Any]) -> Answer:
    """Whether a template may be as given. Nothing is stored."""
    body = {"index_patterns": [_NOBODY], "priority": 999_999, "template": template}
    try:
        client.perform_request("POST", "/_index_template/_simulate", headers=_JSON, body=body)
    except ApiError as error:
        return "forbidden" if error.meta.status == 403 else "absent"
    return "present"
