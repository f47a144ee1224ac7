"""Critical paths and replays once more, by recursion over single spans, straight from the definitions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Node:
    row: dict[str, Any]
    start: int = 0
    end: int = 0
    waits: bool = False
    calls: list[Node] = field(default_factory=list)
    children: list[Node] = field(default_factory=list)

    @property
    def name(self) -> tuple[str, str]:
        return self.row["service"], self.row["operation"]

    @property
    def settled(self) -> int:
        return self.end - min(1_000_000, (self.end - self.start) // 10)


def requests(rows: Iterable[dict[str, Any]]) -> list[Node]:
    """The roots of whole traces, fitted. Only for traces without missing parents, rings or doubles."""
    nodes = {(row["trace_id"], row["span_id"]): Node(row) for row in rows}
    roots = []
    for node in sorted(nodes.values(), key=lambda one: (one.row["start_ns"], one.row["span_id"])):
        if node.row["parent_span_id"] is None:
            roots.append(node)
        else:
            nodes[node.row["trace_id"], node.row["parent_span_id"]].children.append(node)
    for root in roots:
        root.start, root.end = root.row["start_ns"], root.row["start_ns"] + root.row["duration_ns"]
        _fit(root, 0)
    return roots


def _fit(parent: Node, shift: int) -> None:
    for child in parent.children:
        moved = shift
        child.start = child.row["start_ns"] + shift
        child.end = child.start + child.row["duration_ns"]
        foreign = _clock(child) != _clock(parent)
        after = child.start > parent.end or (child.start == parent.end and child.end > child.start)
        unwaited = child.row["kind"] == "CONSUMER" or parent.row["kind"] == "PRODUCER" or (after and not foreign)
        if not unwaited:
            child.waits = True
            pair = (parent.row["kind"], child.row["kind"]) == ("CLIENT", "SERVER") and parent.row["status"] != "ERROR"
            by = 0
            if foreign and child.start < parent.start:
                by = parent.start - child.start
            elif foreign and (after or (pair and child.end > parent.end)):
                by = max(parent.start, parent.end - child.row["duration_ns"]) - child.start
            moved += by
            child.start, child.end = child.start + by, child.end + by
            child.start = min(max(child.start, parent.start), parent.end)
            child.end = max(min(child.end, parent.end), child.start)
        _fit(child, moved)
    parent.calls = [child for child in parent.children if child.waits]
    _wrap(parent)


def _wrap(parent: Node) -> None:
    """A leaf of the parent's own process that encloses sibling calls and ends with one of them waits for them."""
    for place, leaf in enumerate(parent.children):
        own = leaf.row["kind"] in {"INTERNAL", "", "UNSPECIFIED"} and _clock(leaf) == _clock(parent)
        if leaf.children or not leaf.waits or not own:
            continue
        inside = [
            other
            for other in parent.children[place + 1 :]
            if other.waits
            and leaf.start <= other.start < leaf.end
            and (other.children or other.row["kind"] == "CLIENT")
            and other.settled <= leaf.end
        ]
        if any(leaf.end - other.end <= 1_000_000 for other in inside):
            for other in inside:
                for holder in (parent, *parent.children[:place]):
                    holder.calls = [one for one in holder.calls if one is not other]
                leaf.calls.append(other)


def _clock(node: Node) -> tuple[str, str]:
    return node.row["service"], node.row["instance"]


def critical(root: Node) -> dict[tuple[str, str], int]:
    """Own time on the critical path, per operation."""
    found: dict[tuple[str, str], int] = defaultdict(int)

    def walk(node: Node, until: int) -> None:
        now = until
        for child in sorted(node.calls, key=lambda one: (one.end, -one.start), reverse=True):
            if child.settled <= now:
                over = min(child.end, now)
                found[node.name] += now - over
                walk(child, over)
                now = child.start
        found[node.name] += now - node.start

    walk(root, root.end)
    return found


def replayed(node: Node, name: tuple[str, str], factor: float) -> float:
    """How long the span takes when that operation's own time is scaled."""
    scale = factor if node.name == name else 1.0
    ends: list[tuple[Node, float]] = []
    for child in sorted(node.calls, key=lambda one: one.start):
        before = [(one.end - node.start, end) for one, end in ends if one.settled <= child.start]
        old, new = (max((pair[side] for pair in before), default=0) for side in (0, 1))
        gap = child.start - node.start - old
        ends.append((child, new + (gap * scale if gap > 0 else gap) + replayed(child, name, factor)))
    old = max((child.end - node.start for child, _ in ends), default=0)
    tail = node.end - node.start - old
    return max((end for _, end in ends), default=0.0) + (tail * scale if tail > 0 else tail)
