"""Blast radius and what-if as notebooks get them: pandas frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from causeway.client.frames import rows
from causeway.window import Window


@dataclass(frozen=True, slots=True)
class Consequences:
    """What a failure, a removal or a slow-down does.

    summary: in one sentence. failing: share of all entry requests that fail, None where unknown or where nothing does.
    victims: service, probability, touched, distance, path, the surest first. journeys: service, operation, requests,
    share, touched, failing, the worst first; of a slow-down also added_ms_mean and added_ms_p50. method: `traces` where
    sampled requests tell, `graph` where call ratios had to. document: all of it, see docs/json.md.
    """

    window: Window
    summary: str
    failing: float | None
    victims: pd.DataFrame
    journeys: pd.DataFrame
    method: str
    document: Mapping[str, Any]


def consequences_of(document: Mapping[str, Any]) -> Consequences:
    """The document of `causeway blast` or `causeway whatif` as frames."""
    window = document["window"]
    return Consequences(
        Window(window["start_ns"], window["end_ns"]),
        document["summary"],
        document["failing"],
        rows(document["victims"], first=("service", "probability")),
        rows(document["journeys"], first=("service", "operation", "share")),
        document["method"],
        document,
    )
