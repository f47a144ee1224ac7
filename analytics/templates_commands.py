"""The commands `templates list`, `templates explain` and `templates test`: which log messages there are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from causeway.deployment_options import Config, Data, Store

if TYPE_CHECKING:
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

_LINES_MAX = 200_000  # lines read to test a line

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
    from analytics.templates_show import listed
    from causeway.window import parse_duration

    check_fail_on(fail_on)
    reader, window = _open(data, config, store, start, end, output=output, lang=lang)
    try:
        before = window.before(parse_duration(baseline)) if baseline else None
        found = survey(reader, window, before, miner=None if learned is None else _miner(learned))
    finally:
        reader.close()
    if output == "json":
        write_json(survey_json(found))
    else:
        listed(found, Page(language=lang), limit)
    raise typer.Exit(verdict_status(found.verdict, fail_on))


def explain_template(
    template_id: Annotated[str, typer.Argument(help="The id, as `templates list` shows it.")],
    data: Data = None,
    config: Config = None,
    store: Store = None,
    start: Start = None,
    end: End = None,
    service: Annotated[str | None, typer.Option(help="Only lines of this service.")] = None,
    examples: Annotated[int, typer.Option(help="Newest lines shown.", min=0, max=1000)] = 5,
    traces: Annotated[int, typer.Option(help="Newest traces shown that its lines name.", min=0, max=20)] = 5,
    learned: State = None,
    output: Format = "table",
    lang: Lang = "en",
) -> None:
    """Show one template: the values at its variable places, its newest lines, and the traces they belong to.

    Where no line of the window has it, those of the time before are looked at. Exit status 1: none of those either.

    \b
    Examples:
      causeway templates explain 1783206442590374418 --data D --from -1h
      causeway templates explain --traces 20 --examples 0 -- -8353652679273819043
    """
    from analytics.logtemplates.catalogue import catalogue
    from analytics.logtemplates.lines import VALUE_LINES, template_lines
    from analytics.logtemplates.mined import MinedTemplates
    from analytics.templates_show import explained, none_fits
    from analytics.world_timeline import default_baseline
    from causeway.errors import ConfigError

    if not template_id.lstrip("-").isdigit():
        raise ConfigError(f"templates explain: {template_id!r} is no template id; see causeway templates list")
    reader, window = _open(data, config, store, start, end, output=output, lang=lang)
    try:
        known = catalogue(reader)
        mined = None if int(template_id) in known and learned is None else MinedTemplates(_miner(learned))
        found = template_lines(
            reader,
            window,
            int(template_id),
            earlier=default_baseline(window),
            service=service,
            limit=max(examples, VALUE_LINES),
            traces_max=traces,
            templates=mined,
        )
    finally:
        reader.close()
    if found is None:
        none_fits(template_id, output, lang)
    else:
        explained(found, (mined or known).version(found.template_id), examples, output, lang)


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
    """Show which template a line has among those the store knows, and its values. Nothing is learned from it.

    Where lines are stored without ids, those of the window are mined. Exit status 1: no template fits.

    \b
    Examples:
      causeway templates test 'connected to 10.0.0.17:5432 in 12ms' --data D --from -1h
    """
    from analytics.logtemplates.catalogue import catalogue
    from analytics.logtemplates.lines import look_at, look_up
    from analytics.templates_show import detail, none_fits

    reader, window = _open(data, config, store, start, end, output=output, lang=lang)
    try:
        known = catalogue(reader) if learned is None else None
        found = look_up(known, line) if known else look_at(_mined(reader, window, _miner(learned)), line)
    finally:
        reader.close()
    if found is None:
        none_fits(line, output, lang)
    else:
        detail(found, output, lang)


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


def _mined(reader: Reader, window: Window, miner: TemplateMiner) -> TemplateMiner:
    """The miner, after it has seen the newest lines of the window."""
    page = reader.logs(window, columns=("body",), limit=_LINES_MAX, newest_first=True)
    miner.template_column(page.table.column("body"))
    return miner
