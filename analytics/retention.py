"""The job that deletes rollups, and where the server does not do so itself spans, logs and events, that are too old.

Rollups lie in an index for each day, which goes as a whole. Data streams are rolled over here when the server has no
lifecycle for them, and an old backing index goes when its newest record is too old; the one that is written to stays.
"""

from __future__ import annotations

from dataclasses import dataclass

from causeway.jobs import JobContext
from causeway.stores.elasticsearch.retention import Keeper, open_keeper

EVERY_S = 600.0
IDLE_S = 3600.0


@dataclass(slots=True)
class _Memory:
    """Kept while the process lives."""

    keeper: Keeper


def job(context: JobContext) -> float:
    """Delete what is too old; the seconds until the next look."""
    settings = context.deployment.store
    if settings is None:
        return IDLE_S  # the embedded store's writer does it
    memory: _Memory | None = context.memory.get("retention")
    if memory is None:
        memory = context.memory["retention"] = _Memory(open_keeper(settings))
    for name in memory.keeper.keep(context.now_ns):
        context.log.info("retention.deleted", index=name)
    return EVERY_S
