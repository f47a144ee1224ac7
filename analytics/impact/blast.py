"""Blast radius: who is hit when something fails, how surely, and how much of each journey."""

from __future__ import annotations

from dataclasses import dataclass

from analytics.impact.model import ImpactModel, Method, SampleSize
from analytics.impact.target import Target
from causeway.findings import Message
from causeway.window import Window


@dataclass(frozen=True, slots=True)
class Victim:
    """One that fails with the target, while all of the target fails.

    probability: that a request to it fails because of the target. touched: share of its requests that need the target
    at all, None where the method cannot tell. distance: calls between. path: from the target to it by the likeliest
    way, both included.
    """

    service: str
    type: str
    probability: float
    touched: float | None
    distance: int
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JourneyLoss:
    """What a journey (an entry operation) loses. share: of all entry requests; touched, failing: shares of its own."""

    service: str
    operation: str
    requests: int
    share: float
    touched: float
    failing: float
    method: Method


@dataclass(frozen=True, slots=True)
class BlastRadius:
    """What the failure of the target does. Victims by probability, then name; journeys by what they lose.

    touched, failing: shares of all entry requests that need the target, and that fail with it; None without entry
    requests. starved: services that get less work then, for it comes (also) over asynchronous calls, with the share of
    their requests that stay away. unknown: what could not be told, in words.
    """

    window: Window
    target: Target
    method: Method
    touched: float | None
    failing: float | None
    victims: tuple[Victim, ...]
    journeys: tuple[JourneyLoss, ...]
    starved: tuple[Victim, ...]
    sample: SampleSize
    summary: Message
    unknown: tuple[Message, ...]


def blast_radius(model: ImpactModel, target: Target) -> BlastRadius:
    """Who is hit when the target fails altogether. Raises ConfigError, naming what there is, for an unknown target."""
    raise NotImplementedError
