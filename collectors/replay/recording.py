"""Opens a folder of recorded telemetry, in any of the layouts known.

spans.parquet, logs.parquet and metrics.parquet, as far as present (Nezha); one issue of PetShop; one incident of
root-cause-bench.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from causeway.errors import ConfigError
from causeway.window import SECOND_NS, Window
from collectors.replay import incident, petshop
from collectors.replay.plain import is_plain

SIGNALS = ("spans", "logs", "metrics", "events")
# Layouts that become plain tables; a folder that is none of them must hold Parquet files.
LAYOUTS = (petshop, incident)
_TIMES = {"spans": "StartTimeUnixNano", "logs": "TimeUnixNano", "metrics": "TimeStamp"}
_NEEDED = {
    "spans": (
        "TraceID",
        "SpanID",
        "ParentID",
        "PodName",
        "OperationName",
        "StartTimeUnixNano",
        "EndTimeUnixNano",
    ),
    "logs": ("TimeUnixNano", "PodName", "Log"),
    "metrics": ("TimeStamp", "PodName", "source"),
}
ORDER = "replay_order"


@dataclass(frozen=True, slots=True)
class Recording:
    """The recorded tables by signal, each ordered by time and then by its place in the file."""

    tables: dict[str, pa.Table] = field(default_factory=dict)

    def span_of_time(self) -> Window:
        """From the first record to just after the last. Raises ConfigError when nothing is there."""
        ends = [_extent(signal, table) for signal, table in self.tables.items() if table.num_rows]
        if not ends:
            raise ConfigError("the recording holds no record in the chosen window; widen --from and --to")
        return Window(min(first for first, _ in ends), max(last for _, last in ends) + 1)

    def within(self, window: Window) -> Recording:
        """The records of the window alone."""
        return Recording({signal: _within(table, signal, window) for signal, table in self.tables.items()})


def read(folder: Path, *, signals: tuple[str, ...] = SIGNALS, window: Window | None = None) -> Recording:
    """The records of the folder in the window. Raises ConfigError for what is not a recording."""
    tables: dict[str, pa.Table] = {}
    layout = next((layout for layout in LAYOUTS if layout.is_recording(folder)), None)
    if layout is not None:
        found = layout.read(folder)
        return Recording({name: _sorted(_within(found[name], name, window), name) for name in signals if name in found})
    for signal in _TIMES:
        path = folder / f"{signal}.parquet"
        if signal in signals and path.exists():
            tables[signal] = _sorted(_within(_checked(path, signal), signal, window), signal)
    if not tables:
        raise ConfigError(f"{folder} holds none of {', '.join(f'{name}.parquet' for name in signals)}")
    return Recording(tables)


def time_ns(signal: str, table: pa.Table) -> pa.ChunkedArray:
    """The time of every record in Unix ns; a recorded metric row says seconds."""
    times = table[_time_column(signal, table)]
    if is_plain(table):
        return times
    return pc.multiply(times, SECOND_NS) if signal == "metrics" else times


def _time_column(signal: str, table: pa.Table) -> str:
    return "time_ns" if is_plain(table) else _TIMES[signal]


def _checked(path: Path, signal: str) -> pa.Table:
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise ConfigError(f"{path} cannot be read as Parquet: {error}") from error
    missing = [name for name in _NEEDED[signal] if name not in table.column_names]
    if missing:
        raise ConfigError(f"{path} has no column {missing[0]!r}; it is not a recording of {signal}")
    return table.replace_schema_metadata(None)


def _within(table: pa.Table, signal: str, window: Window | None) -> pa.Table:
    if window is None:
        return table
    times = time_ns(signal, table)
    return table.filter(pc.and_(pc.greater_equal(times, window.start_ns), pc.less(times, window.end_ns)))


def _sorted(table: pa.Table, signal: str) -> pa.Table:
    places = pa.array(np.arange(table.num_rows))
    table = table.append_column(ORDER, places)
    return table.sort_by([(_time_column(signal, table), "ascending"), (ORDER, "ascending")]).drop_columns([ORDER])


def _extent(signal: str, table: pa.Table) -> tuple[int, int]:
    bounds = pc.min_max(time_ns(signal, table)).as_py()
    return bounds["min"], bounds["max"]
