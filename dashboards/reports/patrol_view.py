"""A patrol report in words, ready to be laid out: the same for Markdown and HTML. Nothing is judged here."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from importlib.metadata import version

from analytics.patrol.compare import compare
from analytics.patrol.inspection import EVERYTHING
from causeway.findings import Chart, Finding, PatrolReport, Verdict
from causeway.messages import quantity, text
from causeway.window import SECOND_NS
from causeway.wire import sentence

# A report is for reading: what is beyond is counted, and is in the JSON file beside it.
ROWS_MAX = 300
NAMES_MAX = 12
SHAPES = {Verdict.OK: "○", Verdict.WARNING: "▲", Verdict.CRITICAL: "■", Verdict.UNKNOWN: "◌"}
_SHOWN_FIRST = (Verdict.CRITICAL, Verdict.WARNING)


@dataclass(frozen=True, slots=True)
class Count:
    """How many findings have a verdict."""

    verdict: Verdict
    shape: str
    word: str
    count: int


@dataclass(frozen=True, slots=True)
class Row:
    """A finding that needs attention."""

    entity: str
    title: str
    value: str
    threshold: str
    impact: str
    impact_share: float
    reason: str
    remedy: str
    chart: Chart | None


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of one verdict; `more`: the words for what is left out, or nothing."""

    verdict: Verdict
    shape: str
    word: str
    rows: tuple[Row, ...]
    more: str


@dataclass(frozen=True, slots=True)
class Names:
    """Several entities under one heading: a kind of change, an unknown with its reason, an inspection that is fine."""

    title: str
    names: str
    count: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PatrolView:
    """Everything that a report says, in its order."""

    language: str
    title: str
    window: str
    generated: str
    verdict: Verdict
    shape: str
    sentence: str
    score: str
    score_share: float | None
    score_before: str
    coverage: str
    coverage_share: float
    counts: tuple[Count, ...]
    changes: tuple[Names, ...]
    changes_note: str
    groups: tuple[Group, ...]
    unknowns: tuple[Names, ...]
    fine: tuple[Names, ...]
    footer: str


class Words:
    """The catalogue's sentences in one language."""

    def __init__(self, language: str) -> None:
        self.language = language

    def __call__(self, name: str, **values: str | float | None) -> str:
        """The sentence `patrol.NAME`."""
        return text(f"patrol.{name}", self.language, **values)

    def title(self, inspection: str) -> str:
        """An inspection's name for people; its own name where it is not one of ours."""
        try:
            return self(f"{inspection}_title")
        except KeyError:
            return inspection

    def entity(self, name: str) -> str:
        """An entity's name; that of everything in words."""
        return self("report_everything") if name == EVERYTHING else name

    def verdict(self, verdict: Verdict) -> str:
        """The verdict's word."""
        return self(f"verdict_{verdict.value.lower()}")


def patrol_view(report: PatrolReport, *, language: str, previous: PatrolReport | None) -> PatrolView:
    """The report in words of that language, compared with the one before."""
    words = Words(language)
    counts = {verdict: _count(report, verdict) for verdict in Verdict}
    total = sum(counts.values())
    judged = total - counts[Verdict.UNKNOWN]
    share = judged / total if total else 0.0
    changes, note = _changes(report, previous, words)
    return PatrolView(
        language=language,
        title=words("report_title"),
        window=words("report_window", start=_time(report.window.start_ns), end=_time(report.window.end_ns), zone="UTC"),
        generated=words("report_generated", time=f"{_time(report.generated_ns)} UTC"),
        verdict=report.verdict,
        shape=SHAPES[report.verdict],
        sentence=_sentence(report, counts, words),
        score=words("report_score_none") if report.score is None else quantity(report.score),
        score_share=None if report.score is None else report.score / 100.0,
        score_before=_score_before(report, previous, words),
        coverage=words("report_coverage", judged=judged, total=total, share=share),
        coverage_share=share,
        counts=tuple(
            Count(verdict, SHAPES[verdict], words.verdict(verdict), counts[verdict])
            for verdict in (Verdict.CRITICAL, Verdict.WARNING, Verdict.OK, Verdict.UNKNOWN)
        ),
        changes=changes,
        changes_note=note,
        groups=_groups(report, words),
        unknowns=_unknowns(report, words),
        fine=_fine(report, words),
        footer=words("report_footer", version=version("causeway")),
    )


