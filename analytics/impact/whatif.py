"""What if something went away, or became slow: the consequences for every journey."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from analytics.impact.affected import affected, check_target, lost_instances
from analytics.impact.blast import Victim, blast_radius
from analytics.impact.model import ImpactModel, Method, SampleSize
from analytics.impact.propagation import spread_one
from analytics.impact.replay import slowed_ns
from analytics.impact.target import Target, parse_target
from analytics.impact.visits import Visits
from causeway.errors import ConfigError
from causeway.findings import Message, MessageValue
from causeway.messages import quantity
from causeway.window import Window, parse_duration

_FACTOR = re.compile(r"[x×*]\s*([0-9]+(?:\.[0-9]+)?)", re.IGNORECASE)
_Latency = tuple[float | None, float | None, float | None, float | None]
_UNSEEN: _Latency = (None, None, None, None)


class ChangeKind(StrEnum):
    """REMOVE: it fails altogether; SLOW: it takes longer."""

    REMOVE = "remove"
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Change:
    """A change to think through. SLOW has delay_ms (added to each request to the target) or factor (of its own time).

    Raises ConfigError for a slow-down without exactly one of them, or one that is none.
    """

    kind: ChangeKind
    target: Target
    delay_ms: float | None = None
    factor: float | None = None

    def __post_init__(self) -> None:
        given = [one for one in (self.delay_ms, self.factor) if one is not None]
        if self.kind is ChangeKind.REMOVE:
            if given:
                raise ConfigError("a removal has no delay and no factor")
        elif len(given) != 1:
            raise ConfigError("a slow-down needs either a delay in ms or a factor, e.g. 200ms or x2")
        elif (self.delay_ms is not None and self.delay_ms <= 0) or (self.factor is not None and self.factor <= 1):
            raise ConfigError("a slow-down needs a delay above 0 or a factor above 1")


def parse_change(remove: str | None, slow: str | None, by: str | None) -> Change:
    """The change that options say: a target that goes away, or one that becomes slower by `200ms` or `x2`.

    Raises ConfigError, saying what is missing.
    """
    if (remove is None) == (slow is None):
        raise ConfigError("say either --remove TARGET or --slow TARGET")
    if remove is not None:
        if by is not None:
            raise ConfigError("--by goes with --slow; what is removed fails altogether")
        return Change(ChangeKind.REMOVE, parse_target(remove))
    if by is None:
        raise ConfigError("--slow needs --by: a time like 200ms, or a factor like x2")
    return slowed(parse_target(str(slow)), by)


def slowed(target: Target, by: str) -> Change:
    """A target that becomes slower by `200ms` for each request, or `x2`. Raises ConfigError for anything else."""
    factor = _FACTOR.fullmatch(by.strip())
    if factor is not None:
        return Change(ChangeKind.SLOW, target, factor=float(factor[1]))
    return Change(ChangeKind.SLOW, target, delay_ms=parse_duration(by) / 1e6)


@dataclass(frozen=True, slots=True)
class JourneyEffect:
    """What happens to a journey. share: of all entry requests; touched, failing: shares of its own requests.

    latency_ms_*: of its sampled requests as they were; added_ms_*: how much later they end (p50: median with the change
    less the median without); None where no request of it was sampled.
    """

    service: str
    operation: str
    requests: int
    share: float
    touched: float
    failing: float
    latency_ms_mean: float | None
    latency_ms_p50: float | None
    added_ms_mean: float | None
    added_ms_p50: float | None
    method: Method


@dataclass(frozen=True, slots=True)
class LoadShift:
    """A service that loses some of its instances. left: that stay; factor: how much more each of them gets then.

    factor is None where none stays.
    """

    service: str
    instances: int
    left: int
    factor: float | None


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The consequences of a change. Journeys by what they suffer.

    failing: share of all entry requests that fail; added_ms_mean: mean over all entry requests; None where unknown.
    victims: services whose requests fail (removal only). shifts: services that lose instances; while others stay,
    failing holds until requests are sent to those instead. assumptions: what the answer rests on, in words.
    """

    window: Window
    change: Change
    method: Method
    failing: float | None
    added_ms_mean: float | None
    journeys: tuple[JourneyEffect, ...]
    victims: tuple[Victim, ...]
    shifts: tuple[LoadShift, ...]
    sample: SampleSize
    summary: Message
    assumptions: tuple[Message, ...]


