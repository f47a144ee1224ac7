"""What `causeway analyze` does in turn: jobs, found by the entry points `causeway.jobs`.

A module with a job may also have `check(config) -> None`, called once at the start; it raises ConfigError.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import structlog

from causeway.deployment import Deployment
from causeway.state import State
from causeway.stores.contract import Reader
from causeway.window import SECOND_NS

# What was acknowledged is visible within ten seconds; analyses end their windows that long before now.
LAG_NS = 10 * SECOND_NS


@dataclass(frozen=True, slots=True)
class JobContext:
    """What a job works with. config: all tables of the configuration file. memory: kept until the process
    ends.

    `now_ns` is the only clock a job may read.
    """

    reader: Reader
    state: State
    config: Mapping[str, Any]
    now_ns: int
    deployment: Deployment
    log: structlog.typing.FilteringBoundLogger
    memory: dict[str, Any] = field(default_factory=dict)

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
