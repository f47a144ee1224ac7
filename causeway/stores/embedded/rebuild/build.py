"""The rollup rows of all records of a window, computed by the same linker as at intake, in bounded memory.

Spans are read in the order in which they began, which is nearly the order in which they came. So a span's parent is
found when no more than SPANS_REMEMBERED lie between the two, which is more than at intake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa

from causeway import records
from causeway.stores.embedded.delta import DataFile
from causeway.stores.embedded.rebuild.scan import scan
from causeway.stores.embedded.writer import count_lines
from causeway.stores.linking.linker import Linker
from causeway.stores.linking.minutes import REACH_NS
from causeway.window import Window

ROLLUPS = tuple(name for name in records.TABLES if name.startswith("rollup_"))
LOG_ROLLUP = "rollup_logs"
SPAN_ROLLUPS = tuple(name for name in ROLLUPS if name != LOG_ROLLUP)
SPANS_REMEMBERED = 2_000_000
WAITING = 1_000_000
# So many spans make rows before these are taken; rows of one slot that are taken twice add up.
SPANS_AT_ONCE = 262_144

Rows = tuple[str, pa.Table]
Advance = Callable[[int], None]


def span_rows(files: Sequence[DataFile], window: Window, *, advance: Advance) -> Iterator[Rows]:
    """Rows of SPAN_ROLLUPS in the window (whole minutes), table by table, from some files of spans.

    Spans up to REACH_NS around the window are read as well: they may be parents and children of those within.
    advance: is told how many rows were read.
    """
    linker = Linker(remember_max=SPANS_REMEMBERED, waiting_max=WAITING)
    pending = 0
    around = Window(window.start_ns - REACH_NS, window.end_ns + REACH_NS)
    for table, rows in scan("spans", overlapping(files, around), around):
        linker.add(table)
        pending += table.num_rows
        if pending >= SPANS_AT_ONCE:
            yield from _within(linker.take(), window)
            pending = 0
        advance(rows)
    yield from _within(linker.take(), window)


def log_rows(files: Sequence[DataFile], window: Window, *, advance: Advance) -> Iterator[Rows]:
    """Rows of LOG_ROLLUP in the window, from some files of logs."""
    for table, rows in scan("logs", overlapping(files, window), window):
        if table.num_rows:
            yield from _within({LOG_ROLLUP: count_lines(table)}, window)
        advance(rows)


def overlapping(files: Sequence[DataFile], window: Window) -> list[DataFile]:
    """Those with rows in the window, as far as their first and last time tell."""
    return [file for file in files if file.first_ns < window.end_ns and file.last_ns >= window.start_ns]


def _within(tables: dict[str, pa.Table], window: Window) -> Iterator[Rows]:
    for name, table in tables.items():
        slots = table["slot_ns"].to_numpy()
        inside = (slots >= window.start_ns) & (slots < window.end_ns)
        found = table if inside.all() else table.take(pa.array(np.flatnonzero(inside)))
        if found.num_rows:
            yield name, found
