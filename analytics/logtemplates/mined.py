"""Templates of lines that were stored without one: mined when they are read."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from causeway.logtemplates.miner import TemplateMiner
from causeway.logtemplates.mining import OTHER, OTHER_TEXT


@dataclass(slots=True)
class MinedTemplates:
    """A miner as what `log_series` asks for. Safe from many threads, which take turns."""

    miner: TemplateMiner = field(default_factory=TemplateMiner)
    _turn: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def ids(self, bodies: pa.ChunkedArray) -> np.ndarray:
        with self._turn:
            return self.miner.template_column(bodies).to_numpy()

    @property
    def unused(self) -> bool:
        """Whether no line was looked at."""
        return not self.miner.learned and not len(self.miner.mine)

    def now(self, ids: np.ndarray) -> np.ndarray:
        return self.miner.resolve(ids)

    def version(self, template_id: int) -> int:
        """How often the template was widened, from 1."""
        found = self.miner.mine.template(template_id)
        return found.version if found else 1

    def texts(self, ids: np.ndarray) -> Mapping[int, str]:
        found = {key: self.miner.mine.template(key) for key in np.unique(ids).tolist()}
        return {key: OTHER_TEXT if one is None else one.text for key, one in found.items()} | {OTHER: OTHER_TEXT}
