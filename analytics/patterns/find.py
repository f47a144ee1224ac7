"""All patterns over one forest."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from analytics.patterns.abandoned_calls import abandoned_calls
from analytics.patterns.call_rings import call_rings
from analytics.patterns.calls import Calls
from analytics.patterns.chatty_pairs import chatty_pairs
from analytics.patterns.fan_outs import fan_outs
from analytics.patterns.pattern import Limits
from analytics.patterns.repeated_calls import repeated_calls
from analytics.patterns.retries import retry_amplification, retry_storms
from analytics.patterns.serial_calls import serial_calls
from analytics.traces.forest import Forest
from causeway.findings import Finding

Pattern = Callable[[Calls, Limits], Iterator[Finding]]

PATTERNS: tuple[Pattern, ...] = (
    repeated_calls,
    chatty_pairs,
    retry_storms,
    retry_amplification,
    call_rings,
    fan_outs,
    abandoned_calls,
    serial_calls,
)


def find_patterns(traces: Forest, limits: Limits | None = None) -> tuple[Finding, ...]:
    """The findings of every pattern, the worst first, then by pattern, entity and number. None without spans."""
    if not len(traces):
        return ()
    calls, chosen = Calls(traces), limits or Limits()
    found = [finding for pattern in PATTERNS for finding in pattern(calls, chosen)]
    return tuple(sorted(found, key=_order))


def _order(finding: Finding) -> tuple[int, str, str, float]:
    return (-finding.verdict.rank, finding.inspection, finding.entity, -(finding.value or 0.0))
