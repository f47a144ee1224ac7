"""Patrol: the last reports, what is new and what is gone since the one before, and the findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
from dash import html
from dash.development.base_component import Component

from causeway.findings import Finding, PatrolReport, Verdict
from causeway.messages import catalogue, quantity
from causeway.state.records import PatrolMark, PatrolRun
from causeway.window import Window
from causeway.wire import sentence
from dashboards.components.basics import answer, card, heading, mark, page_body
from dashboards.components.charts import graph
from dashboards.components.states import no_spans
from dashboards.components.tables import Column, Row, grid, number
from dashboards.figures.lines import Line, lines_figure
from dashboards.page import Page
from dashboards.services import Services
from dashboards.view import View

HEIGHT_PX = 520


def render(view: View, services: Services, _values: Mapping[str, str]) -> Component:
    """The page: the run in the address or the newest; without any, a patrol of the window shown, not kept."""
    history = services.patrol_history()
    run = _chosen(view, services, history)
    report = run.report if run is not None else services.patrol(view.window)
    title = view.say("title_patrol")
    if run is None and not report.findings:
        return no_spans(view, services, title=title)
    earlier = services.previous_patrol_run(run) if run is not None else None
    parts: list[Any] = [
        heading(title, note=_note(view, run, report)),
        answer(view, report.verdict, _sentence(view, report, earlier)),
        html.Div([_score(view, report, history), _since(view, report, earlier)], className="two"),
        card(
            view.say("findings"),
            grid(
                "findings",
                view,
                _columns(view),
                finding_rows(view, report.findings, report.window),
                label=view.say("findings"),
                height=HEIGHT_PX,
            ),
            note=view.say("findings_note"),
            class_name="flush",
        ),
        _report(view, run),
        _runs(view, history),
    ]
    return page_body([part for part in parts if part is not None])


def _chosen(view: View, services: Services, history: Sequence[PatrolMark]) -> PatrolRun | None:
    asked = view.address.get("run")
    if asked.isdigit():
        return services.patrol_run(int(asked))
    return services.patrol_run(history[0].id) if history else None


def _note(view: View, run: PatrolRun | None, report: PatrolReport) -> str:
    if run is None:
        return view.say("patrol_live", window=view.span_of(report.window))
    schedule = run.schedule or view.say("patrol_by_hand")
    return view.say(
        "patrol_of", time=view.clock(report.generated_ns), window=view.span_of(report.window), schedule=schedule
    )


def _sentence(view: View, report: PatrolReport, earlier: PatrolRun | None) -> str:
    counts = {verdict: int(report.counts.get(verdict.value, 0)) for verdict in Verdict}
    said = view.say(
        "patrol_answer" if report.score is not None else "patrol_unscored",
        score=report.score,
        critical=counts[Verdict.CRITICAL],
        warning=counts[Verdict.WARNING],
        unknown=counts[Verdict.UNKNOWN],
        ok=counts[Verdict.OK],
    )
    if earlier is not None and earlier.report.score is not None and report.score is not None:
        said = view.join([said, view.say("patrol_before", score=earlier.report.score)])
    return said


def _score(view: View, report: PatrolReport, history: Sequence[PatrolMark]) -> Component:
    counts = [
        html.Li(
            [mark(view, verdict), html.Span(), html.Span(str(report.counts.get(verdict.value, 0)), className="strong")]
        )
        for verdict in (Verdict.CRITICAL, Verdict.WARNING, Verdict.UNKNOWN, Verdict.OK)
    ]
    body: list[Any] = [html.Ul(counts, className="rows")]
    scored = sorted((run for run in history if run.score is not None), key=lambda run: run.generated_ns)
    if len(scored) >= 2:
        times = np.array([run.generated_ns for run in scored], dtype=np.int64)
        scores = np.array([run.score for run in scored], dtype=np.float64)
        line = Line(view.say("score"), scores, view.theme.accent)
        window = Window(int(times[0]), int(times[-1]) + 1)
        figure = lines_figure(view, times, [line], unit="", window=window, height=130)
        body.append(graph("score-history", figure, label=view.say("score_history"), over_time=False))
    shown = quantity(report.score) if report.score is not None else "–"
    return card(view.say("score_of", score=shown), body, note=view.say("score_note"))


def _since(view: View, report: PatrolReport, earlier: PatrolRun | None) -> Component:
    if earlier is None:
        return card(view.say("since_last"), html.Div(view.say("since_last_none"), className="dim"))
    now, before = _bad(report), _bad(earlier.report)
    lines = []
    for key, finding in now.items():
        kind = "new" if key not in before else "worse" if finding.verdict.rank > before[key].verdict.rank else ""
        if kind:
            lines.append(_difference(view, kind, finding))
    lines += [_difference(view, "gone", finding) for key, finding in before.items() if key not in now]
    body = html.Ul(lines[:10], className="rows") if lines else html.Div(view.say("since_last_same"), className="dim")
    return card(view.say("since_last"), body, note=view.clock(earlier.report.generated_ns))


def _bad(report: PatrolReport) -> dict[tuple[str, str], Finding]:
    return {(one.inspection, one.entity): one for one in report.findings if one.verdict.rank >= Verdict.WARNING.rank}


def _difference(view: View, kind: str, finding: Finding) -> Component:
    return html.Li(
        [
            html.Span(view.say(f"difference_{kind}"), className="tag"),
            html.Span(
                [html.Span(finding.entity, className="strong"), " ", inspection_title(view, finding.inspection)],
                className="words",
            ),
            mark(view, finding.verdict if kind != "gone" else Verdict.OK),
        ]
    )


def inspection_title(view: View, name: str) -> str:
    """The inspection's title; its name where a plug-in brought one without words."""
    key = f"patrol.{name}_title"
    return view.say(key) if key in catalogue(view.language) else name


