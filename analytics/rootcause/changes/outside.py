"""Signs that the cause lies outside of what anybody here changed: names that do not resolve, expired certificates,
providers that fail. Read from error lines, from metrics of expiry and from what providers report of themselves."""

from __future__ import annotations

import re

import numpy as np

from analytics.rootcause.split import Split
from analytics.world import World
from causeway.window import MINUTE_NS

SIGNS = re.compile(
    r"no such host|enotfound|nxdomain|servfail|name resolution|name resolver|getaddrinfo|server misbehaving|"
    r"x509|certificate (?:has )?expired|certificate .*not yet valid|cert(?:ificate)? expir|"
    r"serviceunavailable|slowdown|\b(?:upstream |payment )?provider\b|"
    r"\b[\w-]+(?:\.[\w-]+)*\.(?:com|net|org|io|cloud|dev)\b",
    re.IGNORECASE,
)
EXPIRY = re.compile(r"expir", re.IGNORECASE)
BEFORE_NS = 30 * MINUTE_NS
SEVERITY_MIN = 13
SHARE_MIN = 0.3  # of the new bad lines from which they point outside


def outside_share(world: World, split: Split) -> float:
    """How clearly the signs point outside, in [0, 1]: 1 where a provider reports trouble or something expired."""
    if _reported(world, split) or _expired(world, split):
        return 1.0
    logs = world.logs
    bad = (logs.meta["severity_number"] >= SEVERITY_MIN).to_numpy(dtype=bool)
    lines = np.nansum(logs.counts[:, split.after], axis=1) * bad
    total = float(lines.sum())
    if not total:
        return 0.0
    signs = logs.meta["template"].astype(str).str.contains(SIGNS).to_numpy(dtype=bool)
    return float(lines[signs].sum() / total)


def _reported(world: World, split: Split) -> bool:
    events = world.events
    if not len(events):
        return False
    onset_ns = int(world.timeline.times_ns[split.onset])
    times = events["time_ns"].to_numpy(dtype=np.int64)
    near = (times >= onset_ns - BEFORE_NS) & (times < world.window.end_ns + BEFORE_NS)
    return bool((near & (events["reason"] == "status").to_numpy() & (events["kind"] == "other").to_numpy()).any())


def _expired(world: World, split: Split) -> bool:
    names = world.metrics.meta["name"].astype(str).str.contains(EXPIRY).to_numpy(dtype=bool)
    values = world.metrics.values[names]
    if not len(values):
        return False
    return bool((np.nanmin(np.where(split.after, values, np.inf), axis=1) <= 0).any())
