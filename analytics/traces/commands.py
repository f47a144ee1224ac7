"""The commands `paths` and `patterns`: thin shells around functions of sampled traces."""

from __future__ import annotations

from typing import Annotated

import typer

from analytics.commands import End, FailOn, Format, Lang, Start
from analytics.traces.spreading import TRACES_MAX, Spread
from causeway.deployment_options import Config, Data, Store

Traces = Annotated[int, typer.Option("--traces", min=1, help="Look at this many traces at most.")]
Spreading = Annotated[Spread, typer.Option("--spread", help="Which traces: spread over the window, or the newest.")]


def register(app: typer.Typer) -> None:
    """Add both commands."""
    app.command("paths")(paths)
    app.command("patterns")(patterns)


def paths(
    entry: Annotated[
        list[str] | None, typer.Argument(help="`service` or `service operation`; without it the entries are listed.")
    ] = None,
    data: Data = None,
    config: Config = None,
    store: Store = None,
    start: Start = None,
    end: End = None,
    traces: Traces = TRACES_MAX,
    spread: Spreading = Spread.EVEN,
    compare: Annotated[
        str | None, typer.Option("--compare", help="Say what differs: `slow` (from fast), or versions of a SERVICE.")
    ] = None,
    output: Format = "table",
    lang: Lang = "en",
) -> None:
    """Show which operation's own time a request really waits for, and what a 10 % faster one saves.

    \b
    Examples:
      causeway paths --data demo-data
      causeway paths frontend "GET /checkout" --data demo-data --from -15m
      causeway paths frontend --compare slow --format json
    """
    from analytics.output import Page, write_json
    from analytics.reading import Asked
    from analytics.traces import comparing, show
    from analytics.traces.asked import read_sample
    from analytics.traces.paths import entry_list, entry_paths, named
    from analytics.traces.signatures import trace_groups
    from causeway import wire
    from causeway.deployment import Options

    _check_format(output)
    sample = read_sample(Asked(Options(data, config, store), start, end, None, lang), traces, spread)
    page = Page(language=lang)
    if not entry:
        listed = entry_list(sample)
        if output == "json":
            write_json(wire.to_json(listed, lang))
        else:
            show.show_entries(listed, page)
        return
    service, operation = named(sample, " ".join(entry))
    tops = sample.forest.tops(service, operation)
    found = entry_paths(sample, service, operation)
    groups = trace_groups(sample.forest, tops)
    compared = None
    if compare is not None:
        compared = (
            comparing.slow_against_fast(sample.forest, tops)
            if compare == "slow"
            else comparing.version_against_version(sample.forest, tops, compare)
        )
    if output == "json":
        document = wire.to_json(found, lang) | {"groups": wire.to_json(groups, lang)}
        write_json(document | {"comparison": None if compared is None else wire.to_json(compared, lang)})
        return
    show.show_paths(found, page)
    show.show_groups(groups, page)
    if compared is not None:
        show.show_comparison(compared, page)


def patterns(
    data: Data = None,
    config: Config = None,
    store: Store = None,
    start: Start = None,
    end: End = None,
    traces: Traces = TRACES_MAX,
    spread: Spreading = Spread.EVEN,
    output: Format = "table",
    lang: Lang = "en",
    fail_on: FailOn = "never",
) -> None:
    """Find costly habits in traces: N+1 calls, chatty pairs, retry storms, rings, fan-outs, timeouts, serial calls.

    \b
    Examples:
      causeway patterns --data demo-data --from -15m
      causeway patterns --data D --format json --fail-on warning
    """
    from analytics.output import Page, write_json
    from analytics.patterns.find import find_patterns
    from analytics.reading import Asked, check_fail_on, verdict_status
    from analytics.traces import show
    from analytics.traces.asked import read_sample
    from causeway import wire
    from causeway.deployment import Options
    from causeway.findings import Verdict

    _check_format(output)
    check_fail_on(fail_on)
    sample = read_sample(Asked(Options(data, config, store), start, end, None, lang), traces, spread)
    found = find_patterns(sample.forest)
    if output == "json":
        counts = {"traces": sample.forest.traces, "traces_found": sample.traces_found, "sampled": sample.sampled}
        write_json(wire.to_json({"window": sample.window, **counts, "findings": found}, lang))
    else:
        show.show_patterns(sample, found, Page(language=lang))
    worst = max((finding.verdict for finding in found), key=lambda verdict: verdict.rank, default=Verdict.OK)
    raise typer.Exit(verdict_status(worst if sample.forest.traces else Verdict.UNKNOWN, fail_on))


def _check_format(output: str) -> None:
    from causeway.errors import ConfigError

    if output not in {"table", "json"}:
        raise ConfigError(f"--format: no {output!r}; known: table, json")
