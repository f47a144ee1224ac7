"""The tables of blast radius and what-if: journeys, victims, transmission, and what the numbers rest on."""

from __future__ import annotations

from collections.abc import Sequence

from dash import html
from dash.development.base_component import Component

from analytics.impact.blast import JourneyLoss, Victim
from analytics.impact.model import Method, SampleSize
from analytics.impact.transmission import Transmission
from analytics.impact.whatif import JourneyEffect, LoadShift
from causeway.findings import Message
from causeway.messages import MISSING, quantity
from causeway.window import Window
from causeway.wire import sentence
from dashboards.components.states import nothing
from dashboards.components.tables import Column, Row, grid, number
from dashboards.view import View


def journeys_table(view: View, losses: Sequence[JourneyLoss]) -> Component:
    """What each journey loses, the heaviest loss first; for half a page."""
    if not losses:
        return nothing(view.say("impactpages.journeys_none"))
    rows: list[Row] = [
        {
            "key": f"{one.service} {one.operation}",
            "name": f"{one.service} {one.operation}",
            "href": view.href("/paths", entry=f"{one.service} {one.operation}"),
            "failing": one.failing,
            "failing_text": quantity(one.failing, "%"),
            "note": "" if one.method is Method.TRACES else view.say("impactpages.method_graph"),
            **number("touched", one.touched, "%"),
            **number("share", one.share, "%"),
        }
        for one in losses
    ]
    columns = (
        Column("name", view.say("impactpages.column_journey"), "name", flex=4),
        Column("failing", view.say("impactpages.column_failing"), "bar", flex=3),
        Column("touched", view.say("impactpages.column_touches"), "number", width=92),
        Column("share", view.say("impactpages.column_of_all"), "number", width=116),
    )
    return grid("blast-journeys", view, columns, rows, label=view.say("impactpages.journeys"))


def victims_table(view: View, key: str, victims: Sequence[Victim], *, narrow: bool = False) -> Component:
    """Who is hit, the surest first. `narrow`: for half a page."""
    if not victims:
        return nothing(view.say("impactpages.victims_none"))
    rows = [_victim(view, one) for one in victims]
    columns = [
        Column("name", view.say("impactpages.column_victim"), "name", flex=3),
        Column("failing", view.say("impactpages.column_probability"), "bar", flex=3),
        Column("way", view.say("impactpages.column_way"), "text", flex=4),
    ]
    if not narrow:
        columns[2:2] = [
            Column("touched", view.say("impactpages.column_touches"), "number", width=96),
            Column("distance", view.say("impactpages.column_distance"), "number", width=84),
        ]
    return grid(key, view, columns, rows, label=view.say("impactpages.victims"))


def _victim(view: View, one: Victim) -> Row:
    return {
        "key": one.service,
        "name": one.service,
        "href": view.href(f"/impact/{one.service}"),
        "note": "" if one.type == "service" else view.say(f"graph.type_{one.type}"),
        "failing": one.probability,
        "failing_text": quantity(one.probability, "%"),
        **number("touched", one.touched, "%"),
        **number("distance", float(one.distance), ""),
        "way": " ← ".join(reversed(one.path)),
    }


def starved_table(view: View, starved: Sequence[Victim]) -> Component:
    """Who gets less work."""
    rows = [_victim(view, one) for one in starved]
    columns = (
        Column("name", view.say("impactpages.column_victim"), "name", flex=3),
        Column("failing", view.say("impactpages.column_away"), "bar", flex=3),
    )
    return grid("blast-starved", view, columns, rows, label=view.say("impactpages.starved"))


def transmissions_table(view: View, transmissions: Sequence[Transmission], prior: float) -> Component:
    """How often a failed call makes its caller fail, with the counts it was measured from."""
    if not transmissions:
        return nothing(view.say("impactpages.transmissions_none"))
    rows = [_transmission(view, one, prior) for one in transmissions]
    columns = (
        Column("name", view.say("column_caller"), "name", flex=3),
        Column("callee", view.say("column_callee"), "text", flex=3),
        Column("errors", view.say("impactpages.column_transmits"), "interval", flex=4),
        Column("counts", view.say("impactpages.column_counts"), "text", flex=2),
        Column("otherwise", view.say("impactpages.column_otherwise"), "text", flex=2),
        Column("touched", view.say("impactpages.column_touches"), "number", width=96),
        Column("delay", view.say("impactpages.column_delay"), "number", width=136),
    )
    return grid("blast-transmissions", view, columns, rows, label=view.say("impactpages.transmissions"))


