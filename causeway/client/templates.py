"""Log templates as notebooks get them: pandas frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from causeway.client.frames import rows
from causeway.window import Window

_FIRST = ("template_id", "service", "severity_number", "lines", "template")


@dataclass(frozen=True, slots=True)
class Template:
    """One kind of log message.

    window: where its lines are from (of a template that is gone: the time before). template: its text with `<*>` for
    values. counts: a row per service, as of `Client.templates`. lines: its newest lines: time, service, severity, body,
    trace_id, ...; traces: trace_id, lines, time, newest first. document: all of it, see docs/json.md.
    """

    template_id: str
    template: str
    window: Window
    counts: pd.DataFrame
    lines: pd.DataFrame
    traces: pd.DataFrame
    document: Mapping[str, Any]


def templates_of(document: Mapping[str, Any]) -> pd.DataFrame:
    """A row per template and service; kind, score, usual and so on are None where nothing changed."""
    changes = ("change_kind", "change_score", "change_usual")
    found = [{**one, "change": one["change"] or {"kind": None}} for one in document["templates"]]
    return rows(found, first=(*_FIRST, *changes))


def template_of(document: Mapping[str, Any]) -> Template:
    """The document of one template as frames."""
    window = document["window"]
    return Template(
        document["template_id"],
        document["template"],
        Window(window["start_ns"], window["end_ns"]),
        templates_of(document),
        _timed(document["examples"], ("time", "service", "severity", "body", "trace_id")),
        _timed(document["traces"], ("trace_id", "lines", "time")),
        document,
    )


def _timed(items: list[Mapping[str, Any]], first: tuple[str, ...]) -> pd.DataFrame:
    """The rows with their instant as `time`."""
    found = rows(items, first=first)
    if not len(found):
        return found
    return found.assign(time=pd.to_datetime(found["time_ns"], utc=True)).drop(columns="time_ns")
