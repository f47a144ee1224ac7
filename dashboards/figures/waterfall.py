"""A trace as rows of a waterfall: order, depth, own time, and the critical path. Pure; no drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

# Rows beyond this are not drawn, and the page says so.
ROWS_MAX = 2000


@dataclass(frozen=True, slots=True)
class SpanRow:
    """One span. own: intervals (start_ns, end_ns) in which it waited for no child. skewed: begins before its parent."""

    span_id: str
    parent_id: str
    service: str
    operation: str
    kind: str
    status: str
    start_ns: int
    duration_ns: int
    depth: int
    critical: bool
    skewed: bool
    orphan: bool
    own: tuple[tuple[int, int], ...]

    @property
    def end_ns(self) -> int:
        return self.start_ns + self.duration_ns

    @property
    def own_ns(self) -> int:
        """Time in which no child was running."""
        return sum(end - start for start, end in self.own)


@dataclass(frozen=True, slots=True)
class Waterfall:
    """All spans of a trace, parents before children, siblings by start."""

    rows: tuple[SpanRow, ...]
    start_ns: int
    end_ns: int
    orphans: int
    skewed: int
    total: int

    @property
    def duration_ns(self) -> int:
        return self.end_ns - self.start_ns


@dataclass(slots=True)
class _Span:
    span_id: str
    parent_id: str
    service: str
    operation: str
    kind: str
    status: str
    start_ns: int
    end_ns: int
    children: list[_Span] = field(default_factory=list)


def waterfall(table: pa.Table) -> Waterfall:
    """The rows of a trace's spans (columns of `records.SPANS`). Without a known parent: a root; rings are cut."""
    spans = _spans(table)
    roots = _linked(spans)
    critical = _critical_path(roots)
    ordered: list[SpanRow] = []
    seen: set[str] = set()
    stack: list[tuple[_Span, int, int | None]] = [
        (root, 0, None) for root in sorted(roots, key=_by_start, reverse=True)
    ]
    while stack:
        span, depth, parent_start = stack.pop()
        if span.span_id in seen:
            continue
        seen.add(span.span_id)
        ordered.append(_row(span, depth, parent_start, critical, spans))
        children = sorted(span.children, key=_by_start, reverse=True)
        stack.extend((child, depth + 1, span.start_ns) for child in children)
    start = min((row.start_ns for row in ordered), default=0)
    end = max((row.end_ns for row in ordered), default=0)
    return Waterfall(
        rows=tuple(ordered[:ROWS_MAX]),
        start_ns=start,
        end_ns=end,
        orphans=sum(row.orphan for row in ordered),
        skewed=sum(row.skewed for row in ordered),
        total=len(ordered),
    )


def _spans(table: pa.Table) -> dict[str, _Span]:
    names = ["span_id", "parent_span_id", "service", "operation", "kind", "status", "start_ns", "duration_ns"]
    found: dict[str, _Span] = {}
    for row in table.select(names).to_pylist():
        span_id = (row["span_id"] or b"").hex()
        found[span_id] = _Span(
            span_id,
            (row["parent_span_id"] or b"").hex(),
            row["service"] or "",
            row["operation"] or "",
            row["kind"] or "",
            row["status"] or "",
            row["start_ns"],
            row["start_ns"] + max(0, row["duration_ns"] or 0),
        )
    return found


def _linked(spans: Mapping[str, _Span]) -> list[_Span]:
    roots = []
    for span in spans.values():
        parent = spans.get(span.parent_id)
        if parent is None or parent is span:
            roots.append(span)
        else:
            parent.children.append(span)
    reached: set[str] = set()
    _reach(roots, reached)
    for span in sorted(spans.values(), key=_by_start):
        if span.span_id not in reached:  # a ring of parents: enter it at its earliest span
            roots.append(span)
            _reach([span], reached)
    return roots


def _reach(starts: Sequence[_Span], reached: set[str]) -> None:
    stack = list(starts)
    while stack:
        span = stack.pop()
        if span.span_id not in reached:
            reached.add(span.span_id)
            stack.extend(span.children)


def _by_start(span: _Span) -> tuple[int, str]:
    return span.start_ns, span.span_id


def _critical_path(roots: Sequence[_Span]) -> set[str]:
    """From the end of the longest root backwards: at each moment the child that ended last before it."""
    if not roots:
        return set()
    longest = max(roots, key=lambda span: (span.end_ns - span.start_ns, span.span_id))
    path: set[str] = set()
    stack: list[tuple[_Span, int]] = [(longest, longest.end_ns)]
    while stack:
        span, cursor = stack.pop()
        if span.span_id in path:
            continue
        path.add(span.span_id)
        for child in sorted(span.children, key=lambda one: (-one.end_ns, one.span_id)):
            if child.start_ns >= cursor or child.end_ns > cursor + 1:
                continue  # it ran beside what already explains this time, or outlived its parent
            stack.append((child, child.end_ns))
            cursor = child.start_ns
    return path


def _row(span: _Span, depth: int, parent_start: int | None, critical: set[str], spans: Mapping[str, _Span]) -> SpanRow:
    return SpanRow(
        span_id=span.span_id,
        parent_id=span.parent_id,
        service=span.service,
        operation=span.operation,
        kind=span.kind,
        status=span.status,
        start_ns=span.start_ns,
        duration_ns=span.end_ns - span.start_ns,
        depth=depth,
        critical=span.span_id in critical,
        skewed=parent_start is not None and span.start_ns < parent_start,
        orphan=bool(span.parent_id) and span.parent_id not in spans,
        own=_own(span),
    )


def _own(span: _Span) -> tuple[tuple[int, int], ...]:
    """The parts of the span that no child covers."""
    parts, cursor = [], span.start_ns
    for child in sorted(span.children, key=_by_start):
        start = min(max(child.start_ns, span.start_ns), span.end_ns)
        end = min(child.end_ns, span.end_ns)
        if start > cursor:
            parts.append((cursor, start))
        cursor = max(cursor, end)
    if cursor < span.end_ns:
        parts.append((cursor, span.end_ns))
    return tuple(parts)
