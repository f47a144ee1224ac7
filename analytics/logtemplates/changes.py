"""Which log templates are new, gone, rare, or come more or less often than before: pure functions of counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy.special import betainc

from analytics.world import LogSeries, Timeline
from causeway.findings import Verdict

# OTLP severity numbers.
WARN, ERROR, FATAL = 13, 17, 21
_WEIGHTS = ((FATAL, 4.0), (ERROR, 3.0), (WARN, 2.0), (9, 1.0), (1, 0.5))
# Where a line carries no severity, its words must do.
_ERROR_WORDS = r"(?i)\b(?:error|exception|fatal|panic|critical|fail(?:ed|ure)?)\b"
# One in a million is certain enough: beyond it a chance tells how many lines came, not how much they matter.
SURPRISE_MAX = 6.0
# Nothing changed about a rare template; it is named as if chance made it once in a hundred windows.
_RARE_SURPRISE = 2.0
# Scores above these are worth a look, or worth getting up: no note ever is the first, only FATAL lines the second.
WARN_ABOVE, CRITICAL_ABOVE = 6.0, 18.0


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
    history_min: a service must have logged for so many lengths of the window before it.
    """

    alpha: float = 0.01
    factor: float = 2.0
    rare_lines: int = 3
    history_min: float = 0.5


