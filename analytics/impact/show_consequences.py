"""Blast radius and what-if on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from analytics.impact.blast import BlastRadius, Victim
from analytics.impact.model import Method, SampleSize
from analytics.impact.whatif import WhatIf
from analytics.output import Column, Page
from causeway.findings import Message
from causeway.messages import MISSING, quantity

ROWS_MAX = 25


def show_blast(found: BlastRadius, page: Page) -> None:
    """Who is hit, the surest first; what each journey loses; who gets less work; what is not known."""
    page.line(found.summary, style="bold")
    if found.victims:
        page.heading(Message("impact.victims"))
        _show_victims(found.victims, page)
    if found.journeys:
        page.heading(Message("impact.journeys"))
        named = ("journey", "share", "touched", "failing")
        rows = [
            (f"{one.service} › {one.operation}", *(quantity(getattr(one, name), "%") for name in named[1:]))
            for one in found.journeys
        ]
        _table(named, rows, page, texts=("journey",))
    if found.starved:
        page.heading(Message("impact.starved"))
        rows = [(one.service, quantity(one.probability, "%")) for one in found.starved]
        _table(("service", "stays_away"), rows, page, texts=("service",))
    _show_trust(found.method, found.sample, found.unknown, page)


def show_whatif(found: WhatIf, page: Page) -> None:
    """What every journey suffers, the worst first; who fails, who takes over; what the answer rests on."""
    page.line(found.summary, style="bold")
    if found.journeys:
        page.heading(Message("impact.journeys"))
        slower = found.added_ms_mean is not None
        named = ("journey", "share", "touched", *(("added_mean", "added_p50") if slower else ("failing",)))
        rows = []
        for one in found.journeys:
            effect = (
                (quantity(one.added_ms_mean, "ms"), quantity(one.added_ms_p50, "ms"))
                if slower
                else (quantity(one.failing, "%"),)
            )
            shares = (quantity(one.share, "%"), quantity(one.touched, "%"))
            rows.append((f"{one.service} › {one.operation}", *shares, *effect))
        _table(named, rows, page, texts=("journey",))
    if found.victims:
        page.heading(Message("impact.victims"))
        _show_victims(found.victims, page)
    if found.shifts:
        page.heading(Message("impact.shifts"))
        shifts = [
            (one.service, str(one.instances), str(one.left), MISSING if one.factor is None else f"×{one.factor:.2g}")
            for one in found.shifts
        ]
        _table(("service", "instances", "left", "load"), shifts, page, texts=("service",))
    _show_trust(found.method, found.sample, found.assumptions, page)


def _show_victims(victims: Sequence[Victim], page: Page) -> None:
    rows = [
        (one.service, quantity(one.probability, "%"), quantity(one.touched, "%"), " → ".join(one.path))
        for one in victims
    ]
    _table(("service", "fails", "touched", "way"), rows, page, texts=("service", "way"))


def _table(named: Sequence[str], rows: Sequence[Sequence[str]], page: Page, *, texts: Sequence[str]) -> None:
    columns = [
        Column(Message(f"impact.column_{name}"), number=name not in texts, spare=name == "way") for name in named
    ]
    page.table(columns, rows[:ROWS_MAX])
    if len(rows) > ROWS_MAX:
        page.line(Message("impact.more", {"count": len(rows) - ROWS_MAX}), style="dim")


def _show_trust(method: Method, sample: SampleSize, said: Sequence[Message], page: Page) -> None:
    page.line("")
    if method is Method.TRACES:
        values = {"requests": sample.requests, "stored": sample.requests_stored, "failures": sample.failures}
        page.line(Message("impact.sample", values), style="dim")
    for message in said:
        page.line(message, style="dim")
