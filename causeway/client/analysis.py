"""The analysis of a local store as JSON documents, the same that the command line prints and the API serves.

This is the only place where `causeway` reaches up to `analytics`, by name and when called: everybody imports
`causeway`, which imports nobody, but whoever opens a folder in a notebook wants its analysis from one package.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from causeway.errors import ConfigError
from causeway.stores.contract import Reader
from causeway.window import Window
from causeway.wire import to_json

NAMES = ("graph", "impact", "diagnose", "patrol")


def document(name: str, store: Reader, window: Window) -> Any:
    """One of NAMES over a window. Raises ConfigError for another name."""
    if name not in NAMES:
        raise ConfigError(f"no analysis {name!r}; there are {', '.join(NAMES)}")
    world = import_module("analytics.world_build").build_world(store, window)
    if name == "diagnose":
        return to_json(import_module("analytics.rootcause.diagnose").diagnose(world))
    graph = import_module("analytics.callgraph.graph").call_graph(world)
    if name == "graph":
        return graph.to_json()
    scores = import_module("analytics.impact.scores")
    impacts = scores.impact_scores(world, graph)
    if name == "impact":
        return scores.impacts_json(graph, impacts)
    return to_json(import_module("analytics.patrol.run").patrol(world, graph, impacts))
