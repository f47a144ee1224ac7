"""Unusual series as notebooks get them: pandas frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import pandas as pd

from causeway.client.frames import rows
from causeway.findings import Verdict
from causeway.state import State
from causeway.stores.contract import Reader
from causeway.window import Window


@dataclass(frozen=True, slots=True)
class Anomalies:
    """Events of unusual series, the highest score first.

    verdict: UNKNOWN where nothing of the window was judged. status: what was judged, in sentences.
    events: event, start, lead, score, series, entities, summary, ...
    alarms: event, at, entity, series, value, before_low, before_high, cause, score, bar, ... by time within an event.
    event: the number of an event, or its place from 1 on where none is kept. document: all of it, see docs/json.md.
    """

    window: Window
    verdict: Verdict
    status: tuple[str, ...]
    events: pd.DataFrame
    alarms: pd.DataFrame
    document: Mapping[str, Any]


def anomalies_of(document: Mapping[str, Any]) -> Anomalies:
    """The document of `causeway anomalies` as frames."""
    window = document["window"]
    events, alarms = [], []
    for place, event in enumerate(document["events"], 1):
        number = place if event["id"] is None else event["id"]
        plain = {name: value for name, value in event.items() if name not in {"id", "alarms"}}
        events.append({"event": number, **plain})
        alarms += [{"event": number, **alarm} for alarm in event["alarms"]]
    return Anomalies(
        Window(window["start_ns"], window["end_ns"]),
        Verdict(document["verdict"]),
        tuple(document["status"]),
        rows(events, first=("event", "start", "lead", "score")),
        rows(alarms, first=("event", "at", "entity", "series", "value")),
        document,
    )


def anomalies(store: Reader, state: State | None, window: Window, options: Mapping[str, str]) -> Any:
    """The document of `GET /api/v1/anomalies`; reaches up to `analytics` as `causeway.client.analysis` does."""
    answer = import_module("analytics.anomalies.answer")
    found = answer.anomalies_of(store, state, window, compute=options.get("compute") == "true")
    if "entity" in options:
        found = answer.with_entity(found, options["entity"])
    return import_module("analytics.anomalies.document").events_json(found)
