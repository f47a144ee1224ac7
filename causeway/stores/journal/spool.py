"""The way into stores on other machines: what was acknowledged waits in the log while a store is away."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from causeway.stores.journal.drain import Decode, DrainPlan, JournalConfig
from causeway.stores.journal.journal import CLOSE_S, Journal, own


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolConfig(JournalConfig):
    """Bounds of the way in to the distributed mode.

    spool_bytes_max: what may be acknowledged and not yet delivered; beyond it clients are told to come back. The log on
    disk is at most 64 MiB larger.
    """

    spool_bytes_max: int = 4 << 30

    def __post_init__(self) -> None:
        if self.spool_bytes_max <= 0:
            raise ValueError("spool_bytes_max: must be positive")


class Spool(Journal):
    """A journal whose drains may fall behind for as long as the log has room. One process per folder."""

    def __init__(
        self, folder: Path, drains: Mapping[str, DrainPlan], *, decode: Decode, config: SpoolConfig | None = None
    ) -> None:
        """Open the log and start delivering, also what the last run left there. No sink needs to answer for that.

        Raises StoreError when another process has the folder or its log is damaged.
        """
        config = config or SpoolConfig()
        self._own = own(folder)
        try:
            super().__init__(folder, drains, decode=decode, config=config, spool_bytes_max=config.spool_bytes_max)
        except BaseException:
            os.close(self._own)
            raise
        self.start()

    def close(self, *, timeout_s: float = CLOSE_S) -> bool:
        """As `Journal.close`; the folder is free for another process then."""
        ended = super().close(timeout_s=timeout_s)
        os.close(self._own)
        return ended