@dataclass(frozen=True, slots=True)
class Change:
    """One template of one service. lines: in the window; usual: lines expected from the baseline at today's load.

    row: its place in the LogSeries. p: chance of so many or so few lines if nothing had changed, given how the
    baseline scatters; 1 for RARE. score: -log10 p, at most 6 (2 for RARE), times the weight of the severity (FATAL 4,
    ERROR 3, WARN 2, INFO 1, below 0.5; at most 1 for GONE and LESS). first_ns, last_ns: begin of the first and last
    slot with a line, baseline included.
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
    first_ns: int
    last_ns: int
    row: int

    @property
    def verdict(self) -> Verdict:
        """By the score alone."""
        if self.score > CRITICAL_ABOVE:
            return Verdict.CRITICAL
        return Verdict.WARNING if self.score > WARN_ABOVE else Verdict.OK


@dataclass(frozen=True, slots=True)
class _Sides:
    """Lines before and now, and how long was read, of each template: (n,) each.

    before, slots_before: over the baseline; slots_history: from the service's first line in it. now, slots_now: over
    the window; slots_now is in slots of the baseline's load.
    """

    now: np.ndarray
    before: np.ndarray
    slots_now: np.ndarray
    slots_before: np.ndarray
    slots_history: np.ndarray
    known: np.ndarray


def changes(
    logs: LogSeries,
    timeline: Timeline,
    *,
    options: ChangeOptions | None = None,
    load: Mapping[str, float] | None = None,
) -> list[Change]:
    """What changed, highest score first, ties by severity, by how many lines, by service and template id.

    load: requests of a service per slot in the window over those in the baseline; 1 where it is not given.
    Slots that were not read (NaN) count neither as lines nor as time, and what a service had before its first line in
    the baseline is no silence: it may not have run. A service with too short a history has no changes (see
    `without_history`).
    """
    options = options or ChangeOptions()
    if not len(logs.meta):
        return []
    sides = _sides(logs, timeline, load or {}, options)
    now, before = sides.now, sides.before
    more_share = _share(sides.slots_now, sides.slots_history)
    # A burst just before the window must not look like a habit that ended: for fewer lines all of the baseline counts.
    less_share = _share(sides.slots_now, sides.slots_before)
    scatter = _scatter(logs.counts[:, ~timeline.in_window])
    total = (now + before) / scatter
    p_more = np.where(now > 0, _at_least(now / scatter, total, more_share), 1.0)
    p_less = np.where(before > 0, _at_least(before / scatter, total, 1 - less_share), 1.0)
    usual_more, usual_less = (before * share / np.maximum(1 - share, 1e-9) for share in (more_share, less_share))
    limit = options.alpha / max(int(sides.known.sum()), 1)
    severity = severities(logs)
    kinds = np.select(
        [
            ~sides.known,
            (before == 0) & (p_more <= limit),
            (now == 0) & (p_less <= limit),
            (p_more <= limit) & (now >= options.factor * usual_more),
            (p_less <= limit) & (now * options.factor <= usual_less),
            (now > 0) & (now + before <= options.rare_lines) & (severity >= WARN),
        ],
        ["", Kind.NEW, Kind.GONE, Kind.MORE, Kind.LESS, Kind.RARE],
        "",
    )
    fewer = np.isin(kinds, [Kind.GONE, Kind.LESS])
    usual, p = np.where(fewer, usual_less, usual_more), np.where(fewer, p_less, p_more)
    found = [
        _change(logs, timeline, row, Kind(str(kinds[row])), int(now[row]), float(usual[row]), float(p[row]), severity)
        for row in np.flatnonzero(kinds != "").tolist()
    ]
    return sorted(found, key=_order)


def without_history(logs: LogSeries, timeline: Timeline, *, options: ChangeOptions | None = None) -> list[str]:
    """Services that log in the window but did not long enough before it: what is new there cannot be told."""
    sides = _sides(logs, timeline, {}, options or ChangeOptions())
    owners = logs.meta["service"].to_numpy(dtype=object)
    return sorted({str(owner) for owner in owners[(sides.now > 0) & ~sides.known]})


def severities(logs: LogSeries) -> np.ndarray:
    """(n,) OTLP severity numbers; where a template has none, ERROR if its words say so, else 0."""
    given = logs.meta["severity_number"].to_numpy(dtype=np.int64)
    worded = logs.meta["template"].astype(str).str.contains(_ERROR_WORDS, regex=True).to_numpy(dtype=bool)
    return np.where((given == 0) & worded, ERROR, given)


def _sides(logs: LogSeries, timeline: Timeline, load: Mapping[str, float], options: ChangeOptions) -> _Sides:
    inside = timeline.in_window
    read = np.isfinite(logs.counts)
    lines = np.where(read, logs.counts, 0.0).astype(np.float64)
    owners = logs.meta["service"].astype(str).to_numpy(dtype=object)
    services, owner = np.unique(owners.astype(str), return_inverse=True)
    of_service = np.zeros((len(services), len(timeline)))
    np.add.at(of_service, owner, lines)
    spoke = np.maximum.accumulate(of_service[:, ~inside] > 0, axis=1)
    slots_history = (spoke[owner] & read[:, ~inside]).sum(axis=1)
    factor = np.array([load.get(str(service), 1.0) for service in owners], np.float64)
    return _Sides(
        now=lines[:, inside].sum(axis=1),
        before=lines[:, ~inside].sum(axis=1),
        slots_now=read[:, inside].sum(axis=1) * factor,
        slots_before=read[:, ~inside].sum(axis=1),
        slots_history=slots_history,
        known=(slots_history > 0) & (slots_history >= options.history_min * inside.sum()),
    )


def _share(slots_now: np.ndarray, slots_before: np.ndarray) -> np.ndarray:
    """(n,) the share of all its lines that an unchanged template has in the window."""
    return np.asarray(slots_now / np.maximum(slots_now + slots_before, 1e-9))


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
    timeline: Timeline,
    row: int,
    kind: Kind,
    lines: int,
    usual: float,
    p: float,
    severity: np.ndarray,
) -> Change:
    meta = logs.meta.iloc[row]
    chance = 1.0 if kind is Kind.RARE else max(p, 1e-300)
    surprise = _RARE_SURPRISE if kind is Kind.RARE else min(abs(float(np.log10(chance))), SURPRISE_MAX)
    weight = next((weight for least, weight in _WEIGHTS if severity[row] >= least), 1.0)
    spoke = np.flatnonzero(logs.counts[row] > 0)
    return Change(
        kind=kind,
        service=str(meta["service"]),
        template_id=int(meta["template_id"]),
        template=str(meta["template"]),
        severity_number=int(severity[row]),
        lines=lines,
        usual=usual,
        p=chance,
        score=round(surprise * (min(weight, 1.0) if kind in (Kind.GONE, Kind.LESS) else weight), 3),
        first_ns=int(timeline.times_ns[spoke[0]]),
        last_ns=int(timeline.times_ns[spoke[-1]]),
        row=row,
    )


def _order(change: Change) -> tuple[float, int, float, str, int]:
    return (
        -change.score,
        -change.severity_number,
        -abs(change.lines - change.usual),
        change.service,
        change.template_id,
    )
