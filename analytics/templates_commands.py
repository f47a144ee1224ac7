"""The commands `templates list`, `templates explain` and `templates test`: which log messages there are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from causeway.deployment_options import Config, Data, Store

if TYPE_CHECKING:
    import pyarrow as pa

    from analytics.logtemplates.survey import Detail, Survey
    from analytics.output import Page
    from causeway.logtemplates.miner import TemplateMiner
    from causeway.stores.contract import Reader
    from causeway.window import Window

Start = Annotated[str | None, typer.Option("--from", help="Begin: RFC 3339, Unix time, or -15m before now.")]
End = Annotated[str | None, typer.Option("--to", help="End, exclusive; written as --from. Default: now.")]
Baseline = Annotated[str | None, typer.Option(help="How much time before the window is usual: 30m, 6h, 1d.")]
State = Annotated[
    Path | None, typer.Option("--learned", help="What a miner learned (templates.arrow); else the window is mined.")
]
Format = Annotated[str, typer.Option("--format", help="table or json.")]
Lang = Annotated[str, typer.Option(help="Language: en, zh-CN.")]
FailOn = Annotated[str, typer.Option(help="Exit with 1 from this verdict on: unknown, warning, critical, never.")]
Limit = Annotated[int, typer.Option(help="Templates shown in the table.", min=1)]

_LINES_MAX = 200_000  # lines read to explain a template or to test a line

app_templates = typer.Typer(help="Log templates: the kinds of messages, and how they change.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add `causeway templates`."""
    app_templates.command("list")(list_templates)
    app_templates.command("explain")(explain_template)
    app_templates.command("test")(try_line)
    app.add_typer(app_templates, name="templates")


def list_templates(
    data: Data = None,
    config: Config = None,
    store: Store = None,
    start: Start = None,
    end: End = None,
    baseline: Baseline = None,
    learned: State = None,
    limit: Limit = 50,
    output: Format = "table",
    lang: Lang = "en",
    fail_on: FailOn = "never",
) -> None:
    """Show the log templates of a window, most lines first, and which are new, gone, rare or changed their rate.

    \b
    Examples:
      causeway templates list --data demo-data --from -15m
      causeway templates list --data D --from -1h --baseline 6h --format json
    """
    from analytics.logtemplates.survey import survey, survey_json
    from analytics.output import Page, write_json
    from analytics.reading import check_fail_on, verdict_status
    from causeway.window import parse_duration

    check_fail_on(fail_on)
    reader, window = _open(data, config, store, start, end, output=output, lang=lang)
    try:
        before = window.before(parse_duration(baseline)) if baseline else None
        found = survey(reader, window, before, miner=_miner(learned))
    finally:
        reader.close()
    if output == "json":
        write_json(survey_json(found))
    else:
        _show(found, Page(language=lang), limit)
    raise typer.Exit(verdict_status(found.verdict, fail_on))


def explain_template(
    template_id: Annotated[str, typer.Argument(help="The id, as `templates list` shows it.")],
    data: Data = None,
    config: Config = None,
    store: Store = None,
    start: Start = None,
    end: End = None,
    learned: State = None,
    output: Format = "table",
    lang: Lang = "en",
) -> None:
    """Show one template and the values at its variable places, with their kinds.

    \b
    Examples:
      causeway templates explain 1783206442590374418 --data D --from -1h
      causeway templates explain -- -8353652679273819043
    """
    from analytics.logtemplates.survey import explain
    from causeway.errors import ConfigError

    if not template_id.lstrip("-").isdigit():
        raise ConfigError(f"templates explain: {template_id!r} is no template id; see causeway templates list")
    miner, bodies = _mined(data, config, store, start, end, learned, output, lang)
    _detail(explain(miner, int(template_id), bodies), template_id, output, lang)


def try_line(
    line: Annotated[str, typer.Argument(help="A log line, in quotes.")],
    data: Data = None,
    config: Config = None,
    store: Store = None,
    start: Start = None,
    end: End = None,
    learned: State = None,
    output: Format = "table",
    lang: Lang = "en",
) -> None:
    """Show which template a line has among those of the window, and its values. Nothing is learned from it.

    Exit status 1: no template of the window fits.

    \b
    Examples:
      causeway templates test 'connected to 10.0.0.17:5432 in 12ms' --data D --from -1h
    """
    from analytics.logtemplates.survey import look_at

    miner, _ = _mined(data, config, store, start, end, learned, output, lang)
    _detail(look_at(miner, line), line, output, lang)


