"""What `causeway templates` shows."""

from __future__ import annotations

from typing import NoReturn

import typer

from analytics.logtemplates.lines import Detail, TemplateLines, detail_json, detail_of, explained_json
from analytics.logtemplates.survey import Survey
from analytics.output import Column, Page, write_json
from causeway.findings import Message
from causeway.messages import quantity
from causeway.records import SEVERITIES
from causeway.window import iso

_LINE_SHOWN_MAX = 300


def none_fits(asked: str, output: str, lang: str) -> NoReturn:
    """Say that no template fits, and exit with status 1."""
    if output == "json":
        write_json({"template_id": None, "asked": asked})
    else:
        Page(language=lang).line(Message("templates.none_fits"))
    raise typer.Exit(1)


def detail(found: Detail, output: str, lang: str) -> None:
    """What a line or template is made of."""
    if output == "json":
        write_json(detail_json(found))
    else:
        _values(found, Page(language=lang))


def _values(found: Detail, page: Page) -> None:
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


def explained(found: TemplateLines, version: int, examples: int, output: str, lang: str) -> None:
    """A template with its values, that many of its lines, and its traces."""
    made_of = detail_of(found, version=version)
    if output == "json":
        write_json(explained_json(found, made_of, examples=examples))
        return
    page = Page(language=lang)
    _values(made_of, page)

    def titles(*names: str) -> list[Column]:
        return [Column(Message(f"templates.column_{name}"), number=name == "lines") for name in names]

    lines = found.table.slice(0, examples).to_pylist()
    if lines:
        page.heading(Message("templates.examples", {"shown": len(lines), "matched": found.matched}))
        cells = [
            (iso(row["time_ns"]), row["service"] or "", row["severity"] or "", _one_line(row["body"])) for row in lines
        ]
        page.table(titles("time", "service", "severity", "line"), cells)
    if found.traces:
        page.heading(Message("templates.traces"))
        page.table(
            titles("trace", "lines", "time"),
            [(one.trace_id.hex(), str(one.lines), iso(one.time_ns)) for one in found.traces],
        )
    if found.truncated:
        page.line(Message("templates.read_newest", {"read": found.read}), style="dim")


def _one_line(body: str | None) -> str:
    line = " ".join((body or "").split())
    return line if len(line) <= _LINE_SHOWN_MAX else line[: _LINE_SHOWN_MAX - 1] + "…"


def listed(found: Survey, page: Page, limit: int) -> None:
    """The templates of a window as a table, those that changed first."""
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