def _columns(view: View) -> Sequence[Column]:
    return (
        Column("name", view.say("column_entity"), "name", flex=2),
        Column("inspection", view.say("column_inspection"), "text", flex=2),
        Column("value", view.say("column_value"), "number", width=120),
        Column("impact", view.say("column_impact"), "bar", width=120),
        Column("reason", view.say("column_reason"), "prose", flex=6),
        Column("remedy", view.say("column_remedy"), "prose", flex=5),
    )


def finding_rows(view: View, findings: Sequence[Finding], window: Window) -> list[Row]:
    """One row per finding of that window, in the report's order (worst first); a click shows what it is about."""
    return [
        {
            "key": f"{one.inspection} {one.entity} {i}",
            "name": one.entity if one.entity != "*" else view.say("everything"),
            "href": _href(view, one, window),
            "verdict": one.verdict.value,
            "verdict_word": view.say(f"verdict_{one.verdict.value.lower()}"),
            "inspection": inspection_title(view, one.inspection),
            **number("value", one.value, one.unit, off=one.verdict.value if one.verdict.rank > 1 else None),
            "impact": (one.impact or 0.0) / 100,
            "impact_text": quantity(None if one.impact is None else round(one.impact)),
            "reason": sentence(one.reason, view.language),
            "remedy": sentence(one.remedy, view.language) if one.remedy is not None and one.verdict.rank > 1 else "",
        }
        for i, one in enumerate(findings)
    ]


def _href(view: View, finding: Finding, window: Window) -> str | None:
    """The records behind it in the window it was judged for, where it names some; else its service."""
    if finding.link is None:
        return view.href(f"/service/{finding.entity}") if finding.impact is not None else None
    path, _, query = finding.link.partition("?")
    return view.address.to_window(window, path, **dict(parse_qsl(query)))


def _report(view: View, run: PatrolRun | None) -> Component | None:
    if run is None or not run.files:
        return None
    links = [
        html.A(view.say("open_report", format=form), href=report_href(path), target="_blank", className="button plain")
        for form, path in sorted(run.files.items())
    ]
    page = run.files.get("html")
    frame = (
        [html.Iframe(src=report_href(page), title=view.say("report"), className="report-frame", sandbox="")]
        if page and view.address.get("report") == "1"
        else []
    )
    shown = html.A(
        view.say("report_hide" if frame else "report_show"),
        href=view.href(report=None if frame else 1),
        className="button",
    )
    tools = html.Div([*([shown] if page else []), *links], className="pills", style={"padding": "4px 16px 12px"})
    return card(view.say("report"), [tools, *frame], class_name="flush")


def report_href(path: str) -> str:
    """The address of a report file; its path is kept relative to the data folder."""
    return "/reports/" + path.removeprefix("reports/")


def _runs(view: View, history: Sequence[PatrolMark]) -> Component | None:
    if not history:
        return card(
            view.say("patrol_runs"),
            html.Div(
                [html.Div(view.say("patrol_runs_none")), html.Pre("causeway patrol run --data DIR", className="code")]
            ),
        )
    rows: list[Row] = [
        {
            "key": str(run.id),
            "name": view.clock(run.generated_ns, seconds=True),
            "href": view.href(run=run.id),
            "verdict": run.verdict.value,
            "verdict_word": view.say(f"verdict_{run.verdict.value.lower()}"),
            "schedule": run.schedule or view.say("patrol_by_hand"),
            **number("score", run.score, ""),
            **{name.value.lower(): int(run.counts.get(name.value, 0)) for name in Verdict},
        }
        for run in history
    ]
    columns = (
        Column("name", view.say("column_when"), "name", flex=2),
        Column("schedule", view.say("column_schedule"), "text", flex=2),
        Column("score", view.say("score"), "number", flex=1),
        *(
            Column(name.value.lower(), view.say(f"verdict_{name.value.lower()}"), "text", flex=1)
            for name in (Verdict.CRITICAL, Verdict.WARNING, Verdict.UNKNOWN, Verdict.OK)
        ),
    )
    return card(
        view.say("patrol_runs"),
        grid("patrol-runs", view, columns, rows, label=view.say("patrol_runs")),
        class_name="flush",
    )


PAGE = Page(name="patrol", path="/patrol", title="title_patrol", render=render, nav=(7, "shield-check"))
