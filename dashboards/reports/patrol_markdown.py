"""A patrol report as Markdown: tables that read well as plain text, for a chat, a ticket or a repository."""

from __future__ import annotations

from causeway.findings import PatrolReport
from dashboards.reports.patrol_view import Group, Names, PatrolView, Words, patrol_view


def render(report: PatrolReport, *, language: str = "en", previous: PatrolReport | None = None) -> str:
    """The whole document, ending in a newline."""
    view, words = patrol_view(report, language=language, previous=previous), Words(language)
    lines = [*_head(view, words), *_changes(view, words)]
    if view.groups:
        lines += [f"## {words('report_findings')}", ""]
        for group in view.groups:
            lines += _group(group, words)
    lines += _names(words("report_unknowns"), view.unknowns, words)
    lines += _names(words("report_all_fine"), view.fine, words)
    return "\n".join([*lines, "---", "", _plain(view.footer), ""])


def _head(view: PatrolView, words: Words) -> list[str]:
    score = view.score if view.score_share is None else words("report_score_of", score=view.score)
    counts = " · ".join(f"{count.shape} {count.word} {count.count}" for count in view.counts)
    return [
        f"# {view.title}",
        "",
        f"{view.window}",
        "",
        f"**{view.shape} {_plain(view.sentence)}**",
        "",
        f"- {words('report_score')}: **{score}**" + (f" ({view.score_before})" if view.score_before else ""),
        f"- {counts}",
        f"- {view.coverage}",
        f"- {view.generated}",
        "",
    ]


def _changes(view: PatrolView, words: Words) -> list[str]:
    lines = [f"## {words('report_changes')}", ""]
    if view.changes_note:
        return [*lines, view.changes_note, ""]
    return [*lines, *(f"- **{change.title}** ({change.count}): {_plain(change.names)}" for change in view.changes), ""]


def _group(group: Group, words: Words) -> list[str]:
    columns = ("entity", "inspection", "value", "threshold", "impact", "reason", "remedy")
    lines = [
        f"### {group.shape} {group.word} ({len(group.rows)})",
        "",
        "| " + " | ".join(words(f"report_column_{name}") for name in columns) + " |",
        "|---|---|---:|---:|---:|---|---|",
    ]
    for row in group.rows:
        cells = (row.entity, row.title, row.value, row.threshold, row.impact, row.reason, row.remedy)
        lines.append("| " + " | ".join(_plain(cell) for cell in cells) + " |")
    return [*lines, *(["", group.more] if group.more else []), ""]


def _names(title: str, names: tuple[Names, ...], words: Words) -> list[str]:
    if not names:
        return []
    with_reason = any(name.reason for name in names)
    heads = ["inspection", "count", "entity", *(["reason"] if with_reason else [])]
    shown = {"count": "#"}
    lines = [
        f"## {title}",
        "",
        "| " + " | ".join(shown.get(head) or words(f"report_column_{head}") for head in heads) + " |",
        "|---|---:|---|" + ("---|" if with_reason else ""),
    ]
    for name in names:
        cells = [name.title, str(name.count), name.names, *([name.reason] if with_reason else [])]
        lines.append("| " + " | ".join(_plain(cell) for cell in cells) + " |")
    return [*lines, ""]


def _plain(cell: str) -> str:
    """Text that Markdown takes as text: a log template may hold anything."""
    flat = " ".join(cell.split())
    for sign in "\\|`*_<>[]":
        flat = flat.replace(sign, "\\" + sign)
    return flat
