"""Which log templates are new, gone, rare, or come more or less often than before: pure functions of counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy.special import betainc

from analytics.world import LogSeries, Timeline
from causeway.findings import Finding, Message, Verdict

INSPECTION = "templates"
UNIT = "lines"
_TEXT_MAX = 160
# OTLP severity numbers.
_WARN, _ERROR, _FATAL = 13, 17, 21
_WEIGHTS = ((_FATAL, 4.0), (_ERROR, 3.0), (_WARN, 2.0), (9, 1.0), (1, 0.5))
# Where a line carries no severity, its words must do.
_ERROR_WORDS = r"(?i)\b(?:error|exception|fatal|panic|critical|fail(?:ed|ure)?)\b"


class Kind(StrEnum):
    """What happened to a template. The value is part of the JSON answer and of the catalogue's ids."""

    NEW = "new"
    GONE = "gone"
    MORE = "more"
    LESS = "less"
    RARE = "rare"


@dataclass(frozen=True, slots=True)
class ChangeOptions:
    """alpha: chance of one false change among all templates looked at; factor: a smaller change of rate is none.

    rare_lines: a warning or worse that came at most so often in all is worth a look even where nothing changed.
    """

    alpha: float = 0.01
    factor: float = 2.0
    rare_lines: int = 3


@dataclass(frozen=True, slots=True)
class Change:
    """One template of one service. lines: in the window; usual: lines expected from the baseline at today's load.

    p: chance of so many or so few lines if nothing had changed, given how the baseline scatters; 1 for RARE.
    score: -log10 p times the weight of the severity (FATAL 4, ERROR 3, WARN 2, INFO 1, below 0.5).
    """

    kind: Kind
    service: str
    template_id: int
    template: str
    severity_number: int
    lines: int
    usual: float
    p: float
    score: float


def changes(
    logs: LogSeries,
    timeline: Timeline,
    *,
    options: ChangeOptions | None = None,
    load: Mapping[str, float] | None = None,
) -> list[Change]:
    """What changed, highest score first, ties by service and template id.

    load: requests of a service per slot in the window over those in the baseline; 1 where it is not given.
    Slots that were not read (NaN) count neither as lines nor as time. A service with no line in the baseline has
    no changes: it has no history (see `without_history`).
    """
    options = options or ChangeOptions()
    if not len(logs.meta):
        return []
    now, before, share = _sums(logs, timeline, load or {})
    known = _known(logs, before)
    scatter = _scatter(logs.counts[:, ~timeline.in_window])
    total = (now + before) / scatter
    p_more = np.where(now > 0, _at_least(now / scatter, total, share), 1.0)
    p_less = np.where(before > 0, _at_least(before / scatter, total, 1 - share), 1.0)
    usual = before * share / np.maximum(1 - share, 1e-9)
    limit = options.alpha / max(int(known.sum()), 1)
    severity = severities(logs)
    kinds = np.select(
        [
            ~known,
            (before == 0) & (p_more <= limit),
            (now == 0) & (p_less <= limit),
            (p_more <= limit) & (now >= options.factor * usual),
            (p_less <= limit) & (now * options.factor <= usual),
            (now > 0) & (now + before <= options.rare_lines) & (severity >= _WARN),
        ],
        ["", Kind.NEW, Kind.GONE, Kind.MORE, Kind.LESS, Kind.RARE],
        "",
    )
    found = [
        _change(logs, row, Kind(str(kinds[row])), now, usual, np.minimum(p_more, p_less), severity)
        for row in np.flatnonzero(kinds != "").tolist()
    ]
    return sorted(found, key=lambda change: (-change.score, change.service, change.template_id))


def without_history(logs: LogSeries, timeline: Timeline) -> list[str]:
    """Services that logged in the window and not before it: nothing can be said about their templates."""
    now, before, _ = _sums(logs, timeline, {})
    owners = logs.meta["service"].to_numpy(dtype=object)
    known = _known(logs, before)
    return sorted({str(owner) for owner in owners[(now > 0) & ~known]})


