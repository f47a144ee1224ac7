"""The full build of all rollups from an embedded store, and what keeping them up to date costs; see `benchmarks.graph`.

The store is written, built from and compared by a process each, so that each has a peak of memory of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks.calls import SPANS_A_TRACE, START_NS, Calls
from benchmarks.machine import peak_rss_mb
from causeway.stores import open_store
from causeway.stores.embedded.delta import DeltaSignal
from causeway.stores.embedded.maintenance import Maintenance, MaintenanceConfig
from causeway.stores.embedded.rebuild import files as rollup_files
from causeway.stores.embedded.rebuild.build import ROLLUPS
from causeway.stores.embedded.rebuild.compare import compare
from causeway.stores.embedded.rebuild.rebuild import look, made_rows
from causeway.stores.embedded.writer import TableWriter
from causeway.window import DAY_NS, MINUTE_NS, Window

SPANS_A_MINUTE = 500_000
FLUSHES_A_MINUTE = 4
# Two rounds of compaction: what a commit costs depends on how many files wait for the next.
MINUTES_MEASURED = 8
# Compaction of what was written, outside the clock and as often as at intake, where another thread does it.
COMPACT_EVERY_MINUTES = MaintenanceConfig().files_min // FLUSHES_A_MINUTE
FIRST_MINUTES = 2  # a million spans, as many as the linker remembers: before there is nothing to forget


def run(*, spans: int, services: int, minutes: int | None, memory_gb: float, folder: Path | None) -> dict[str, Any]:
    """Write, build, compare; the store is deleted unless a folder is given."""
    place = folder or Path(tempfile.mkdtemp(prefix="causeway-graph-"))
    try:
        wanted = ["--spans", str(spans), "--services", str(services), "--minutes", str(minutes or 0)]
        written = _step("write", place, *wanted)
        edges = written.pop("edges")
        built = _step("build", place)
        compared = _step("compare", place)
        called = _calls(place)
    finally:
        if folder is None:
            shutil.rmtree(place, ignore_errors=True)
    true = called == {tuple(edge.split(">")): calls for edge, calls in edges.items()}
    return {
        **built,
        "edges": len(edges),
        "within_memory": built["peak_rss_gb"] <= memory_gb,
        "identical_to_full": compared.pop("identical") and true,
        "calls_are_true": true,
        **written,
        **compared,
        "services": services,
    }


class _Intake:
    """A store that takes spans in: seconds and CPU seconds of every minute, compaction left out."""

    def __init__(self, folder: Path) -> None:
        self.wall: list[float] = []
        self.cpu: list[float] = []
        self._writer, self._flushes = TableWriter(folder), 0
        self._housekeeping = Maintenance(self._writer, MaintenanceConfig())

    def take(self, table: pa.Table) -> None:
        """One flush, a fourth of a minute."""
        if self._flushes % FLUSHES_A_MINUTE == 0:
            if self._flushes % (COMPACT_EVERY_MINUTES * FLUSHES_A_MINUTE) == 0:
                self._housekeeping.settle(now_ns=START_NS)
            self.wall.append(0.0)
            self.cpu.append(0.0)
        self._flushes += 1
        started, used = time.perf_counter(), time.process_time()
        self._writer.flush([{"spans": table}], log_position=self._flushes)
        self.wall[-1] += time.perf_counter() - started
        self.cpu[-1] += time.process_time() - used


def write(folder: Path, *, spans: int, services: int, minutes: float) -> dict[str, Any]:
    """Spans through the store's own writer; what the last minutes cost, there and in a store of FIRST_MINUTES before.

    The two take turns flush by flush, so that what else the machine does falls on both.
    """
    with _small_store():
        pass
    minutes = minutes or spans / SPANS_A_MINUTE
    calls = Calls(services=services, minutes=minutes)
    traces_at_once = max(1, int(spans / minutes / FLUSHES_A_MINUTE / SPANS_A_TRACE))
    whole = spans // SPANS_A_TRACE // traces_at_once // FLUSHES_A_MINUTE or 1  # the last may be a part of a minute
    measured = min(whole, MINUTES_MEASURED)
    other_from = max(0, whole - measured - FIRST_MINUTES) * FLUSHES_A_MINUTE
    stored = 0
    with tempfile.TemporaryDirectory() as beside:
        store, small = _Intake(folder), _Intake(Path(beside))
        for position, table in enumerate(calls.tables(spans, traces_at_once=traces_at_once)):
            store.take(table)
            stored += table.num_rows
            if position >= other_from:
                small.take(table)
    small_whole = whole - other_from // FLUSHES_A_MINUTE
    last, first = slice(whole - measured, whole), slice(small_whole - measured, small_whole)
    return {
        "spans": stored,
        "incremental_seconds_per_minute": round(statistics.median(store.wall[last]), 3),
        "incremental_cpu_s_per_minute": round(statistics.median(store.cpu[last]), 3),
        "incremental_seconds_per_minute_first": round(statistics.median(small.wall[first]), 3),
        "incremental_cpu_s_per_minute_first": round(statistics.median(small.cpu[first]), 3),
        "spans_per_minute": traces_at_once * SPANS_A_TRACE * FLUSHES_A_MINUTE,
        "bytes_per_span": round(sum(file.bytes for file in DeltaSignal(folder, "spans").files()) / stored, 1),
        "seconds_to_write": round(sum(store.wall), 1),
        "edges": {">".join(edge): count for edge, count in calls.edges.items()},
    }


def build(folder: Path) -> dict[str, Any]:
    """All rollups into tables of a store beside."""
    with _small_store() as other:
        rollup_files.write(made_rows(look(other), advance=_ignore), _made_beside(other, create=True))
    began, used = time.perf_counter(), time.process_time()
    tables = _made_beside(folder, create=True)
    found = rollup_files.write(made_rows(look(folder), advance=_ignore), tables)
    for name, files in found.items():
        tables[name].commit(files)
    return {
        "seconds": round(time.perf_counter() - began, 2),
        "cpu_seconds": round(time.process_time() - used, 2),
        "peak_rss_gb": round(peak_rss_mb(os.getpid()) / 1e3, 3),
    }


def compare_all(folder: Path) -> dict[str, Any]:
    """The rollups made at intake and those made by `build`, row for row in every table."""
    source, made = look(folder), _made_beside(folder)
    everything = Window(START_NS - DAY_NS, START_NS + 365 * DAY_NS)
    found = [compare(name, source.files[name], made[name].files(), everything) for name in ROLLUPS]
    rows = {difference.table: difference.compared for difference in found}
    return {"identical": not any(difference.rows for difference in found), "rollup_rows": rows}


@contextlib.contextmanager
def _small_store() -> Iterator[Path]:
    """A store of a thousand spans: making it compiles before the clock what is to be compiled."""
    with tempfile.TemporaryDirectory() as folder:
        some: list[Mapping[str, pa.Table]] = [{"spans": table} for table in Calls(services=2, minutes=1).tables(1000)]
        TableWriter(Path(folder)).flush(some, log_position=1)
        yield Path(folder)


def _ignore(rows: int) -> None:
    """Progress is not shown."""
    del rows


def _made_beside(folder: Path, *, create: bool = False) -> dict[str, DeltaSignal]:
    return {name: DeltaSignal(folder / "built", name, create=create) for name in ROLLUPS}


def _calls(folder: Path) -> dict[tuple[str, str], int]:
    reader = open_store(folder)
    rows = reader.edges(Window(START_NS - MINUTE_NS, START_NS + 365 * DAY_NS)).select(["caller", "callee", "calls"])
    reader.close()
    summed = rows.group_by(["caller", "callee"]).aggregate([("calls", "sum")]).to_pylist()
    return {(row["caller"], row["callee"]): row["calls_sum"] for row in summed if row["calls_sum"]}


def _step(name: str, folder: Path, *options: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.graph_embedded", name, str(folder), *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    """One step, in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=("write", "build", "compare"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--spans", type=int, default=0)
    parser.add_argument("--services", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=0)
    asked = parser.parse_args()
    if asked.step == "write":
        found = write(asked.folder, spans=asked.spans, services=asked.services, minutes=asked.minutes)
    else:
        found = build(asked.folder) if asked.step == "build" else compare_all(asked.folder)
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
