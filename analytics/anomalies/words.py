"""Alarms and events in sentences."""

from __future__ import annotations

import math
import re

from analytics.anomalies.causes import Cause
from analytics.anomalies.detector import BLOCK_NS
from analytics.anomalies.events import Alarm
from analytics.anomalies.found import FoundEvent, FoundEvents
from analytics.anomalies.read_logs import TEMPLATE
from analytics.anomalies.streams import SCORE_MAX
from causeway.findings import Message, MessageValue
from causeway.messages import quantity, text
from causeway.window import SECOND_NS, iso

_NAMED = {"requests", "error_ratio", "latency_ms", "log.lines", "log.errors"}
# Causes whose score is a rarity among the deviations of this series; the others count how far beyond ever.
_RARE = (Cause.JUMP, Cause.LEVEL, Cause.TIME_OF_DAY)
_YEAR_S = 365 * 86_400.0


def series_name(name: str, language: str = "en") -> str:
    """What people call a series; a metric's own name."""
    if name in _NAMED:
        return text(f"anomalies.series_{name.replace('.', '_')}", language)
    if name.startswith(f"{TEMPLATE} "):
        return text("anomalies.series_log_template", language, template=name.removeprefix(f"{TEMPLATE} "))
    return name


def measured(value: float | None, unit: str) -> str:
    """A value with its unit; annotations in braces are no units."""
    plain = re.sub(r"\{[^}]*\}", "", unit)
    return quantity(value, "" if plain == "1" else plain)


def reason(alarm: Alarm, language: str | None = "en") -> Message:
    """What was seen. The series is named in that language, or in none."""
    values = {
        "series": alarm.series if language is None else series_name(alarm.series, language),
        "entity": alarm.entity,
        "value": measured(alarm.value, alarm.unit),
        "low": measured(alarm.low, alarm.unit),
        "high": measured(alarm.high, alarm.unit),
    }
    return Message(f"anomalies.{alarm.cause.name.lower()}", values)


def strongest(event: FoundEvent) -> Alarm:
    """The alarm of the lead that scores most."""
    lead = [alarm for alarm in event.alarms if alarm.entity == event.lead] or event.alarms
    return min(lead, key=lambda alarm: (-alarm.score, alarm))


def summary(event: FoundEvent, language: str = "en") -> Message:
    """The strongest alarm of the lead, and how many series are in it besides."""
    first = text(reason(strongest(event), language), language)
    if event.series == 1:
        return Message("anomalies.summary_one", {"reason": first})
    values: dict[str, MessageValue] = {"reason": first, "more": event.series - 1, "entities": len(event.entities)}
    return Message("anomalies.summary_more", values)


def why(alarm: Alarm) -> list[Message]:
    """How rare that is, which bar it passed, and how often the series alarms; what is not known is left out."""
    found = []
    if alarm.cause in _RARE and alarm.bar is not None:
        period_s = BLOCK_NS / SECOND_NS * math.exp(min(alarm.score + alarm.bar, 50.0))
        never = alarm.score >= SCORE_MAX or period_s > _YEAR_S
        found.append(Message("anomalies.rarity_never") if never else Message("anomalies.rarity", {"period": period_s}))
    if alarm.bar is not None:
        values = {"score": f"{alarm.score:.1f}", "bar": f"{alarm.bar:.1f}"}
        found.append(Message("anomalies.bar", values))
    if alarm.per_week is None:
        found.append(Message("anomalies.per_week_unknown"))
    else:
        found.append(Message("anomalies.per_week", {"times": f"{alarm.per_week:.1f}"}))
    return found


def status(found: FoundEvents) -> list[Message]:
    """What was judged of the window and what was not: no data is no answer."""
    learned = found.learned
    said = [_judged(found)]
    if learned.left_out:
        said.append(Message("anomalies.left_out", {"left_out": learned.left_out}))
    if not found.kept and found.judged_until_ns is not None:
        said.append(Message("anomalies.worked_out"))
    if found.truncated:
        said.append(Message("anomalies.truncated"))
    return said


def _judged(found: FoundEvents) -> Message:
    learned = found.learned
    if not learned.series:
        return Message("anomalies.nothing")
    if found.judged_from_ns is None or found.judged_until_ns is None:
        if learned.until_ns is None:
            return Message("anomalies.learning_outside", {"series": learned.series, "learning": learned.learning})
        return Message("anomalies.learning", {"series": learned.series, "until": iso(learned.until_ns)})
    values: dict[str, MessageValue] = {
        "series": learned.series - learned.learning,
        "learning": learned.learning,
        "from": iso(found.judged_from_ns),
        "until": iso(found.judged_until_ns),
    }
    return Message("anomalies.judged" if learned.learning else "anomalies.judged_all", values)
