"""What `causeway analyze` does in turn: jobs, found by the entry points `causeway.jobs`.

A module with a job may also have `check(config) -> None`, called once at the start, which raises ConfigError, and
`PLACE`: whether the job runs in every analyzer or, as it does without it, in the one that leads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

import structlog

from causeway.deployment import Deployment
from causeway.state import State
from causeway.stores.contract import Reader
from causeway.window import SECOND_NS

# What was acknowledged is visible within ten seconds; analyses end their windows that long before now.
LAG_NS = 10 * SECOND_NS


class Place(StrEnum):
    """In which of the analyzers that share a state a job runs."""

    LEADER = "leader"
    EVERYWHERE = "everywhere"


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class JobContext:
    """What a job works with. config: all tables of the configuration file. memory: kept until the process ends.

    leads: whether this process still leads; asked again right before what must not be done twice.

    `now_ns` is the only clock a job may read.
    """

    reader: Reader
    state: State
    config: Mapping[str, Any]
    now_ns: int
    deployment: Deployment
    log: structlog.typing.FilteringBoundLogger
    memory: dict[str, Any] = field(default_factory=dict)
    leads: Callable[[], bool] = _always

    @property
    def data_dir(self) -> Path:
        """The data folder, where reports go."""
        return self.deployment.data

    def table(self, name: str) -> Mapping[str, Any]:
        """A table of the configuration, empty where it is not given."""
        found = self.config.get(name, {})
        return found if isinstance(found, Mapping) else {}


class Job(Protocol):
    """Does what is due and answers in how many seconds it wants to be called again. May raise.

    Others go on.
    """

    def __call__(self, context: JobContext) -> float: ...
