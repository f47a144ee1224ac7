"""What an inspection is, and the decorator that registers one. Order does not matter; a name is used once.

An inspection is a file `inspections/NAME.py` with one function:

    @inspection("NAME", unit="ratio", warn_above=0.01, critical_above=0.05)
    def NAME(world: World, graph: CallGraph, options: Options) -> Iterator[Finding]:
        yield NAME.finding("cart", Verdict.WARNING, "off", {"share": 0.02}, value=0.02, threshold=0.01)

Its words are in the catalogue: `patrol.NAME_title`, `patrol.NAME_remedy` and `patrol.NAME_<case>` for each
case.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from analytics.callgraph.graph import CallGraph
from analytics.world import World
from causeway.config import parse
from causeway.errors import ConfigError
from causeway.findings import Chart, Evidence, Finding, Message, MessageValue, Verdict

# The entity of a finding about everything.
EVERYTHING = "*"
BAD = (Verdict.WARNING, Verdict.CRITICAL)
_NO_VALUES: Mapping[str, MessageValue] = {}


@dataclass(frozen=True, slots=True)
class Options:
    """The thresholds of an inspection; the table `[patrol.NAME]` of a configuration file."""

    warn_above: float
    critical_above: float
    enabled: bool = True

    def __post_init__(self) -> None:
        if self.critical_above < self.warn_above:
            raise ValueError("critical_above is below warn_above")

    def verdict(self, value: float) -> Verdict:
        """OK up to and including `warn_above`, CRITICAL above `critical_above`."""
        if value > self.critical_above:
            return Verdict.CRITICAL
        return Verdict.WARNING if value > self.warn_above else Verdict.OK

    def threshold(self, verdict: Verdict) -> float:
        """The number that was passed, or that would have to be."""
        return self.critical_above if verdict is Verdict.CRITICAL else self.warn_above


# Inspections of traces take a TraceSample in place of World and graph, those of anomalies FoundEvents.
Look = Callable[..., Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Inspection:
    """One registered inspection. weight: how much its findings count in the score, 1 for what users feel now.

    of_traces: it looks at a TraceSample (`look(sample, options)`), not at World and graph. of_anomalies: at the
    FoundEvents of the window.
    """

    name: str
    unit: str
    weight: float
    options_type: type[Options]
    defaults: Mapping[str, float] = field(hash=False)
    look: Look = field(hash=False)
    of_traces: bool = False
    of_anomalies: bool = False

    def __call__(self, world: World, graph: CallGraph, options: Options) -> Iterator[Finding]:
        """Its findings; what it raises is the caller's to handle."""
        return self.look(world, graph, options)

    @property
    def title(self) -> Message:
        """Its name for people."""
        return Message(f"patrol.{self.name}_title")

    def options(self, table: Mapping[str, Any]) -> Options:
        """The options of `[patrol.NAME]`, thresholds by default those registered. Raises ConfigError."""
        return parse(self.options_type, {**self.defaults, **table}, where=f"patrol.{self.name}")

    def finding(
        self,
        entity: str,
        verdict: Verdict,
        case: str,
        values: Mapping[str, MessageValue] = _NO_VALUES,
        *,
        value: float | None = None,
        threshold: float | None = None,
        chart: Chart | None = None,
        link: str | None = None,
        evidence: tuple[Evidence, ...] = (),
    ) -> Finding:
        """A judgement in the words `patrol.NAME_<case>`.

        What is wrong gets the remedy and keeps its chart.
        """
        bad = verdict in BAD
        return Finding(
            inspection=self.name,
            entity=entity,
            verdict=verdict,
            reason=Message(f"patrol.{self.name}_{case}", {name: _plain(one) for name, one in values.items()}),
            value=None if value is None else float(value),
            unit=self.unit,
            threshold=None if threshold is None else float(threshold),
            remedy=Message(f"patrol.{self.name}_remedy") if bad else None,
            chart=chart if bad else None,
            link=link,
            evidence=evidence,
        )

    def unknown(self, entity: str, case: str, values: Mapping[str, MessageValue] = _NO_VALUES) -> Finding:
        """The data cannot tell, for the reason `patrol.NAME_<case>`."""
        return self.finding(entity, Verdict.UNKNOWN, case, values)


def _plain(value: Any) -> MessageValue:
    """The same without numpy's own number types, so that messages compare and are written like any other."""
    return value.item() if isinstance(value, np.generic) else value


_registered: dict[str, Inspection] = {}


def inspection(
    name: str,
    *,
    unit: str,
    warn_above: float,
    critical_above: float,
    weight: float = 1.0,
    options: type[Options] = Options,
    of_traces: bool = False,
    of_anomalies: bool = False,
) -> Callable[[Look], Inspection]:
    """Register the function below as the inspection `name`. Raises ConfigError when the name is taken."""

    def register(look: Look) -> Inspection:
        if name in _registered:
            raise ConfigError(f"two inspections are called {name!r}; remove or rename one")
        defaults = {"warn_above": warn_above, "critical_above": critical_above}
        made = Inspection(name, unit, weight, options, defaults, look, of_traces, of_anomalies)
        _registered[name] = made
        return made

    return register


def inspections() -> tuple[Inspection, ...]:
    """All inspections in the folder, by name."""
    package = importlib.import_module("analytics.patrol.inspections")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return tuple(_registered[name] for name in sorted(_registered))
