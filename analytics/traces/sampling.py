"""A bounded number of whole traces out of a window, and how they were chosen."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics.traces.forest import COLUMNS, Forest, build_forest
from analytics.traces.spreading import SPANS_MAX, TRACES_MAX, Spread
from causeway import records
from causeway.errors import ConfigError
from causeway.latency import bucket_middle_ms
from causeway.stores.contract import Reader
from causeway.window import MINUTE_NS, SECOND_NS, Window

PIECES_MAX = 12
# Traces are looked for this far around a piece: twice the longest request, within these bounds.
REACH_NS = (SECOND_NS, MINUTE_NS)


@dataclass(frozen=True, slots=True)
class TraceSample:
    """Whole traces that begin in the window.

    pieces: the parts of the window that were read. requests_stored, spans_stored: what the whole window holds.
    traces_found: traces that began in the pieces; `forest` has as many of them as allowed. capped: a piece held more
    spans than allowed, and its rest was left out.
    """

    forest: Forest
    window: Window
    spread: Spread
    pieces: tuple[Window, ...]
    requests_stored: int
    spans_stored: int
    traces_found: int
    capped: bool

    @property
    def sampled(self) -> bool:
        """True when some traces of the window were left out."""
        return self.capped or self.traces_found > self.forest.traces or self.pieces != (self.window,)


def read_traces(
    reader: Reader,
    window: Window,
    *,
    traces_max: int = TRACES_MAX,
    spans_max: int = SPANS_MAX,
    spread: Spread = Spread.EVEN,
) -> TraceSample:
    """At most `traces_max` traces out of at most about `spans_max` spans read.

    Where the window holds more, `even` reads up to twelve pieces spread over it, `newest` its end. How much there is
    comes from the rollups, so nothing is scanned to find out. Raises ConfigError for bounds below 1.
    """
    if traces_max < 1 or spans_max < 1:
        raise ConfigError(f"at least one trace and one span must be allowed, not {traces_max} and {spans_max}")
    slots = reader.coverage(window.aligned(records.ROLLUP_STEP_NS), step_ns=records.ROLLUP_STEP_NS)
    spans, roots = (int(pc.sum(slots[name]).as_py() or 0) for name in ("spans", "roots"))
    reach = _reach_ns(reader, window)
    pieces = _pieces(window, slots, spans_max, spread, reach)
    tables, capped, found = [], False, 0
    for piece in pieces:
        table, cut = _whole_traces(reader, piece, reach, 2 * spans_max // len(pieces) + 1)
        tables.append(table)
        capped |= cut
    table = pa.concat_tables(tables).sort_by([("start_ns", "ascending"), ("span_id", "ascending")])
    table, found = _some(table, traces_max, spread)
    return TraceSample(build_forest(table), window, spread, pieces, roots, spans, found, capped)


def _reach_ns(reader: Reader, window: Window) -> int:
    rows = reader.operations(window.aligned(records.ROLLUP_STEP_NS))
    asked = rows.filter(pc.and_(rows["entry"], pc.greater(rows["calls"], 0)))
    longest = pc.max(asked["latency_bucket"]).as_py()
    wanted = 0 if longest is None else 2e6 * float(bucket_middle_ms(np.array([longest]))[0])
    return int(min(max(wanted, REACH_NS[0]), REACH_NS[1]))


def _pieces(window: Window, slots: pa.Table, spans_max: int, spread: Spread, reach_ns: int) -> tuple[Window, ...]:
    """The parts of the window to read, ascending; slots: rollup rows of coverage."""
    time, row = np.unique(slots["slot_ns"].to_numpy(), return_inverse=True)
    count = np.bincount(row, weights=slots["spans"].to_numpy(), minlength=len(time))
    total = int(count.sum())
    if total <= spans_max:
        return (window,)
    if spread is Spread.NEWEST:
        whole = int(np.searchsorted(np.cumsum(count[::-1]), spans_max, side="right"))
        start = int(time[len(time) - whole]) if whole else _within_last(int(time[-1]), float(count[-1]), spans_max)
        return (Window(min(max(start, window.start_ns), window.end_ns - 1), window.end_ns),)
    share = window.duration_ns * spans_max / total
    number = int(min(PIECES_MAX, max(1, share // (4 * reach_ns))))
    length, stride = max(1, math.floor(share / number)), window.duration_ns // number
    starts = [window.start_ns + place * stride + (stride - length) // 2 for place in range(number)]
    return tuple(Window(start, start + length) for start in starts)


def _within_last(slot_ns: int, spans: float, spans_max: int) -> int:
    """Where to begin in a slot that alone holds too much."""
    return slot_ns + int(records.ROLLUP_STEP_NS * (1 - spans_max / spans))


def _whole_traces(reader: Reader, piece: Window, reach_ns: int, limit: int) -> tuple[pa.Table, bool]:
    """The spans of the traces that begin in the piece, and whether there were too many."""
    wider = Window(piece.start_ns - reach_ns, piece.end_ns + reach_ns)
    page = reader.spans(wider, columns=COLUMNS, limit=limit)
    table = page.table.select(COLUMNS)
    if not table.num_rows:
        return table, page.truncated
    end = piece.end_ns
    if page.truncated:
        end = min(end, max(pc.max(table["start_ns"]).as_py() - reach_ns, piece.start_ns + 1))
    code = pc.index_in(table["trace_id"], pc.unique(table["trace_id"])).to_numpy()
    _, first = np.unique(code, return_index=True)
    began = table["start_ns"].to_numpy()[first]
    kept = (began >= piece.start_ns) & (began < end)
    return table.filter(pa.array(kept[code])), page.truncated


def _some(table: pa.Table, traces_max: int, spread: Spread) -> tuple[pa.Table, int]:
    """The spans of at most so many traces, and how many there were; rows come and stay by start."""
    traces = pc.unique(table["trace_id"])
    if len(traces) <= traces_max:
        return table, len(traces)
    chosen = np.zeros(len(traces), dtype=bool)
    if spread is Spread.NEWEST:
        chosen[-traces_max:] = True
    else:
        chosen[np.linspace(0, len(traces) - 1, traces_max).astype(np.int64)] = True
    code = pc.index_in(table["trace_id"], traces).to_numpy()
    return table.filter(pa.array(chosen[code])), len(traces)
