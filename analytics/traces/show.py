"""Critical paths, groups of traces and patterns as text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from analytics.output import Column, Page
from analytics.traces.comparing import Comparison
from analytics.traces.paths import EntryList, EntryPaths, OperationPath, PathCoverage
from analytics.traces.sampling import TraceSample
from analytics.traces.signatures import TraceGroup
from causeway.findings import Finding, Message, MessageValue
from causeway.messages import MISSING, quantity
from causeway.window import Window, iso

OPERATIONS_MAX = 25
GROUPS_MAX = 8
NAMES_MAX = 3


def show_entries(listed: EntryList, page: Page) -> None:
    """Where requests come in."""
    page.line(_titled("entries_title", listed.window), style="bold")
    if not listed.entries:
        page.line(Message("traces.none"))
        return
    names = ("service", "operation", "requests", "share", "time_share", "mean", "p95")
    rows = [
        (
            one.service,
            one.operation,
            str(one.requests),
            quantity(one.share, "%"),
            quantity(one.time_share, "%"),
            quantity(one.mean_ms, "ms"),
            quantity(one.p95_ms, "ms"),
        )
        for one in listed.entries
    ]
    page.table(_columns(names, words=2), rows)
    _show_coverage(listed.coverage, page)


def show_paths(found: EntryPaths, page: Page) -> None:
    """What a request waits for, operation by operation."""
    page.line(_titled("paths_title", found.window), style="bold")
    entry = found.service if found.operation is None else f"{found.service} {found.operation}"
    values: dict[str, MessageValue] = {
        "entry": entry,
        "requests": str(found.coverage.requests),
        "mean": found.mean_ms,
        "p50": found.p50_ms,
    }
    page.line(Message("traces.entry", {**values, "p95": found.p95_ms, "example": found.example}))
    names = ("service", "operation", "share", "interval", "self", "touched", "calls", "saves", "saves_ratio")
    shown = found.operations[:OPERATIONS_MAX]
    page.table(_columns(names, words=2, spare=("interval", "calls")), [_operation_row(one) for one in shown])
    if len(found.operations) > len(shown):
        rest = found.operations[OPERATIONS_MAX:]
        share = sum(one.share for one in rest)
        page.line(Message("traces.rest", {"count": len(rest), "share": share}))
    _show_coverage(found.coverage, page)


def show_groups(groups: Sequence[TraceGroup], page: Page) -> None:
    """Requests by their shape."""
    page.heading(Message("traces.groups", {"count": len(groups)}))
    names = ("signature", "requests", "share", "mean", "p95", "failed", "spans", "against")
    rows = [
        (
            one.signature,
            str(one.requests),
            quantity(one.share, "%"),
            quantity(one.mean_ms, "ms"),
            quantity(one.p95_ms, "ms"),
            quantity(one.failed_ratio, "%"),
            quantity(one.spans),
            _against(one),
        )
        for one in groups[:GROUPS_MAX]
    ]
    columns = [Column(Message(f"traces.column_{name}"), number=name not in {"signature", "against"}) for name in names]
    page.table(columns, rows)


def show_comparison(compared: Comparison, page: Page) -> None:
    """What differs between two groups of requests."""
    values: dict[str, MessageValue] = {
        "usual": compared.usual,
        "other": compared.other,
        "usual_count": str(compared.requests[0]),
        "other_count": str(compared.requests[1]),
        "usual_mean": compared.mean_ms[0],
        "other_mean": compared.mean_ms[1],
    }
    page.heading(Message("traces.comparison", values))
    names = ("service", "operation", "more", "self_two", "seen_two", "calls_two", "failed_two", "p")
    rows = [
        (
            one.service,
            one.operation,
            quantity(one.more_ms, "ms"),
            _pair(one.self_ms, "ms"),
            _pair(one.seen, "%"),
            _pair(one.calls, ""),
            _pair(one.failed, "%"),
            MISSING if one.p is None else f"{one.p:.2g}",
        )
        for one in compared.differences[:OPERATIONS_MAX]
    ]
    page.table(_columns(names, words=2, spare=("calls_two", "failed_two")), rows)
    page.line(Message("traces.comparison_examples", {"usual": compared.examples[0], "other": compared.examples[1]}))


def show_patterns(sample: TraceSample, found: Sequence[Finding], page: Page) -> None:
    """The findings, the worst first."""
    page.line(_titled("patterns_title", sample.window), style="bold")
    page.line(Message("traces.patterns_of", {"traces": str(sample.forest.traces), "found": str(sample.traces_found)}))
    if not found:
        page.line(Message("traces.patterns_none" if sample.forest.traces else "traces.none"))
        return
    names = ("verdict", "pattern", "entity", "reason")
    columns = [Column(Message(f"traces.column_{name}")) for name in names]
    rows = [
        (
            page.verdict(one.verdict),
            page.words(Message(f"traces.{one.inspection}_title")),
            one.entity,
            page.words(one.reason),
        )
        for one in found
    ]
    page.table(columns, rows)


def _operation_row(one: OperationPath) -> tuple[str, ...]:
    known = one.share_low is not None and one.share_high is not None
    return (
        one.service,
        one.operation,
        quantity(one.share, "%"),
        f"{quantity(one.share_low, '%')} – {quantity(one.share_high, '%')}" if known else MISSING,
        quantity(one.self_ms, "ms"),
        quantity(one.touched, "%"),
        quantity(one.calls),
        quantity(one.saves_ms, "ms"),
        quantity(one.saves_ratio, "%"),
    )


def _show_coverage(coverage: PathCoverage, page: Page) -> None:
    page.line("")
    chosen = "sampled" if coverage.sampled else "all"
    counts = {"traces": coverage.traces, "stored": coverage.requests_stored, "pieces": len(coverage.pieces)}
    values = {name: str(count) for name, count in counts.items()}
    page.line(Message(f"traces.coverage_{chosen}_{coverage.spread}", values))
    if coverage.capped:
        page.line(Message("traces.coverage_capped"), style="yellow")
    names = ("spans", "broken", "moved", "cut", "not_waited")
    page.line(Message("traces.coverage", {name: str(getattr(coverage, name)) for name in names}))


def _against(group: TraceGroup) -> str:
    parts = [(sign, names) for sign, names in (("+", group.extra), ("−", group.lacking)) if names]
    texts = []
    for sign, names in parts:
        more = f" … {len(names)}" if len(names) > NAMES_MAX else ""
        texts.append(f"{sign} " + ", ".join(names[:NAMES_MAX]) + more)
    return "; ".join(texts)


def _pair(values: tuple[float, float], unit: str) -> str:
    return f"{quantity(values[0], unit)} → {quantity(values[1], unit)}"


def _columns(names: Sequence[str], *, words: int, spare: Sequence[str] = ()) -> list[Column]:
    """Columns whose first `words` are text, the rest numbers."""
    return [
        Column(Message(f"traces.column_{name}"), number=place >= words, spare=name in spare)
        for place, name in enumerate(names)
    ]


def _titled(name: str, window: Window) -> Message:
    return Message(f"traces.{name}", {"from": iso(window.start_ns), "to": iso(window.end_ns)})
