"""The commands `diagnose` and `patrol`: thin shells around functions of a World."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from analytics import analyze, templates_commands
from causeway.deployment_options import Config, Data, Samples, StatePlace, Store

Start = Annotated[
    str | None,
    typer.Option("--from", help="Begin: RFC 3339, Unix time, or -15m before now. Default: -1h (diagnose: -15m)."),
]
End = Annotated[str | None, typer.Option("--to", help="End, exclusive; written as --from. Default: now.")]
Baseline = Annotated[
    str | None,
    typer.Option(help="How much time before the window is usual: 30m, 6h, 1d. Default: 1h, or twice the window."),
]
Format = Annotated[str, typer.Option("--format", help="table or json.")]
ReportFormat = Annotated[str, typer.Option("--format", help="table, json, md or html.")]
Lang = Annotated[str, typer.Option(help="Language: en, zh-CN.")]
FailOn = Annotated[
    str,
    typer.Option(help="Exit with 1 from this verdict on: unknown, warning, critical, never."),
]

patrol_app = typer.Typer(help="Health patrols: inspect everything and judge it.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this room."""
    from analytics.anomalies import commands as anomalies  # they take their options from here
    from analytics.callgraph import commands as callgraph
    from analytics.impact import commands as impact
    from analytics.traces import commands as traces

    callgraph.register(app)
    impact.register(app)
    app.command("diagnose")(diagnose)
    patrol_app.command("run")(patrol_run)
    app.add_typer(patrol_app, name="patrol")
    anomalies.register(app)
    traces.register(app)
    analyze.register(app)
    templates_commands.register(app)


def diagnose(
    data: Data = None,
    config: Config = None,
    store: Store = None,
    samples: Samples = None,
    state: StatePlace = None,
    start: Start = None,
    end: End = None,
    baseline: Baseline = None,
    output: Format = "table",
    lang: Lang = "en",
    fail_on: FailOn = "never",
) -> None:
    """Say what broke in the window, since when and why, with evidence for and against.

    The verdict for --fail-on: CRITICAL with a cause, WARNING with symptoms but no clear cause, UNKNOWN when
    nothing was seen, OK when there is no anomaly.

    \b
    Examples:
      causeway diagnose --data demo-data
      causeway diagnose --data D --from 2023-01-29T08:42:00Z --to 2023-01-29T08:46:00Z --baseline 2m --format json
    """
    from analytics.output import Page, write_json
    from analytics.reading import Asked, check_fail_on, check_format, diagnosis_verdict, read_world, verdict_status
    from analytics.rootcause.diagnose import diagnose as judge
    from analytics.show_diagnosis import show_diagnosis
    from analytics.world_build import seen_nothing
    from causeway import wire
    from causeway.deployment import Options

    check_format(output, ("table", "json"))
    check_fail_on(fail_on)
    world = read_world(Asked(Options(data, config, store, samples, state), start, end, baseline, lang, default="-15m"))
    diagnosis = judge(world)
    if output == "json":
        write_json(wire.to_json(diagnosis, lang))
    else:
        show_diagnosis(diagnosis, Page(language=lang))
    verdict = diagnosis_verdict(diagnosis, nothing_seen=seen_nothing(world))
    raise typer.Exit(verdict_status(verdict, fail_on))


def patrol_run(
    data: Data = None,
    config: Config = None,
    store: Store = None,
    samples: Samples = None,
    state: StatePlace = None,
    start: Start = None,
    end: End = None,
    baseline: Baseline = None,
    output: ReportFormat = "table",
    out: Annotated[Path | None, typer.Option(help="Also write the report into this folder, in every format.")] = None,
    lang: Lang = "en",
    fail_on: FailOn = "never",
) -> None:
    """Inspect services, containers and the telemetry itself once, and judge each.

    \b
    Examples:
      causeway patrol run --data demo-data
      causeway patrol run --data D --from -1d --format json --fail-on critical
      causeway patrol run --data D --out reports/
    """
    from analytics.anomalies.kept import kept_anomalies
    from analytics.callgraph.graph import call_graph
    from analytics.impact.scores import impact_scores
    from analytics.output import Page, write_json, write_text
    from analytics.patrol.run import patrol
    from analytics.reading import Asked, check_fail_on, check_format, opened, verdict_status
    from analytics.reports import report_document, report_formats, write_reports
    from analytics.show import show_patrol
    from analytics.traces.sampling import read_traces
    from analytics.world_build import build_world, seen_nothing
    from causeway import wire
    from causeway.deployment import Options, deployment, settings

    check_format(output, ("table", "json", *report_formats()))
    check_fail_on(fail_on)
    asked = Asked(Options(data, config, store, samples, state), start, end, baseline, lang)
    with opened(asked) as place:
        world = build_world(place.store, place.window, place.baseline)
        if seen_nothing(world):
            place.hint()
        calls = call_graph(world)
        report = patrol(
            world,
            calls,
            impact_scores(world, calls),
            settings(config).get("patrol", {}),
            traces=lambda: read_traces(place.store, place.window),
            anomalies=kept_anomalies(deployment(asked.options), place.window),
        )
    if out is not None:
        write_reports(report, out, language=lang)
    if output == "json":
        write_json(wire.to_json(report, lang))
    elif output != "table":
        write_text(report_document(report, output, language=lang))
    else:
        show_patrol(report, Page(language=lang))
    raise typer.Exit(verdict_status(report.verdict, fail_on))
