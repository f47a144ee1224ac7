"""Patrol reports: whole in themselves, honest about what is unknown, safe whatever a log line holds."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from causeway.findings import Chart, Finding, Message, PatrolReport, Verdict
from causeway.messages import LANGUAGES
from causeway.window import Window
from dashboards.reports import patrol_html, patrol_markdown
from dashboards.reports.patrol_view import NAMES_MAX, ROWS_MAX, patrol_view
from dashboards.reports.sparkline import sparkline
from tests.servers.chromium import chromium

WINDOW = Window(1_790_000_000_000_000_000, 1_790_000_900_000_000_000)
CHART = Chart(Message("patrol.latency_chart"), "ms", tuple(range(6)), (1.0, 2.0, None, 9.0, 8.0, None), high=5.0)
RENDERERS = {"html": patrol_html.render, "md": patrol_markdown.render}


def finding(verdict: Verdict, entity: str = "cart", inspection: str = "latency", **changes) -> Finding:
    values = {"worst": 450.0, "usual": 80.0, "factor": 5.6, "lasting": 120.0, "calls": 3, "calls_min": 20}
    case = {Verdict.OK: "fine", Verdict.UNKNOWN: "too_few"}.get(verdict, "off")
    bad = verdict in {Verdict.WARNING, Verdict.CRITICAL}
    made = Finding(
        inspection,
        entity,
        verdict,
        Message(f"patrol.latency_{case}", values),
        value=450.0 if verdict is not Verdict.UNKNOWN else None,
        unit="ms",
        threshold=400.0,
        remedy=Message("patrol.latency_remedy") if bad else None,
        impact=42.0,
        chart=CHART if bad else None,
    )
    return replace(made, **changes)


def report(*findings: Finding, score: float | None = 72.5, verdict: Verdict = Verdict.CRITICAL) -> PatrolReport:
    counts = {one.value: sum(found.verdict is one for found in findings) for one in Verdict}
    return PatrolReport(WINDOW, score, verdict, findings, WINDOW.end_ns, counts)


MIXED = report(
    finding(Verdict.CRITICAL),
    finding(Verdict.WARNING, "orders"),
    finding(Verdict.UNKNOWN, "mailer"),
    finding(Verdict.OK, "payment"),
)


class Parsed(HTMLParser):
    """Counts tags, keeps text and attributes, and notices what is not closed."""

    VOID = frozenset({"meta", "rect", "path", "circle", "line", "polyline", "br", "link", "img"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.said: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data):
        self.said.append(data)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", RENDERERS)
def test_report_says_everything(kind, language):
    """Score, counts, each finding with value, threshold and reason, the unknown with what is missing, the fine."""
    said = RENDERERS[kind](MIXED, language=language, previous=report(finding(Verdict.OK)))
    for word in ("72.5", "cart", "orders", "mailer", "payment", "450 ms", "400 ms", "42"):
        assert word in said, word
    words = {"en": ("Critical", "Unknown", "Only 3 requests"), "zh-CN": ("严重", "未知", "仅收到 3 个请求")}[language]
    assert all(word in said for word in words)


@pytest.mark.parametrize("language", LANGUAGES)
def test_page_is_whole_in_itself(language):
    """No script, no outside request, well-formed, and it says which language it is in."""
    page = Parsed(patrol_html.render(MIXED, language=language))
    assert page.open == []
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert not [value for name, value in page.attributes if name in {"src", "href"} or (value or "").startswith("http")]
    assert ("lang", language) in page.attributes
    text = patrol_html.render(MIXED, language=language)
    assert "url(" not in text and "@import" not in text
    assert "prefers-color-scheme: dark" in text and "size: A4" in text


@pytest.mark.parametrize("kind", RENDERERS)
def test_verdicts_have_shape_and_word(kind):
    """Nobody has to see colours."""
    said = RENDERERS[kind](MIXED)
    for word in ("Critical", "Warning", "OK", "Unknown"):
        assert word in said
    shapes = ("<rect", "<path", "<circle", "stroke-dasharray") if kind == "html" else ("■", "▲", "○", "◌")
    assert all(shape in said for shape in shapes)


def test_hostile_names_are_only_text():
    """A service or a log template may hold anything; it stays text, in a page and in a table."""
    evil = '<script>alert(1)</script>|x|`y`"'
    bad = report(finding(Verdict.CRITICAL, evil), finding(Verdict.UNKNOWN, evil), finding(Verdict.OK, evil))
    page = Parsed(patrol_html.render(bad, previous=report()))
    assert "script" not in page.tags and any(evil in said for said in page.said)
    markdown = patrol_markdown.render(bad)
    assert "<script>" not in markdown
    rows = [line for line in markdown.splitlines() if "alert" in line and line.startswith("|")]
    assert rows and all(len(re.findall(r"(?<!\\)\|", row)) in {5, 4, 8} for row in rows)


def test_nothing_judged_is_said_so():
    """No score is words, not a number, and never 100."""
    nothing = report(finding(Verdict.UNKNOWN), score=None, verdict=Verdict.UNKNOWN)
    view = patrol_view(nothing, language="en", previous=None)
    assert view.score == "Nothing could be judged." and view.score_share is None
    assert view.sentence.startswith("Too little data") and view.coverage.startswith("0 of 1")
    assert "/ 100" not in patrol_html.render(nothing)


@pytest.mark.parametrize(
    ("before", "note", "titles"),
    [
        (None, "There is no earlier patrol to compare with.", []),
        (MIXED, "Nothing changed.", []),
        (
            report(finding(Verdict.WARNING), finding(Verdict.CRITICAL, "payment")),
            "",
            ["New", "Worse", "Gone"],
        ),
        (
            report(finding(Verdict.CRITICAL), finding(Verdict.CRITICAL, "orders"), finding(Verdict.WARNING, "mailer")),
            "",
            ["Better", "No longer judged"],
        ),
    ],
)
def test_changes_are_told_in_words(before, note, titles):
    """What is new, worse, better, gone, or no longer judged since the patrol before."""
    view = patrol_view(MIXED, language="en", previous=before)
    assert view.changes_note == note
    assert [change.title for change in view.changes] == titles


def test_change_of_the_score_has_its_sign():
    """Compared with the score before: up, down, or the same."""
    for before, said in ((70.0, "+2.5"), (80.0, "−7.5"), (72.5, "±0")):
        view = patrol_view(MIXED, language="en", previous=replace(MIXED, score=before))
        assert view.score_before.startswith(said), view.score_before


def test_long_reports_are_capped_and_say_so():
    """More rows than anybody reads are counted instead."""
    many = report(*(finding(Verdict.CRITICAL, f"s{place}") for place in range(ROWS_MAX + 7)))
    group = patrol_view(many, language="en", previous=None).groups[0]
    assert len(group.rows) == ROWS_MAX and group.more == "and 7 more"
    fine = report(*(finding(Verdict.OK, f"s{place}") for place in range(NAMES_MAX + 3)), verdict=Verdict.OK)
    names = patrol_view(fine, language="en", previous=None).fine[0]
    assert names.count == NAMES_MAX + 3 and names.names.endswith("and 3 more")


def test_unknowns_of_one_kind_are_one_line():
    """Fifty services without a metric are one line with their number, not fifty."""
    some = report(*(finding(Verdict.UNKNOWN, f"s{place}") for place in range(50)))
    unknowns = patrol_view(some, language="en", previous=None).unknowns
    assert [(one.count, one.reason[:4]) for one in unknowns] == [(50, "Only")]


def test_sparkline_keeps_gaps_and_shows_the_limit():
    """Two runs of values are two lines; the limit is a rule; nothing to draw is nothing."""
    drawn = str(sparkline(CHART))
    assert drawn.count("<polyline") == 2 and drawn.count("<line") == 1
    assert "1 ms – 9 ms" in drawn
    assert str(sparkline(replace(CHART, values=(None, 1.0)))) == ""
    assert "<line" not in str(sparkline(replace(CHART, high=1e6)))


@pytest.mark.parametrize(("scheme", "width"), [("light", 1366), ("dark", 800), ("light", 390)])
def test_page_fits_its_screen(tmp_path, scheme, width):
    """In a browser without network: nothing is asked for, nothing overflows, both themes differ."""
    path = tmp_path / "patrol.html"
    path.write_text(patrol_html.render(MIXED, language="zh-CN"), encoding="utf-8")
    with chromium() as browser:
        context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        assert asked == [path.as_uri()]
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert background == {"light": "rgb(246, 247, 249)", "dark": "rgb(14, 18, 23)"}[scheme]
        context.close()
