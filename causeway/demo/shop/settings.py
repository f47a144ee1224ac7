"""Where a shop process finds the others: handed down as JSON in one environment variable."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

VARIABLE = "CAUSEWAY_DEMO_SHOP"


@dataclass(frozen=True, slots=True)
class ShopSettings:
    """ports: of each service's instances, in order. folder: the databases. All listen on 127.0.0.1."""

    otlp: str
    folder: str
    broker_port: int
    ports: dict[str, list[int]]
    seed: int = 1

    def environment(self) -> dict[str, str]:
        """What a child gets."""
        return {VARIABLE: json.dumps(asdict(self))}

    def database(self, name: str) -> Path:
        """The SQLite file of `catalog-db` or `orders-db`."""
        return Path(self.folder) / f"{name}.sqlite"


def read() -> ShopSettings:
    """What the parent handed down."""
    return ShopSettings(**json.loads(os.environ[VARIABLE]))
