"""The command `graph`: a thin shell around the call graph and the comparison of two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from analytics.callgraph.level import Level
from analytics.commands import Baseline, End, FailOn, Lang, Start
from causeway.deployment_options import Config, Data, Samples, StatePlace, Store
from causeway.findings import Verdict
from causeway.window import Window, earlier_window

if TYPE_CHECKING:
    from analytics.reading import Opened

GraphFormat = Annotated[str, typer.Option("--format", help="table, json, dot, graphml or csv (edges).")]
LevelName = Annotated[
    str, typer.Option("--level", help="What a node is: service, operation, instance or version of a service.")
]
Diff = Annotated[
    str | None,
    typer.Option(
        "--diff",
        metavar="BEFORE",
        help="Compare with an earlier window: 1h (the hour before --from), or A/B, two times written as --from.",
    ),
]
Service = Annotated[str | None, typer.Option("--service", help="Only this service and what is near it.")]
Hops = Annotated[int, typer.Option("--hops", min=0, help="How many calls away is near, in both directions.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("graph")(graph)


def graph(
    data: Data = None,
    config: Config = None,
    store: Store = None,
    samples: Samples = None,
    state: StatePlace = None,
    start: Start = None,
    end: End = None,
    baseline: Baseline = None,
    level: LevelName = "service",
    diff: Diff = None,
    service: Service = None,
    hops: Hops = 1,
    output: GraphFormat = "table",
    lang: Lang = "en",
    fail_on: FailOn = "never",
) -> None:
    """Show who calls whom: nodes, edges, entry points, depth, cycles, and how complete the traces are.

    With --diff: which calls came, went or changed, since when, and whether that is more than noise.

    The verdict for --fail-on is UNKNOWN when nothing was seen, else OK; with --diff WARNING when anything differs.

    \b
    Examples:
      causeway graph --data demo-data --from -15m
      causeway graph --level operation --service checkout --hops 2
      causeway graph --from -30m --diff 1h                  # the hour before
      causeway graph --from -1h --diff -25h/-24h            # that hour yesterday
      causeway graph --level version --diff 1d --fail-on warning
      causeway graph --format dot | dot -Tsvg > graph.svg
      causeway graph --format graphml > graph.graphml       # yEd, Gephi, networkx
    """
    from analytics.callgraph.documents import DOCUMENTS
    from analytics.callgraph.level import level_of
    from analytics.reading import Asked, check_fail_on, check_format, opened, verdict_status
    from causeway.deployment import Options

    check_format(output, ("table", "json", *DOCUMENTS))
    check_fail_on(fail_on)
    shown = _Shown(level_of(level), service, hops, output)
    with opened(Asked(Options(data, config, store, samples, state), start, end, baseline, lang)) as place:
        found = (
            _graph(place, shown)
            if diff is None
            else _diff(place, shown, earlier_window(diff, place.window, now_ns=place.now_ns))
        )
    raise typer.Exit(verdict_status(found, fail_on))


@dataclass(frozen=True, slots=True)
class _Shown:
    level: Level
    service: str | None
    hops: int
    output: str


def _graph(place: Opened, shown: _Shown) -> Verdict:
    """Write the graph; UNKNOWN when there is nothing in it."""
    from analytics.callgraph.documents import document
    from analytics.callgraph.focus import neighbourhood
    from analytics.callgraph.levels import level_graph
    from analytics.callgraph.show import show_graph
    from analytics.output import Page, write_json, write_text

    found = level_graph(place.store, place.window, place.baseline, shown.level)
    seen = len(found.nodes) > 0
    if not seen:
        place.hint()
    elif shown.service is not None:
        found = neighbourhood(found, shown.service, shown.hops)
    if shown.output == "json":
        write_json(found.to_json())
    elif shown.output == "table":
        show_graph(found, Page(language=place.language))
    else:
        write_text(document(found, shown.output))
    return Verdict.OK if seen else Verdict.UNKNOWN


def _diff(place: Opened, shown: _Shown, before: Window) -> Verdict:
    """Write what changed since `before`; UNKNOWN when there is nothing in either window, WARNING when they differ."""
    from analytics.callgraph.diff import graph_diff
    from analytics.callgraph.diff_documents import document
    from analytics.callgraph.focus import changes_near
    from analytics.callgraph.show_diff import show_diff
    from analytics.output import Page, write_json, write_text

    found = graph_diff(place.store, before, place.window, level=shown.level)
    seen = len(found.edges) > 0
    if not seen:
        place.hint()
    elif shown.service is not None:
        found = changes_near(found, shown.service, shown.hops)
    if shown.output == "json":
        write_json(found.to_json())
    elif shown.output == "table":
        show_diff(found, Page(language=place.language))
    else:
        write_text(document(found, shown.output))
    if not seen:
        return Verdict.UNKNOWN
    return Verdict.WARNING if len(found.differs) else Verdict.OK
