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
from causeway.state import State
from causeway.stores.contract import Reader
from causeway.window import HOUR_NS, Window, earlier_window
from causeway.wire import to_json

NAMES = ("graph", "graph/diff", "impact", "risk", "blast", "whatif", "diagnose", "patrol", "templates")


def document(name: str, store: Reader, window: Window, options: Mapping[str, str] = MappingProxyType({})) -> Any:
    """One of NAMES, or `templates/ID`, over a window. Raises ConfigError for another name or an unknown template.

    options as in the API: `level`, `service` and `hops` of both graphs, and `before` of their difference; `level` and
    `fast` of impact and risk; `target` of blast; `remove`, or `slow` and `by`, of whatif; `service` of
    templates, and `limit` (lines) of one.
    """
    name, _, part = name.partition("/") if name.startswith("templates/") else (name, "", "")
    if name not in NAMES:
        raise ConfigError(f"no analysis {name!r}; there are {', '.join(NAMES)}")
    if name == "graph/diff":
        return _diff(store, window, options)
    world = import_module("analytics.world_build").build_world(store, window)
    if name == "diagnose":
        return to_json(import_module("analytics.rootcause.diagnose").diagnose(world))
    if name == "graph":
        return _graph(store, world, options)
    if name == "templates":
        return _templates(store, world, part, options)
    if name in {"blast", "whatif"}:
        return _consequences(name, store, world, options)
    return _scored(name, store, world, options)


def impact_history(state: State, window: Window) -> Any:
    """The document of `GET /api/v1/impact/history`: the window, three days at least, as far as it is kept."""
    history = import_module("analytics.impact.history")
    end_ns = window.end_ns // HOUR_NS * HOUR_NS
    return history.history_json(history.recent_history(state, end_ns, start_ns=window.start_ns))


def _scored(name: str, store: Reader, world: Any, options: Mapping[str, str]) -> Any:
    level = import_module("analytics.callgraph.level").level_of(options.get("level", "service"))
    scores = import_module("analytics.impact.scores")
    graph = import_module("analytics.callgraph.levels").finer_graph(store, world, level)
    if level != "service":
        return scores.impacts_json(graph, scores.scores_of(graph))
    measured = name != "patrol" and options.get("fast") != "true" and len(graph.nodes)
    model = import_module("analytics.impact.model").read_model(store, graph) if measured else None
    impacts = scores.impact_scores(world, graph, model)
    if name == "impact":
        return scores.impacts_json(graph, impacts)
    report = import_module("analytics.patrol.run").patrol(world, graph, impacts)
    if name == "patrol":
        return to_json(report)
    risk = import_module("analytics.impact.risk")
    return {"window": world.window.as_json(), **risk.risks_json(risk.risks(world, impacts, report.findings))}


def _consequences(name: str, store: Reader, world: Any, options: Mapping[str, str]) -> Any:
    graph = import_module("analytics.callgraph.graph").call_graph(world)
    model = import_module("analytics.impact.model").read_model(store, graph)
    if name == "blast":
        target = import_module("analytics.impact.target").parse_target(options.get("target", ""))
        return to_json(import_module("analytics.impact.blast").blast_radius(model, target))
    whatif = import_module("analytics.impact.whatif")
    change = whatif.parse_change(options.get("remove"), options.get("slow"), options.get("by"))
    return to_json(whatif.what_if(model, change))


def _templates(store: Reader, world: Any, template_id: str, options: Mapping[str, str]) -> Any:
    lookup = import_module("analytics.logtemplates.lookup")
    survey, service = import_module("analytics.logtemplates.survey").survey_of(world), options.get("service")
    if not template_id:
        return lookup.templates_document(survey, service)
    number, limit = lookup.template_id_of(template_id), int(options.get("limit", "50"))
    read = import_module("analytics.logtemplates.lines").template_lines
    found = lookup.template_document(
        survey,
        number,
        lambda: read(
            store,
            world.window,
            number,
            earlier=world.baseline,
            service=service,
            limit=limit,
            templates=world.logs.told,
        ),
        service=service,
        examples=limit,
    )
    if found is None:
        raise ConfigError(f"no template {template_id} in this window")
    return found


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
