"""One window's calls by edge and by block of time: a side of a comparison."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from analytics.callgraph.level import Level
from analytics.callgraph.rows import KEYS, call_rows, slot_step_ns, whole_slots
from analytics.callgraph.significance import Blocks, mean_p, share_p
from analytics.world_rollups import group_quantiles_ms, key_codes
from causeway.latency import BUCKET_MAX
from causeway.stores.contract import Reader
from causeway.window import SECOND_NS, Window

# A window is cut into about this many blocks: enough to see how much they differ, long enough to hold calls.
BLOCKS = 12
# Latency is compared at the median and at the 95th percentile.
QUANTILES = (0.5, 0.95)


@dataclass(frozen=True, slots=True)
class Side:
    """Calls of one window. keys: (n,) of (caller, callee, kind); calls, errors, estimated, duration_ns: (n, b).

    cells: the histograms; None where the level has no latency buckets.
    """

    keys: pd.MultiIndex
    calls: Blocks
    errors: Blocks
    estimated: Blocks
    duration_ns: np.ndarray
    cells: Cells | None

    @property
    def sampled(self) -> bool:
        """Whether some traces stand for others that were not kept."""
        return bool((np.abs(self.estimated.counts - self.calls.counts) > 0.5).any())

    def nodes(self) -> set[str]:
        """The ids of the nodes that calls begin or end at."""
        called = self.keys[self.calls.total > 0]
        return set(called.get_level_values("caller")) | set(called.get_level_values("callee"))

    def reindexed(self, keys: pd.MultiIndex) -> Side:
        """The same under more keys; those without calls have zeros."""
        place = keys.get_indexer(self.keys)
        cells = None if self.cells is None else self.cells.moved(place)
        calls, errors, estimated = (_spread(one, place, len(keys)) for one in (self.calls, self.errors, self.estimated))
        duration = np.zeros((len(keys), self.duration_ns.shape[1]))
        duration[place] = self.duration_ns
        return Side(keys, calls, errors, estimated, duration, cells)

    def measures(self) -> pd.DataFrame:
        """By key: calls, calls_per_s (estimated where sampled), errors, error_ratio, latency_ms_mean/p50/p95."""
        calls, errors = self.calls.total, np.minimum(self.errors.total, self.calls.total)
        some = np.where(calls > 0, calls, np.nan)
        frame = pd.DataFrame({"calls": calls.astype(np.int64), "errors": errors.astype(np.int64)}, index=self.keys)
        frame["calls_per_s"] = self.estimated.total / self.calls.exposure.sum()
        frame["error_ratio"] = errors / some
        frame["latency_ms_mean"] = self.duration_ns.sum(axis=1) / some / 1e6
        quantiles = np.full((2, len(calls)), np.nan) if self.cells is None else self.cells.quantiles_ms(len(calls))
        return frame.assign(latency_ms_p50=quantiles[0], latency_ms_p95=quantiles[1])

    def latency_p(self, after: Side) -> np.ndarray:
        """(n,) p of equal latency.

        With buckets: Mood's test (Mood 1950) of the share of calls above the common median, and above the common 95th
        percentile, the smaller of both doubled; else a test of the blocks' means.
        """
        if self.cells is None or after.cells is None:
            return mean_p(*(_block_means(side) for side in (self, after)))
        found = []
        for quantile in QUANTILES:
            edge = _split(self.cells, after.cells, len(self.keys), quantile)
            hits = [side.cells.above(edge, side.calls) for side in (self, after) if side.cells is not None]
            found.append(share_p(hits[0], self.calls, hits[1], after.calls))
        return np.minimum(2 * np.minimum(*found), 1.0)


@dataclass(frozen=True, slots=True)
class Cells:
    """Calls by edge, latency bucket and block: (m,) each; several cells may be of one place."""

    key: np.ndarray
    bucket: np.ndarray
    block: np.ndarray
    calls: np.ndarray

    def moved(self, place: np.ndarray) -> Cells:
        """The same with key i at place[i]."""
        return Cells(place[self.key] if len(self.key) else self.key, self.bucket, self.block, self.calls)

    def quantiles_ms(self, keys: int) -> np.ndarray:
        """(2, keys) at QUANTILES."""
        return group_quantiles_ms(self.key, self.bucket, self.calls, keys, QUANTILES)

    def above(self, split: np.ndarray, like: Blocks) -> Blocks:
        """Calls in buckets above split[key], by block. split: (keys,)."""
        high = self.bucket > split[self.key]
        counts = np.zeros(like.counts.shape)
        np.add.at(counts, (self.key[high], self.block[high]), self.calls[high])
        return Blocks(np.clip(counts, 0, like.counts), like.exposure)


def side_of(reader: Reader, level: Level, window: Window) -> Side:
    """The calls of a window, moved to whole slots, by edge and block. One query."""
    base = slot_step_ns(level)
    whole = whole_slots(window, level)
    step = max(base, whole.duration_ns // BLOCKS // base * base)
    rows = call_rows(reader, level, whole, step_ns=step)
    starts = np.arange(whole.start_ns // step * step, whole.end_ns, step)
    exposure = (np.minimum(starts + step, whole.end_ns) - np.maximum(starts, whole.start_ns)) / SECOND_NS
    keys, key = key_codes(rows, KEYS)
    block = (rows["slot_ns"].to_numpy() - starts[0]) // step
    shape = (len(keys), len(starts))

    def summed(name: str) -> np.ndarray:
        values = rows[name].to_numpy().astype(np.float64)
        return np.bincount(key * shape[1] + block, weights=values, minlength=shape[0] * shape[1]).reshape(shape)

    calls = np.maximum(summed("calls"), 0.0)
    side = Side(
        keys,
        Blocks(calls, exposure),
        Blocks(np.clip(summed("errors"), 0.0, calls), exposure),
        Blocks(np.maximum(summed("estimated"), 0.0), exposure),
        np.maximum(summed("duration_ns_sum"), 0.0),
        _cells(rows, key, block),
    )
    return _called(side)


def _called(side: Side) -> Side:
    """Without the edges that have no call in the window: corrections that add up to nothing."""
    called = side.calls.total > 0
    if called.all():
        return side
    place = np.cumsum(called) - 1
    cells = side.cells
    if cells is not None:
        kept = called[cells.key]
        cells = Cells(place[cells.key[kept]], cells.bucket[kept], cells.block[kept], cells.calls[kept])
    calls, errors, estimated = (
        Blocks(blocks.counts[called], blocks.exposure) for blocks in (side.calls, side.errors, side.estimated)
    )
    return Side(side.keys[called], calls, errors, estimated, side.duration_ns[called], cells)


def _cells(rows: pa.Table, key: np.ndarray, block: np.ndarray) -> Cells | None:
    if "latency_bucket" not in rows.column_names:
        return None
    bucket = np.clip(rows["latency_bucket"].to_numpy(), 0, BUCKET_MAX).astype(np.int64)
    calls = rows["calls"].to_numpy().astype(np.float64)
    counted = calls != 0
    return Cells(key[counted], bucket[counted], block[counted], calls[counted])


def _spread(blocks: Blocks, place: np.ndarray, keys: int) -> Blocks:
    counts = np.zeros((keys, blocks.counts.shape[1]))
    counts[place] = blocks.counts
    return Blocks(counts, blocks.exposure)


def _block_means(side: Side) -> np.ndarray:
    """(n, b) mean ns per call; NaN where a block has none."""
    calls = side.calls.counts
    return np.divide(side.duration_ns, calls, out=np.full(calls.shape, np.nan), where=calls > 0)


def _split(before: Cells, after: Cells, keys: int, quantile: float) -> np.ndarray:
    """(keys,) the bucket after which the calls of both windows divide most nearly at the quantile."""
    key, bucket = np.concatenate([before.key, after.key]), np.concatenate([before.bucket, after.bucket])
    cell, place = np.unique(key * (BUCKET_MAX + 1) + bucket, return_inverse=True)
    calls = np.maximum(np.bincount(place, weights=np.concatenate([before.calls, after.calls])), 0.0)
    cell_key, cell_bucket = cell // (BUCKET_MAX + 1), cell % (BUCKET_MAX + 1)
    totals = np.bincount(cell_key, weights=calls, minlength=keys)
    below = np.cumsum(calls) - (np.cumsum(totals) - totals)[cell_key]
    distance = np.abs(below / np.maximum(totals[cell_key], 1) - quantile)
    order = np.lexsort((cell_bucket, distance, cell_key))
    first = np.unique(cell_key[order], return_index=True)[1]
    split = np.zeros(keys, dtype=np.int64)
    split[cell_key[order][first]] = cell_bucket[order][first]
    return split