def _open(
    data: Path | None,
    config: Path | None,
    store: str | None,
    start: str | None,
    end: str | None,
    *,
    output: str,
    lang: str,
) -> tuple[Reader, Window]:
    import time

    from analytics.reading import check_language
    from causeway.deployment import Options, deployment
    from causeway.errors import ConfigError
    from causeway.window import parse_window

    if output not in ("table", "json"):
        raise ConfigError(f"--format: no {output!r}; known: table, json")
    check_language(lang)
    window = parse_window(start, end, now_ns=time.time_ns(), default="-1h")
    return deployment(Options(data, config, store, None, None)).open_reader(), window


def _miner(learned: Path | None) -> TemplateMiner:
    from causeway.errors import ConfigError
    from causeway.logtemplates.miner import TemplateMiner
    from causeway.logtemplates.state import load

    if learned is None:
        return TemplateMiner()
    if not learned.exists():
        raise ConfigError(f"--learned: there is no {learned}")
    return load(learned)


def _mined(
    data: Path | None,
    config: Path | None,
    store: str | None,
    start: str | None,
    end: str | None,
    learned: Path | None,
    output: str,
    lang: str,
) -> tuple[TemplateMiner, pa.ChunkedArray]:
    """A miner that has seen the lines of the window, and the lines."""
    miner = _miner(learned)
    reader, window = _open(data, config, store, start, end, output=output, lang=lang)
    try:
        bodies = reader.logs(window, columns=("body",), limit=_LINES_MAX).table.column("body")
    finally:
        reader.close()
    miner.template_column(bodies)
    return miner, bodies


def _detail(found: Detail | None, asked: str, output: str, lang: str) -> None:
    from analytics.logtemplates.survey import detail_json
    from analytics.output import Column, Page, write_json
    from causeway.findings import Message

    page = Page(language=lang)
    if found is None:
        if output == "json":
            write_json({"template_id": None, "asked": asked})
        else:
            page.line(Message("templates.none_fits"))
        raise typer.Exit(1)
    if output == "json":
        write_json(detail_json(found))
        return
    page.line(found.template, style="bold")
    page.line(Message("templates.identity", {"id": str(found.template_id), "version": str(found.version)}), style="dim")
    columns = [Column(Message(f"templates.column_{name}")) for name in ("place", "kind", "values")]
    rows = [
        (
            str(place),
            ", ".join(dict.fromkeys(page.words(Message(f"templates.kind_{one.kind}")) for one in values)),
            ", ".join(one.value for one in values),
        )
        for place, values in enumerate(found.values, start=1)
    ]
    if rows:
        page.table(columns, rows)


def _show(found: Survey, page: Page, limit: int) -> None:
    from analytics.output import Column
    from causeway.findings import Message
    from causeway.messages import quantity
    from causeway.records import SEVERITIES

    page.line(Message("templates.title"), style="bold")
    if not found.rows:
        page.line(Message("templates.none"))
        return
    numbers = ("lines", "usual")
    names = ("id", "service", "severity", "lines", "usual", "change", "template")
    columns = [
        Column(Message(f"templates.column_{name}"), number=name in numbers, spare=name == "id") for name in names
    ]
    page.table(
        columns,
        [
            (
                str(row.template_id),
                row.service,
                SEVERITIES[(row.severity_number + 3) // 4] if row.severity_number else "",
                str(row.lines),
                quantity(row.change.usual) if row.change else "",
                page.words(Message(f"templates.change_{row.change.kind}")) if row.change else "",
                row.template,
            )
            for row in sorted(found.rows, key=lambda row: row.change is None)[:limit]
        ],
    )
    if len(found.rows) > limit:
        page.line(Message("templates.more_rows", {"left": str(len(found.rows) - limit)}), style="dim")
    if found.capped:
        page.line(Message("templates.capped"), style="dim")
    for service in found.without_history:
        page.line(Message("templates.no_history", {"service": service}), style="dim")
