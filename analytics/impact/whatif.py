"""What if something went away, or became slow: the consequences for every journey."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from analytics.impact.blast import Victim
from analytics.impact.model import ImpactModel, Method, SampleSize
from analytics.impact.target import Target
from causeway.errors import ConfigError
from causeway.findings import Message
from causeway.window import Window


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
    raise NotImplementedError
