"""Risks as a table and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from analytics.impact.likelihood import WEIGHTS
from analytics.impact.risk import Risk, telling
from analytics.output import Column, Page
from causeway.findings import Message
from causeway.messages import quantity
from causeway.wire import sentence

REASONS_MAX = 2
_COLUMNS = ("service", "risk", "likelihood", "impact", "why", "unknown")
_NUMBERS = ("risk", "likelihood", "impact")


def reasons(one: Risk, language: str) -> list[str]:
    """Why it is likely, the strongest first, then what it suffers from others; empty where neither is known."""
    return [sentence(part.reason, language) for part in telling(one)]


def show_risks(found: Sequence[Risk], page: Page) -> None:
    """One row per node, the highest risk first."""
    page.line(Message("risk.title"), style="bold")
    if not found:
        page.line(Message("risk.none"))
        return
    first = found[0]
    if first.risk > 0:
        page.line(Message("risk.first", {"service": first.service, "reason": reasons(first, page.language)[0]}))
    else:
        page.line(Message("risk.nothing_likely"))
    columns = [
        Column(Message(f"risk.column_{name}"), number=name in _NUMBERS, spare=name == "unknown") for name in _COLUMNS
    ]
    page.table(columns, [_row(one, page) for one in found])
    page.line(Message("risk.note"), style="dim")


def _row(one: Risk, page: Page) -> tuple[str, ...]:
    unknown = ", ".join(page.words(Message(f"risk.part_{name}")) for name in one.unknown)
    why = " ".join(reasons(one, page.language)[:REASONS_MAX])
    return (one.service, f"{one.risk:.1f}", quantity(one.likelihood, "%"), f"{one.impact:.1f}", why, unknown)


def risks_csv(found: Sequence[Risk], language: str = "en") -> str:
    """One line per node with the value of each part; an unknown one is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["service", "type", "risk", "likelihood", "impact", *WEIGHTS, "summary"])
    for one in found:
        values = {part.name: part.value for part in one.parts}
        row = [one.service, one.type, f"{one.risk:.3f}", f"{one.likelihood:.6f}", f"{one.impact:.3f}"]
        parts = ["" if values.get(name) is None else f"{values[name]:.6f}" for name in WEIGHTS]
        writer.writerow([*row, *parts, sentence(one.summary, language)])
    return out.getvalue()
