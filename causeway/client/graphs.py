"""Call graphs and their differences as notebooks get them: pandas frames and networkx graphs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import networkx as nx
import pandas as pd

from causeway.client.frames import rows
from causeway.window import Window
from causeway.wire import from_json


@dataclass(frozen=True, slots=True)
class Graph:
    """Who calls whom. nodes: id, service, type, ...; edges: caller, callee, calls, error_ratio, latency_ms_*, ...

    level: what a node is. Below services an id is `service › operation`, and the column `service` is the service.
    """

    window: Window
    nodes: pd.DataFrame
    edges: pd.DataFrame
    document: Mapping[str, Any]

    @property
    def level(self) -> str:
        """service, operation, instance or version."""
        return str(self.document["level"])

    @property
    def coverage(self) -> Mapping[str, Any]:
        """What the graph rests on: spans without parents, silent services, clock skew, sampling."""
        found: Mapping[str, Any] = self.document["coverage"]
        return found

    @property
    def depth(self) -> Mapping[str, Any]:
        """The longest chain of calls, and the longest of calls that wait for each other (the critical depth)."""
        found: Mapping[str, Any] = self.document["depth"]
        return found

    def to_networkx(self) -> nx.MultiDiGraph[str]:
        """A node per id and an edge per row of `edges`, the other columns as attributes."""
        graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
        for node in self.nodes.to_dict("records"):
            graph.add_node(node["id"], **{str(name): value for name, value in node.items()})
        for edge in self.edges.to_dict("records"):
            graph.add_edge(edge["caller"], edge["callee"], **{str(name): value for name, value in edge.items()})
        return graph


@dataclass(frozen=True, slots=True)
class GraphDiff:
    """What changed from `before` to `after`.

    edges: caller, callee, kind, status (new, removed, changed, same, too_few), changes (rate, errors, latency),
    certain, each measure with `_before` and `_after`, first_seen and last_seen (UTC). nodes: id, service, status.
    """

    before: Window
    after: Window
    nodes: pd.DataFrame
    edges: pd.DataFrame
    document: Mapping[str, Any]

    @property
    def differs(self) -> pd.DataFrame:
        """The edges that came, went or changed."""
        return self.edges[self.edges["status"].isin(("new", "removed", "changed"))]


def graph_of(document: Mapping[str, Any]) -> Graph:
    """From the document of `/api/v1/graph`."""
    return Graph(
        window=from_json(Window, document["window"]),
        nodes=rows(document["nodes"], first=("id", "type")),
        edges=rows(document["edges"], first=("caller", "callee", "calls", "error_ratio")),
        document=document,
    )


def graph_diff_of(document: Mapping[str, Any]) -> GraphDiff:
    """From the document of `/api/v1/graph/diff`."""
    edges = rows(document["edges"], first=("caller", "callee", "kind", "status", "changes"))
    times = {name: pd.to_datetime(edges[name], utc=True) for name in ("first_seen", "last_seen") if name in edges}
    return GraphDiff(
        before=from_json(Window, document["before"]),
        after=from_json(Window, document["after"]),
        nodes=rows(document["nodes"], first=("id", "service", "status")),
        edges=edges.assign(**times),
        document=document,
    )
