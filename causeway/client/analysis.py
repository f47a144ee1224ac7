"""The analysis of a local store as JSON documents, the same that the command line prints and the API serves.

This is the only place where `causeway` reaches up to `analytics`, by name and when called: everybody imports
`causeway`, which imports nobody, but whoever opens a folder in a notebook wants its analysis from one package.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any

from causeway.errors import ConfigError
from causeway.stores.contract import Reader
from causeway.window import Window, earlier_window
from causeway.wire import to_json

NAMES = ("graph", "graph/diff", "impact", "diagnose", "patrol")


def document(name: str, store: Reader, window: Window, options: Mapping[str, str] = MappingProxyType({})) -> Any:
    """One of NAMES over a window. Raises ConfigError for another name.

    options: `level`, `service` and `hops` of both graphs, and `before` of their difference, as in the API.
    """
    if name not in NAMES:
        raise ConfigError(f"no analysis {name!r}; there are {', '.join(NAMES)}")
    if name == "graph/diff":
        return _diff(store, window, options)
    world = import_module("analytics.world_build").build_world(store, window)
    if name == "diagnose":
        return to_json(import_module("analytics.rootcause.diagnose").diagnose(world))
    if name == "graph":
        return _graph(store, world, options)
    graph = import_module("analytics.callgraph.graph").call_graph(world)
    scores = import_module("analytics.impact.scores")
    impacts = scores.impact_scores(world, graph)
    if name == "impact":
        return scores.impacts_json(graph, impacts)
    return to_json(import_module("analytics.patrol.run").patrol(world, graph, impacts))


def _graph(store: Reader, world: Any, options: Mapping[str, str]) -> Any:
    level = import_module("analytics.callgraph.level").level_of(options.get("level", "service"))
    found = import_module("analytics.callgraph.levels").finer_graph(store, world, level)
    if "service" in options:
        near = import_module("analytics.callgraph.focus").neighbourhood
        found = near(found, options["service"], int(options.get("hops", "1")))
    return found.to_json()


def _diff(store: Reader, window: Window, options: Mapping[str, str]) -> Any:
    level = import_module("analytics.callgraph.level").level_of(options.get("level", "service"))
    before = earlier_window(options.get("before"), window, now_ns=window.end_ns)
    found = import_module("analytics.callgraph.diff").graph_diff(store, before, window, level=level)
    if "service" in options:
        near = import_module("analytics.callgraph.focus").changes_near
        found = near(found, options["service"], int(options.get("hops", "1")))
    return found.to_json()