def what_if(model: ImpactModel, change: Change) -> WhatIf:
    """What the change does to every journey. Raises ConfigError for an unknown target, or a slow-down without spans."""
    if change.kind is ChangeKind.SLOW:
        return _slowed(model, change)
    found = blast_radius(model, change.target)
    latency = _latencies(model, None)
    journeys = tuple(
        JourneyEffect(
            loss.service, loss.operation, loss.requests, loss.share, loss.touched, loss.failing,
            *latency.get((loss.service, loss.operation), _UNSEEN)[:2], None, None, loss.method,
        )
        for loss in found.journeys
    )  # fmt: skip
    shifts = _shifts(model, change.target)
    assumed = [Message("impact.assume_removed"), *found.unknown]
    if any(shift.left for shift in shifts):
        assumed.append(Message("impact.assume_not_rerouted"))
    values: dict[str, MessageValue] = {"target": change.target.text, "failing": found.failing}
    named = "impact.whatif_removed" if found.failing is not None else "impact.blast_without_entries"
    return WhatIf(
        window=model.window,
        change=change,
        method=found.method,
        failing=found.failing,
        added_ms_mean=None,
        journeys=journeys,
        victims=found.victims,
        shifts=shifts,
        sample=model.sample,
        summary=Message(named, values | {"victims": sum(one.type == "service" for one in found.victims)}),
        assumptions=tuple(assumed),
    )


def _slowed(model: ImpactModel, change: Change) -> WhatIf:
    check_target(model, change.target)
    visits = model.visits
    if visits is None:
        raise ConfigError("what a slow-down does can only be told from spans, and this window holds none")
    down = affected(model, visits, change.target)
    if not down.any():
        raise ConfigError(f"{change.target.text!r} is in none of the {visits.forest.traces} traces that were looked at")
    took = _replay(visits, down, change)
    latency = _latencies(model, took)
    needs = spread_one(visits, np.zeros(len(visits)), np.full(len(visits), -1, dtype=np.int64), down).needs
    asked = model.journey >= 0
    touching = np.bincount(model.journey[asked], weights=needs[asked], minlength=len(model.journeys))
    effects = [
        JourneyEffect(
            one.service, one.operation, one.requests, one.share, float(touching[i] / max(one.sampled, 1)), 0.0,
            *latency.get((one.service, one.operation), _UNSEEN), Method.TRACES,
        )
        for i, one in enumerate(model.journeys)
    ]  # fmt: skip
    known = [one for one in effects if one.added_ms_mean is not None]
    share = sum(one.share for one in known)
    added = sum(one.share * (one.added_ms_mean or 0.0) for one in known) / share if share else None
    effects.sort(key=lambda one: (-(one.added_ms_mean or 0.0), one.service, one.operation))
    values: dict[str, MessageValue] = {"target": change.target.text, "added": added, "by": _amount(change)}
    return WhatIf(
        window=model.window,
        change=change,
        method=Method.TRACES,
        failing=None,
        added_ms_mean=added,
        journeys=tuple(effects),
        victims=(),
        shifts=(),
        sample=model.sample,
        summary=Message("impact.whatif_slowed", values),
        assumptions=(Message("impact.assume_no_timeouts"), Message("impact.assume_no_queues")),
    )


def _replay(visits: Visits, down: np.ndarray, change: Change) -> np.ndarray:
    """(n,) ns each span takes with the change."""
    forest = visits.forest
    extra, factor = np.zeros(len(forest)), np.ones(len(forest))
    if change.factor is not None:
        factor[down[visits.of_row]] = change.factor
    else:
        extra[visits.row[down]] = 1e6 * (change.delay_ms or 0.0)
    return slowed_ns(forest, extra, factor)


def _latencies(model: ImpactModel, took: np.ndarray | None) -> dict[tuple[str, str], _Latency]:
    """Of each sampled journey: mean, median, and with the changed times (n,) ns how much is added to both."""
    visits = model.visits
    if visits is None:
        return {}
    forest, found = visits.forest, {}
    usual = (forest.end_ns - forest.start_ns) / 1e6
    for i, journey in enumerate(model.journeys):
        rows = visits.row[model.journey == i]
        if not len(rows):
            continue
        mean, median = float(usual[rows].mean()), float(np.median(usual[rows]))
        more = None if took is None else took[rows] / 1e6
        added = (None, None) if more is None else (float(more.mean()) - mean, float(np.median(more)) - median)
        found[journey.service, journey.operation] = (mean, median, *added)
    return found


def _shifts(model: ImpactModel, target: Target) -> tuple[LoadShift, ...]:
    return tuple(
        LoadShift(name, count, count - gone, count / (count - gone) if count > gone else None)
        for name, (count, gone) in lost_instances(model, target).items()
    )


def _amount(change: Change) -> str:
    if change.factor is not None:
        return f"×{change.factor:g}"
    return quantity(change.delay_ms, "ms")
