"""The commands `impact`, `risk`, `blast` and `whatif`: thin shells around the functions of this room."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from analytics.callgraph.commands import Diff, LevelName
from analytics.commands import Baseline, End, FailOn, Format, Lang, Start
from causeway.deployment_options import Config, Data, Samples, StatePlace, Store
from causeway.errors import ConfigError
from causeway.findings import Verdict

if TYPE_CHECKING:
    from analytics.callgraph.graph import CallGraph
    from analytics.callgraph.level import Level
    from analytics.impact.model import ImpactModel
    from analytics.impact.scores import ServiceImpact
    from analytics.reading import Opened
    from causeway.state import State
    from causeway.window import Window

KNOWN_MAX = 12
ImpactFormat = Annotated[str, typer.Option("--format", help="table, json, csv, dot or graphml.")]
TableFormat = Annotated[str, typer.Option("--format", help="table, json or csv.")]
Fast = Annotated[bool, typer.Option("--fast", help="Estimate from the call graph alone: read no traces.")]
Name = Annotated[str | None, typer.Argument(metavar="[SERVICE]", help="Only this one, with everything about it.")]
TargetName = Annotated[
    str,
    typer.Argument(
        metavar="TARGET",
        help="SERVICE, 'operation:SERVICE › OPERATION', 'instance:SERVICE › INSTANCE', host:NODE, zone:ZONE or "
        "'CALLER -> CALLEE'.",
    ),
]
Remove = Annotated[str | None, typer.Option(metavar="TARGET", help="What fails altogether; written as for `blast`.")]
Slow = Annotated[str | None, typer.Option(metavar="TARGET", help="What becomes slower; needs --by.")]
By = Annotated[str | None, typer.Option(metavar="200ms|x2", help="By how much: a time for each request, or a factor.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("impact")(impact)
    app.command("risk")(risk)
    app.command("blast")(blast)
    app.command("whatif")(whatif)


def impact(
    service: Name = None,
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
    fast: Fast = False,
    output: ImpactFormat = "table",
    lang: Lang = "en",
    fail_on: FailOn = "never",
) -> None:
    """Show how much each service matters: a score of 0-100 with its parts.

    With SERVICE: its parts in words, its journeys, how failures reach its callers, and its score over the last days.
    With --diff: whose score rose or fell since an earlier window, and by which part.

    What users lose is measured in sampled traces; with --fast, and below services, it is estimated from call ratios.
    The verdict for --fail-on is UNKNOWN when nothing was seen, else OK.

    \b
    Examples:
      causeway impact --data demo-data --from -1h
      causeway impact cart --from -1d
      causeway impact --level operation --format csv
      causeway impact --from -1h --diff -25h/-24h           # against that hour yesterday
      causeway impact --format dot | dot -Tsvg > impact.svg
    """
    from analytics.callgraph.level import level_of
    from analytics.impact.documents import DOCUMENTS
    from analytics.reading import Asked, check_fail_on, check_format, opened, verdict_status
    from causeway.deployment import Options, deployment
    from causeway.window import earlier_window

    check_format(output, ("table", "json", *DOCUMENTS))
    check_fail_on(fail_on)
    chosen = level_of(level)
    if service is not None and (diff is not None or output not in {"table", "json"}):
        raise ConfigError("SERVICE goes with --format table or json, and not with --diff")
    where = Options(data, config, store, samples, state)
    with opened(Asked(where, start, end, baseline, lang)) as place:
        if diff is not None:
            found = _diff(place, earlier_window(diff, place.window, now_ns=place.now_ns), chosen, fast, output)
        elif service is not None:
            found = _one(place, service, chosen, fast, output, deployment(where).open_state)
        else:
            found = _all(place, chosen, fast, output)
    raise typer.Exit(verdict_status(found, fail_on))


def risk(
    data: Data = None,
    config: Config = None,
    store: Store = None,
    samples: Samples = None,
    state: StatePlace = None,
    start: Start = None,
    end: End = None,
    baseline: Baseline = None,
    fast: Fast = False,
    output: TableFormat = "table",
    lang: Lang = "en",
    fail_on: FailOn = "never",
) -> None:
    """Rank services by risk: how likely each is to fail soon, times what that would hurt.

    Likelihood comes from the burn of the error budget, what patrol finds unusual, how near CPU and memory are to their
    limits, recent changes and single instances. What is not known is said and not counted.

    The verdict for --fail-on is UNKNOWN when nothing was seen, WARNING from a risk of 10 on, CRITICAL from 30 on.

    \b
    Examples:
      causeway risk --data demo-data
      causeway risk --from -1h --format json --fail-on critical
    """
    from analytics.callgraph.graph import call_graph
    from analytics.impact.risk import risk_verdict, risks, risks_json
    from analytics.impact.scores import impact_scores
    from analytics.impact.show_risk import risks_csv, show_risks
    from analytics.output import Page, write_json, write_text
    from analytics.patrol.run import patrol
    from analytics.reading import Asked, check_fail_on, check_format, opened, verdict_status
    from analytics.world_build import build_world
    from causeway.deployment import Options, settings

    check_format(output, ("table", "json", "csv"))
    check_fail_on(fail_on)
    with opened(Asked(Options(data, config, store, samples, state), start, end, baseline, lang)) as place:
        world = build_world(place.store, place.window, place.baseline)
        calls = call_graph(world)
        if not len(calls.nodes):
            place.hint()
        impacts = impact_scores(world, calls, _model(place, calls, fast))
        report = patrol(world, calls, impacts, settings(config).get("patrol", {}))
    found = risks(world, impacts, report.findings)
    if output == "json":
        write_json({"window": place.window.as_json(), **risks_json(found, lang)})
    elif output == "csv":
        write_text(risks_csv(found, lang))
    else:
        show_risks(found, Page(language=lang))
    raise typer.Exit(verdict_status(risk_verdict(found), fail_on))


def blast(
    target: TargetName,
    data: Data = None,
    config: Config = None,
    store: Store = None,
    samples: Samples = None,
    state: StatePlace = None,
    start: Start = None,
    end: End = None,
    output: Format = "table",
    lang: Lang = "en",
) -> None:
    """Show who is hit when something fails, how surely, and what each journey loses.

    \b
    Examples:
      causeway blast redis
      causeway blast 'operation:cart › POST /cart' --from -1d
      causeway blast host:node-3 --format json
      causeway blast 'checkout -> payment'
    """
    from analytics.impact.blast import blast_radius
    from analytics.impact.show_consequences import show_blast
    from analytics.impact.target import parse_target
    from analytics.output import Page, write_json
    from analytics.reading import Asked, check_format, opened
    from causeway import wire
    from causeway.deployment import Options

    check_format(output, ("table", "json"))
    wanted = parse_target(target)
    with opened(Asked(Options(data, config, store, samples, state), start, end, None, lang)) as place:
        found = blast_radius(_seen_model(place), wanted)
    if output == "json":
        write_json(wire.to_json(found, lang))
    else:
        show_blast(found, Page(language=lang))


def whatif(
    remove: Remove = None,
    slow: Slow = None,
    by: By = None,
    data: Data = None,
    config: Config = None,
    store: Store = None,
    samples: Samples = None,
    state: StatePlace = None,
    start: Start = None,
    end: End = None,
    output: Format = "table",
    lang: Lang = "en",
) -> None:
    """Think a change through: what every journey would suffer if something went away or became slower.

    \b
    Examples:
      causeway whatif --remove redis
      causeway whatif --remove host:node-3
      causeway whatif --slow payment --by 200ms
      causeway whatif --slow 'cart -> redis' --by x3 --format json
    """
    from analytics.impact.show_consequences import show_whatif
    from analytics.impact.whatif import parse_change, what_if
    from analytics.output import Page, write_json
    from analytics.reading import Asked, check_format, opened
    from causeway import wire
    from causeway.deployment import Options

    check_format(output, ("table", "json"))
    change = parse_change(remove, slow, by)
    with opened(Asked(Options(data, config, store, samples, state), start, end, None, lang)) as place:
        found = what_if(_seen_model(place), change)
    if output == "json":
        write_json(wire.to_json(found, lang))
    else:
        show_whatif(found, Page(language=lang))


def _model(place: Opened, graph: CallGraph, fast: bool) -> ImpactModel | None:
    from analytics.impact.model import read_model

    return None if fast or not len(graph.nodes) else read_model(place.store, graph)


def _seen_model(place: Opened) -> ImpactModel:
    """The model of the window. Raises ConfigError where nothing was seen in it."""
    from analytics.callgraph.graph import call_graph
    from analytics.impact.model import read_model
    from analytics.world_build import build_world

    graph = call_graph(build_world(place.store, place.window, place.baseline, calls_only=True))
    if not len(graph.nodes):
        place.hint()
        raise ConfigError("no service was seen in this window; choose another with --from and --to")
    return read_model(place.store, graph)


def _scored(
    place: Opened, window: Window, level: Level, fast: bool
) -> tuple[CallGraph, tuple[ServiceImpact, ...], ImpactModel | None]:
    from analytics.callgraph.graph import call_graph
    from analytics.callgraph.level import Level
    from analytics.callgraph.levels import level_graph
    from analytics.impact.scores import impact_scores, scores_of
    from analytics.world_build import build_world

    baseline = place.baseline if window == place.window else None
    if level is not Level.SERVICE:
        finer = level_graph(place.store, window, baseline, level)
        return finer, scores_of(finer), None
    world = build_world(place.store, window, baseline, calls_only=True)
    graph = call_graph(world)
    model = _model(place, graph, fast)
    return graph, impact_scores(world, graph, model), model


def _all(place: Opened, level: Level, fast: bool, output: str) -> Verdict:
    from analytics.impact.documents import document
    from analytics.impact.scores import impacts_json
    from analytics.impact.show import show_impacts
    from analytics.output import Page, write_json, write_text

    graph, found, _ = _scored(place, place.window, level, fast)
    if not found:
        place.hint()
    if output == "json":
        write_json(impacts_json(graph, found, language=place.language))
    elif output == "table":
        show_impacts(found, Page(language=place.language))
    else:
        write_text(document(graph, found, output))
    return Verdict.OK if found else Verdict.UNKNOWN


def _diff(place: Opened, before: Window, level: Level, fast: bool, output: str) -> Verdict:
    from analytics.impact.diff import changes_json, impact_changes
    from analytics.impact.documents import changes_csv
    from analytics.impact.show import show_changes
    from analytics.output import Page, write_json, write_text
    from analytics.reading import check_format

    check_format(output, ("table", "json", "csv"))
    found = impact_changes(_scored(place, before, level, fast)[1], _scored(place, place.window, level, fast)[1])
    if not found:
        place.hint()
    if output == "json":
        write_json(changes_json(before, place.window, str(level), found))
    elif output == "csv":
        write_text(changes_csv(found))
    else:
        show_changes(found, Page(language=place.language))
    return Verdict.OK if found else Verdict.UNKNOWN


def _one(place: Opened, name: str, level: Level, fast: bool, output: str, open_state: Callable[[], State]) -> Verdict:
    from analytics.impact.history import recent_history
    from analytics.impact.scores import impact_json
    from analytics.impact.show import show_impact
    from analytics.output import Page, write_json

    _, found, model = _scored(place, place.window, level, fast)
    one = next((each for each in found if each.service == name), None)
    if one is None:
        if not found:
            place.hint()
        near = [each.service for each in found if name.lower() in each.service.lower()] or [e.service for e in found]
        raise ConfigError(f"no {level} {name!r} in this window; known: {', '.join(near[:KNOWN_MAX]) or 'none'}")
    with closing(open_state()) as kept:
        history = recent_history(kept, place.window.end_ns, name)
    edges = () if model is None else tuple(each for each in model.transmissions if each.callee == name)
    if output == "json":
        hours = dict(zip(history.hours_ns, history.of(name), strict=True))
        write_json(impact_json(place.window, one, edges, hours, language=place.language))
    else:
        show_impact(one, edges, history, Page(language=place.language))
    return Verdict.OK
