"""How much of a callee's failure and delay becomes the caller's, per edge."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Transmission:
    """One edge, measured over the caller's sampled requests.

    touched: share of the caller's requests that call it; calls: per request that does. lost: requests in which a call
    failed for good (no retry followed) and no other call did; lost_failed: those that failed themselves. fine,
    fine_failed: the same where no call was lost at all. errors: chance that a lost call makes the caller fail, beyond
    what it fails anyway, in [0, 1]; errors_low, errors_high: its 90 % bounds. delay: share of the callee's time that
    the caller waits for, None where no call was waited for. measured: `lost` is not 0; else `errors` is the prior.
    """

    caller: str
    callee: str
    kind: str
    touched: float
    calls: float
    lost: int
    lost_failed: int
    fine: int
    fine_failed: int
    errors: float
    errors_low: float
    errors_high: float
    delay: float | None
    measured: bool