def _transmission(view: View, one: Transmission, prior: float) -> Row:
    return {
        "key": f"{one.caller}→{one.callee} {one.kind}",
        "name": one.caller,
        "href": view.href("/whatif", do="remove", target=f"{one.caller} -> {one.callee}"),
        "callee": one.callee,
        "errors": one.errors,
        "errors_low": one.errors_low,
        "errors_high": one.errors_high,
        "errors_text": quantity(one.errors, "%"),
        "errors_title": view.say("impactpages.bounds", low=one.errors_low, high=one.errors_high)
        if one.measured
        else view.say("impactpages.prior", prior=prior),
        "counts": view.say("impactpages.counts", failed=f"{one.lost_failed:,}", lost=f"{one.lost:,}")
        if one.measured
        else view.say("impactpages.counts_none"),
        "otherwise": view.say("impactpages.counts", failed=f"{one.fine_failed:,}", lost=f"{one.fine:,}")
        if one.fine
        else MISSING,
        **number("touched", one.touched, "%"),
        **number("delay", one.delay, "%"),
    }


def effects_table(view: View, effects: Sequence[JourneyEffect], *, slowed: bool) -> Component:
    """What a change does to each journey."""
    if not effects:
        return nothing(view.say("impactpages.journeys_none"))
    most = max((abs(one.added_ms_mean or 0.0) for one in effects), default=0.0) or 1.0
    rows: list[Row] = [
        {
            "key": f"{one.service} {one.operation}",
            "name": f"{one.service} {one.operation}",
            "href": view.href("/paths", entry=f"{one.service} {one.operation}"),
            "failing": one.failing,
            "failing_text": quantity(one.failing, "%"),
            **number("share", one.share, "%"),
            **number("touched", one.touched, "%"),
            **number("before", one.latency_ms_mean, "ms"),
            "added": (one.added_ms_mean or 0.0) / most,
            "added_text": quantity(one.added_ms_mean, "ms"),
            **number("median", one.added_ms_p50, "ms"),
            "method": view.say(f"impactpages.method_{one.method.value}"),
        }
        for one in effects
    ]
    columns = [Column("name", view.say("impactpages.column_journey"), "name", flex=4)]
    if slowed:
        columns += [
            Column("added", view.say("impactpages.column_added"), "bar", flex=3),
            Column("median", view.say("impactpages.column_added_p50"), "number", width=152),
        ]
    else:
        columns.append(Column("failing", view.say("impactpages.column_failing"), "bar", flex=3))
    columns += [
        Column("before", view.say("impactpages.column_before"), "number", width=124),
        Column("touched", view.say("impactpages.column_touches"), "number", width=104),
        Column("share", view.say("impactpages.column_of_all"), "number", width=124),
        Column("method", view.say("impactpages.column_method"), "text", width=116),
    ]
    return grid("whatif-journeys", view, columns, rows, label=view.say("impactpages.whatif_journeys"))


def shifts_table(view: View, shifts: Sequence[LoadShift]) -> Component:
    """Which services lose instances, and what those that stay must carry."""
    rows: list[Row] = [
        {
            "key": one.service,
            "name": one.service,
            "href": view.href(f"/service/{one.service}"),
            "instances": one.instances,
            "left": one.left,
            "load": view.say("impactpages.load_factor", factor=one.factor)
            if one.factor is not None
            else view.say("impactpages.load_none"),
        }
        for one in shifts
    ]
    columns = (
        Column("name", view.say("column_service"), "name", flex=3),
        Column("instances", view.say("impactpages.column_instances"), "text", flex=1),
        Column("left", view.say("impactpages.column_left"), "text", flex=1),
        Column("load", view.say("impactpages.column_load"), "text", flex=2),
    )
    return grid("whatif-shifts", view, columns, rows, label=view.say("impactpages.shifts"))


def trust_words(view: View, sample: SampleSize, window: Window, more: Sequence[Message]) -> Component:
    """How many traces stand behind the numbers, and what was assumed, a paragraph each."""
    kind = "none" if not sample.traces else "traces" if sample.sampled else "whole"
    first = view.say(
        f"impactpages.trust_{kind}",
        traces=f"{sample.traces:,}",
        requests=f"{sample.requests:,}",
        failures=f"{sample.failures:,}",
        stored=f"{sample.requests_stored:,}",
        window=view.span_of(window),
    )
    words = [first, *(sentence(one, view.language) for one in more)]
    return html.Div([html.P(line) for line in words], id="live-trust")
