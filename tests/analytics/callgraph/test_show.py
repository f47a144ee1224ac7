"""The call graph for people and for other tools."""

from __future__ import annotations

import csv
import io

import networkx as nx
import pytest

from analytics.callgraph.documents import document
from analytics.callgraph.graph import CallGraph, call_graph
from analytics.callgraph.show import show_graph
from analytics.output import Page
from causeway.errors import ConfigError
from tests.worlds import empty_world, shop_world


@pytest.fixture(scope="module")
def graph() -> CallGraph:
    return call_graph(shop_world(seed=1, minutes=(5, 5)))


def shown(graph: CallGraph, language: str) -> str:
    stream = io.StringIO()
    show_graph(graph, Page(language=language, stream=stream))
    return stream.getvalue()


@pytest.mark.parametrize(("language", "word"), [("en", "Entry points: 4"), ("zh-CN", "入口：4")])
def test_table_names_everything_without_colour(graph: CallGraph, language: str, word: str) -> None:
    """In a pipe there is every node and edge, uncut and without escape codes."""
    text = shown(graph, language)
    assert word in text and "\x1b" not in text and "…" not in text
    assert all(name in text for name in graph.nodes["id"])
    assert len([line for line in text.splitlines() if line.startswith("frontend")]) >= 1 + 5 + 4


def test_empty_graph_says_so() -> None:
    """No data is a sentence, not empty tables."""
    assert "No spans in this window." in shown(call_graph(empty_world()), "en")


def test_graphml_reads_back(graph: CallGraph) -> None:
    """GraphML holds every node and edge with its calls."""
    read = nx.parse_graphml(document(graph, "graphml"), force_multigraph=True)
    assert set(read.nodes) == set(graph.nodes["id"])
    assert sum(calls for *_, calls in read.edges(data="calls")) == graph.edges["calls"].sum()


def test_csv_has_a_row_per_edge(graph: CallGraph) -> None:
    """CSV has the edges' columns and rows."""
    rows = list(csv.DictReader(io.StringIO(document(graph, "csv"))))
    assert [row["callee"] for row in rows] == graph.edges["callee"].tolist()


def test_dot_quotes_names(graph: CallGraph) -> None:
    """Every edge is there; asynchronous ones are dashed."""
    lines = document(graph, "dot").splitlines()
    assert sum("->" in line for line in lines) == len(graph.edges)
    assert all("dashed" in line for line in lines if '"orders-queue" ->' in line)


def test_unknown_format_is_refused(graph: CallGraph) -> None:
    """An unknown format names those that are known."""
    with pytest.raises(ConfigError, match="known: table, json, dot, graphml, csv"):
        document(graph, "svg")