def findings(logs: LogSeries, timeline: Timeline, found: list[Change]) -> list[Finding]:
    """One finding per change, in their order, then UNKNOWN for each service without a history.

    New, rising and rare templates are CRITICAL for FATAL lines, WARNING for ERROR and WARN lines; so is one that is
    gone or falls, at WARNING. Everything else changed, but is OK.
    """
    judged = [_finding(change) for change in found]
    unknown = [
        Finding(INSPECTION, service, Verdict.UNKNOWN, Message("templates.no_history", {"service": service}))
        for service in without_history(logs, timeline)
    ]
    return judged + unknown


def severities(logs: LogSeries) -> np.ndarray:
    """(n,) OTLP severity numbers; where a template has none, ERROR if its words say so, else 0."""
    given = logs.meta["severity_number"].to_numpy(dtype=np.int64)
    worded = logs.meta["template"].astype(str).str.contains(_ERROR_WORDS, regex=True).to_numpy(dtype=bool)
    return np.where((given == 0) & worded, _ERROR, given)


def _sums(logs: LogSeries, timeline: Timeline, load: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(n,) lines in the window, lines in the baseline, and the share of both that an unchanged template has now."""
    inside = timeline.in_window
    read = np.isfinite(logs.counts)
    lines = np.where(read, logs.counts, 0.0).astype(np.float64)
    factor = np.array([load.get(str(service), 1.0) for service in logs.meta["service"]], np.float64)
    slots_now, slots_before = read[:, inside].sum(axis=1) * factor, read[:, ~inside].sum(axis=1)
    share = slots_now / np.maximum(slots_now + slots_before, 1e-9)
    return lines[:, inside].sum(axis=1), lines[:, ~inside].sum(axis=1), share


def _known(logs: LogSeries, before: np.ndarray) -> np.ndarray:
    """(n,) bool: the template's service logged something in the baseline."""
    owners = logs.meta["service"].to_numpy(dtype=object)
    return np.isin(owners, np.unique(owners[before > 0].astype(str)))


def _scatter(before: np.ndarray) -> np.ndarray:
    """(n,) variance over mean of the baseline's slots, at least 1: lines come in bursts."""
    if not before.shape[1]:
        return np.ones(len(before))
    read = np.isfinite(before)
    slots = np.maximum(read.sum(axis=1), 1)
    mean = np.where(read, before, 0.0).sum(axis=1) / slots
    variance = np.where(read, (before - mean[:, None]) ** 2, 0.0).sum(axis=1) / np.maximum(slots - 1, 1)
    return np.maximum(np.divide(variance, mean, out=np.ones_like(mean), where=mean > 0), 1.0)


def _at_least(count: np.ndarray, total: np.ndarray, share: np.ndarray) -> np.ndarray:
    """P(binomial(total, share) >= count), continued to fractions by the incomplete beta function."""
    return np.asarray(betainc(np.maximum(count, 1e-9), np.maximum(total - count, 0) + 1, share), np.float64)


def _change(
    logs: LogSeries,
    row: int,
    kind: Kind,
    now: np.ndarray,
    usual: np.ndarray,
    p: np.ndarray,
    severity: np.ndarray,
) -> Change:
    meta = logs.meta.iloc[row]
    chance = 1.0 if kind is Kind.RARE else float(max(p[row], 1e-300))
    weight = next((weight for least, weight in _WEIGHTS if severity[row] >= least), 1.0)
    return Change(
        kind,
        str(meta["service"]),
        int(meta["template_id"]),
        str(meta["template"]),
        int(severity[row]),
        int(now[row]),
        float(usual[row]),
        chance,
        round(weight * abs(np.log10(chance)), 3),
    )


def _finding(change: Change) -> Finding:
    verdict = Verdict.OK
    if change.severity_number >= _WARN:
        verdict = Verdict.WARNING
    if change.severity_number >= _FATAL and change.kind in (Kind.NEW, Kind.MORE, Kind.RARE):
        verdict = Verdict.CRITICAL
    line = " ".join(change.template.split())
    return Finding(
        INSPECTION,
        change.service,
        verdict,
        Message(
            f"templates.{change.kind}",
            {
                "lines": change.lines,
                "usual": change.usual,
                "template": line if len(line) <= _TEXT_MAX else line[: _TEXT_MAX - 1] + "…",
            },
        ),
        value=float(change.lines),
        unit=UNIT,
        threshold=change.usual,
    )
