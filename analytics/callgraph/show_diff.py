"""What changed between two windows, as tables for people."""

from __future__ import annotations

from typing import Any

from analytics.callgraph.diff import ASPECTS, GraphDiff, statuses
from analytics.frames import records_of
from analytics.output import Column, Page
from causeway.findings import Message
from causeway.messages import MISSING, quantity
from causeway.window import Window, iso

STYLES = {"new": "green", "removed": "red", "changed": "yellow"}
_UNITS = {"rate": ("calls_per_s", "/s"), "errors": ("error_ratio", "%"), "latency": ("latency_ms_mean", "ms")}


def show_diff(diff: GraphDiff, page: Page) -> None:
    """What came, what went, what changed and by how much, and what there are too few calls to tell of."""
    page.line(_message("diff_title", after=_window(diff.after), before=_window(diff.before)), style="bold")
    if not len(diff.edges):
        page.line(_message("diff_nothing"))
        return
    counts = diff.counts()
    if not len(diff.differs):
        page.line(_message("diff_none"), style="green")
    for status in ("new", "removed"):
        _show_come_and_gone(diff, status, page)
    _show_changed(diff, page)
    page.line("")
    page.line(_message("diff_same", same=counts["same"], too_few=counts["too_few"]))
    if diff.traffic_ratio is not None:
        page.line(_message("diff_traffic", ratio=diff.traffic_ratio))
    if diff.sampled:
        page.line(_message("diff_sampled"))
    page.line(_message("diff_looked", since=iso(diff.looked.start_ns)))


def first_seen_message(edge: dict[str, Any]) -> Message:
    """Since when an edge is known: one row of `GraphDiff.edges`."""
    if edge["first_seen_ns"] is None:
        return _message("seen_never")
    name = "seen_earlier" if edge["first_seen_earlier"] else "seen_first"
    return _message(name, time=iso(int(edge["first_seen_ns"])))


def change_message(edge: dict[str, Any], aspect: str) -> Message:
    """One change of an edge with its numbers: one row of `GraphDiff.edges`, and one of its `changes`."""
    column, unit = _UNITS[aspect]
    before, after = (quantity(edge[f"{column}_{when}"], unit) for when in ("before", "after"))
    return Message(f"callgraph.change_{aspect}", {"before": before, "after": after})


def _show_come_and_gone(diff: GraphDiff, status: str, page: Page) -> None:
    edges = records_of(statuses(diff, (status,)))
    if not edges:
        return
    page.line("")
    page.line(Message(f"callgraph.diff_{status}", {"count": len(edges)}), style=f"bold {STYLES[status]}")
    when = "after" if status == "new" else "before"
    columns = [Column(Message(f"graph.column_{name}")) for name in ("caller", "callee", "kind")]
    columns += [Column(Message(f"graph.column_{name}"), number=True) for name in ("calls", "rate", "errors", "mean")]
    columns += [Column(_message("column_since" if status == "new" else "column_last")), Column(_message("column_note"))]
    page.table(columns, [(*_numbers(edge, when, page), *_when(edge, status, diff, page)) for edge in edges])


def _numbers(edge: dict[str, Any], when: str, page: Page) -> tuple[str, ...]:
    kind = Message("callgraph.kind_link") if edge["kind"] == "link" else Message(f"graph.kind_{edge['kind']}")
    return (
        edge["caller"],
        edge["callee"],
        page.words(kind),
        f"{edge[f'calls_{when}']:,}",
        quantity(edge[f"calls_per_s_{when}"], "/s"),
        quantity(edge[f"error_ratio_{when}"], "%"),
        quantity(edge[f"latency_ms_mean_{when}"], "ms"),
    )


def _when(edge: dict[str, Any], status: str, diff: GraphDiff, page: Page) -> tuple[str, str]:
    """When it came or went, and what to keep in mind of it."""
    if status == "removed":
        time = MISSING if edge["last_seen_ns"] is None else iso(int(edge["last_seen_ns"]))
        return time, "" if edge["certain"] else page.words(_message("may_be_chance"))
    since = page.words(first_seen_message(edge))
    if edge["first_seen_ns"] is not None and edge["first_seen_ns"] < diff.before.start_ns:
        return since, page.words(_message("was_there"))
    return since, "" if edge["certain"] else page.words(_message("may_be_chance"))


def _show_changed(diff: GraphDiff, page: Page) -> None:
    edges = records_of(statuses(diff, ("changed",)))
    if not edges:
        return
    page.line("")
    page.line(_message("diff_changed", count=len(edges)), style="bold yellow")
    columns = [Column(Message(f"graph.column_{name}")) for name in ("caller", "callee")]
    columns += [Column(_message("column_change")), Column(_message("column_p"), number=True)]
    rows = [
        (edge["caller"], edge["callee"], page.words(change_message(edge, aspect)), _p(edge[f"p_{aspect}"]))
        for edge in edges
        for aspect in ASPECTS
        if aspect in edge["changes"]
    ]
    page.table(columns, rows)


def _p(p: float | None) -> str:
    if p is None:
        return MISSING
    return f"{p:.1g}" if p >= 1e-6 else "<1e-6"


def _window(window: Window) -> str:
    return f"{iso(window.start_ns)} – {iso(window.end_ns)}"


def _message(name: str, **values: str | int | float | None) -> Message:
    return Message(f"callgraph.{name}", values)
