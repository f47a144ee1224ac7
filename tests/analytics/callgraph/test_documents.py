"""The call graph and its changes for other tools."""

from __future__ import annotations

import csv
import io
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import networkx as nx
import pytest

from analytics.callgraph import diff_documents, documents
from analytics.callgraph.diff import GraphDiff, graph_diff
from analytics.callgraph.graph import CallGraph
from analytics.callgraph.level import Level
from analytics.callgraph.levels import level_graph
from analytics.callgraph.show_diff import show_diff
from analytics.output import Page
from causeway.errors import ConfigError
from tests.analytics.callgraph.made_calls import AFTER, BEFORE, calls_store, steady
from tests.table_store import TableStore
from tests.worlds import Shop, shop_store, usual_fault

SHOP = Shop(seed=3, faults=(usual_fault("release"),))
ODD = 'a "b" <c> \\ &\n\x01é'


@pytest.fixture(scope="module")
def store() -> TableStore:
    return shop_store(SHOP)


@pytest.fixture(scope="module", params=Level)
def graph(request: pytest.FixtureRequest, store: TableStore) -> CallGraph:
    return level_graph(store, SHOP.window, SHOP.baseline, request.param)


@pytest.fixture(scope="module")
def diff(store: TableStore) -> GraphDiff:
    return graph_diff(store, SHOP.baseline, SHOP.window, level=Level.VERSION)


def named_oddly(graph: CallGraph) -> CallGraph:
    """The graph with every frontend under a name that needs care."""
    odd = {name: name.replace("frontend", ODD) for name in graph.nodes["id"]}
    nodes = graph.nodes.assign(id=graph.nodes["id"].map(odd))
    ends = {end: graph.edges[end].map(odd) for end in ("caller", "callee")}
    return replace(graph, nodes=nodes, edges=graph.edges.assign(**ends))


def test_graphml_round_trip(graph: CallGraph) -> None:
    """networkx reads back every node and edge with numbers of the same type, whatever the names are."""
    odd = named_oddly(graph)
    read = nx.parse_graphml(documents.document(odd, "graphml"), force_multigraph=True)
    assert len(read) == len(odd.nodes) and read.number_of_edges() == len(odd.edges)
    assert sorted(calls for *_, calls in read.edges(data="calls")) == sorted(odd.edges["calls"])
    assert all(isinstance(calls, int) for *_, calls in read.edges(data="calls"))
    assert all(isinstance(rate, float) for *_, rate in read.edges(data="calls_per_s"))
    assert any("é" in name for name in read) and not any("\x01" in name for name in read)


def test_graphml_declares_each_attribute_once(graph: CallGraph) -> None:
    """yEd and Gephi want one type per attribute, own ids of edges and a label for each node."""
    root = ET.fromstring(documents.document(graph, "graphml"))
    space = {"g": "http://graphml.graphdrawing.org/xmlns"}
    keys = [(key.get("for"), key.get("attr.name")) for key in root.findall("g:key", space)]
    assert len(keys) == len(set(keys)) and ("node", "label") in keys
    ids = [edge.get("id") for edge in root.findall(".//g:edge", space)]
    assert len(ids) == len(set(ids)) == len(graph.edges)


def test_dot_is_well_formed(graph: CallGraph) -> None:
    """Quotes and braces are paired, one statement a line, and every node and edge is there once."""
    text = documents.document(named_oddly(graph), "dot")
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", text)
    assert '"' not in bare and bare.count("{") == bare.count("}") and bare.count("[") == bare.count("]")
    assert bare.count("->") == len(graph.edges) and bare.count("shape=") == len(graph.nodes)
    assert ("subgraph" in text) == (graph.level in {Level.OPERATION, Level.INSTANCE, Level.VERSION})


def test_changes_as_documents(diff: GraphDiff) -> None:
    """All three hold every edge of both windows; what came is green, and CSV has it first."""
    read = nx.parse_graphml(diff_documents.document(diff, "graphml"), force_multigraph=True)
    assert read.number_of_edges() == len(diff.edges)
    assert {status for *_, status in read.edges(data="status")} == set(diff.edges["status"])
    rows = list(csv.DictReader(io.StringIO(diff_documents.document(diff, "csv"))))
    assert len(rows) == len(diff.edges) and rows[0]["status"] == "new"
    dot = diff_documents.document(diff, "dot")
    assert dot.count("->") == len(diff.edges)
    assert dot.count(diff_documents.COLOURS["new"]) >= 2 * diff.counts()["new"]


def test_unknown_documents_are_refused(diff: GraphDiff, graph: CallGraph) -> None:
    """The formats there are stand in the error."""
    for ask in (lambda: documents.document(graph, "svg"), lambda: diff_documents.document(diff, "svg")):
        with pytest.raises(ConfigError, match="known: table, json, dot, graphml, csv"):
            ask()


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("New edges: 2", "payment › 1.1.0", "Changed edges", "rate", "Looked back to")),
        ("zh-CN", ("新增的调用边：2", "payment › 1.1.0", "速率")),
    ],
)
def test_changes_as_a_table(diff: GraphDiff, language: str, words: tuple[str, ...]) -> None:
    """People read what came, what changed from what to what, and how far was looked."""
    stream = io.StringIO()
    show_diff(diff, Page(language=language, stream=stream))
    assert [word for word in words if word not in stream.getvalue()] == []


def test_what_went_and_what_may_be_chance() -> None:
    """An edge that went has its last call; one of a single call says that it may be chance."""
    rows = [*steady("web", "api", range(90)), *steady("web", "old", range(42)), ("web", "rare", 75, 1, 0, 5.0)]
    stream = io.StringIO()
    show_diff(graph_diff(calls_store(rows), BEFORE, AFTER), Page(stream=stream))
    text = stream.getvalue()
    assert "Edges without calls now: 1" in text and "may be chance" in text and "No edge came" not in text


def test_no_change_and_no_data_are_told_apart() -> None:
    """Nothing changed is one sentence, nothing seen another."""
    said = []
    for store in (calls_store(steady("web", "api", range(90))), TableStore()):
        stream = io.StringIO()
        show_diff(graph_diff(store, BEFORE, AFTER), Page(stream=stream))
        said.append(stream.getvalue())
    assert "beyond noise" in said[0] and "No calls in either window" in said[1]
