"""What a data set must say of itself: its cases, their truth, and how their records become a store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from causeway.window import Window
from collectors.replay.exports import Due

NO_COMMIT = "none"


@dataclass(frozen=True, slots=True)
class Case:
    """One window to diagnose.

    truth: the entities any of which is right; empty for a fault-free window. fault: its kind, for the tables.
    commit: the change to blame, NO_COMMIT where none is, None where the data set does not ask. exports: the
    requests that bring the records in. key: what the exports depend on, for the cache of replayed stores.
    """

    name: str
    truth: frozenset[str]
    fault: str
    window: Window
    baseline: Window
    exports: Callable[[], Iterator[Due]]
    key: str
    commit: str | None = None


class Dataset(Protocol):
    """The cases of one system."""

    def __call__(self, folder: Path) -> list[Case]:
        """All cases, fault-free windows among them. Raises ConfigError for a folder of another layout."""
        ...