def _sentence(report: PatrolReport, counts: dict[Verdict, int], words: Words) -> str:
    """The answer first: what is wrong, or that nothing is."""
    unknown = counts[Verdict.UNKNOWN]
    total = sum(counts.values())
    tail = " " + words("report_sentence_unknowns", unknown=unknown) if unknown else ""
    if counts[Verdict.CRITICAL] or counts[Verdict.WARNING]:
        worst = report.findings[0]
        name = "report_sentence_critical" if counts[Verdict.CRITICAL] else "report_sentence_warning"
        return (
            words(
                name,
                critical=counts[Verdict.CRITICAL],
                warning=counts[Verdict.WARNING],
                entity=words.entity(worst.entity),
                title=words.title(worst.inspection),
            )
            + tail
        )
    if report.verdict is Verdict.UNKNOWN:
        return words("report_sentence_unknown", judged=total - unknown, total=total)
    return words("report_sentence_fine", ok=counts[Verdict.OK]) + tail


def _score_before(report: PatrolReport, previous: PatrolReport | None, words: Words) -> str:
    if report.score is None or previous is None or previous.score is None:
        return ""
    change = report.score - previous.score
    sign = "+" if change > 0 else "±" if change == 0 else ""
    return words("report_score_before", change=f"{sign}{quantity(round(change, 1))}", before=quantity(previous.score))


def _changes(report: PatrolReport, previous: PatrolReport | None, words: Words) -> tuple[tuple[Names, ...], str]:
    """What changed, and the note to show where nothing did."""
    if previous is None:
        return (), words("report_no_previous")
    found = compare(previous, report)
    kinds = (
        ("new", found.new),
        ("worse", found.worse),
        ("better", found.better),
        ("gone", found.gone),
        ("no_longer_judged", found.lost),
    )
    changes = tuple(
        Names(words(f"report_{kind}"), _change_names(findings, words), len(findings))
        for kind, findings in kinds
        if findings
    )
    return changes, "" if changes else words("report_no_changes")


def _change_names(findings: tuple[Finding, ...], words: Words) -> str:
    lines = [
        words(
            "report_change_line",
            entity=words.entity(finding.entity),
            title=words.title(finding.inspection),
        )
        for finding in findings
    ]
    return _listed(lines, words, separator=_SEMICOLONS[words.language])


def _groups(report: PatrolReport, words: Words) -> tuple[Group, ...]:
    groups = []
    for verdict in _SHOWN_FIRST:
        findings = [finding for finding in report.findings if finding.verdict is verdict]
        if findings:
            left = len(findings) - ROWS_MAX
            more = words("report_more", count=left) if left > 0 else ""
            rows = tuple(_row(finding, words) for finding in findings[:ROWS_MAX])
            groups.append(Group(verdict, SHAPES[verdict], words.verdict(verdict), rows, more))
    return tuple(groups)


def _row(finding: Finding, words: Words) -> Row:
    return Row(
        entity=words.entity(finding.entity),
        title=words.title(finding.inspection),
        value=quantity(finding.value, finding.unit),
        threshold=quantity(finding.threshold, finding.unit),
        impact=quantity(None if finding.impact is None else round(finding.impact)),
        impact_share=min(1.0, max(0.0, (finding.impact or 0.0) / 100.0)),
        reason=sentence(finding.reason, words.language),
        remedy=sentence(finding.remedy, words.language) if finding.remedy else "",
        chart=finding.chart,
    )


def _unknowns(report: PatrolReport, words: Words) -> tuple[Names, ...]:
    """By inspection and kind of reason: the first of them says why, for all."""
    found: dict[tuple[str, str], list[Finding]] = {}
    for finding in report.findings:
        if finding.verdict is Verdict.UNKNOWN:
            found.setdefault((finding.inspection, finding.reason.id), []).append(finding)
    return tuple(
        Names(
            words.title(inspection),
            _listed([words.entity(finding.entity) for finding in findings], words),
            len(findings),
            sentence(findings[0].reason, words.language),
        )
        for (inspection, _), findings in found.items()
    )


def _fine(report: PatrolReport, words: Words) -> tuple[Names, ...]:
    found: dict[str, list[str]] = {}
    for finding in report.findings:
        if finding.verdict is Verdict.OK:
            found.setdefault(finding.inspection, []).append(words.entity(finding.entity))
    return tuple(Names(words.title(name), _listed(found[name], words), len(found[name])) for name in sorted(found))


_COMMAS = {"en": ", ", "zh-CN": "、"}
_SEMICOLONS = {"en": "; ", "zh-CN": "；"}


def _listed(names: list[str], words: Words, *, separator: str = "") -> str:
    """The first names, and how many more there are."""
    between = separator or _COMMAS[words.language]
    shown = between.join(names[:NAMES_MAX])
    left = len(names) - NAMES_MAX
    return shown if left <= 0 else f"{shown}{between}{words('report_more', count=left)}"


def _count(report: PatrolReport, verdict: Verdict) -> int:
    return sum(finding.verdict is verdict for finding in report.findings)


def _time(time_ns: int) -> str:
    return dt.datetime.fromtimestamp(time_ns // SECOND_NS, dt.UTC).strftime("%Y-%m-%d %H:%M:%S")
