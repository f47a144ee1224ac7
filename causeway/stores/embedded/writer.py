"""Takes decoded records in, and commits them to the tables in micro-batches, each exactly once.

Order of a flush: what records refer to (resources, series, log templates), then the rollups derived from records, then
the records. Every commit carries the write-ahead-log position the flush covers. After a crash the log is replayed up to
the highest position any table has, as one flush in which the tables that have it already are left alone; since rollups
are committed before the records they come from, and records are known by identity, nothing is lost or counted twice.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from causeway import records
from causeway.stores.embedded import parquet
from causeway.stores.embedded.delta import DeltaSignal
from causeway.stores.embedded.seen import SeenMinutes
from causeway.stores.linking.hashing import IdentitySet
from causeway.stores.linking.identity import IDENTITIES
from causeway.stores.linking.linker import Linker
from causeway.stores.linking.minutes import LINKED_COLUMNS

REFERENCES = {"resources": "resource_id", "series": "series_id", "log_templates": "entry_id"}  # and what names a row
RECORDS = ("spans", "logs", "samples", "histograms", "exemplars", "events")
COMMIT_ORDER = (
    "resources",
    "series",
    "log_templates",
    "rollup_edges",
    "rollup_calls",
    "rollup_instance_calls",
    "rollup_operations",
    "rollup_instances",
    "rollup_coverage",
    "rollup_logs",
    "events",
    "exemplars",
    "histograms",
    "samples",
    "logs",
    "spans",
)
# A flush of this many rows is written in its final form at once; smaller ones wait for compaction.
FINAL_ROWS = 65_536
LEVEL_FINAL, LEVEL_SMALL = 3, 1


class TableWriter:
    """The tables of an embedded store, opened by the one process that writes them. `lock` guards every commit."""

    def __init__(self, folder: Path) -> None:
        """Open or create the tables. Raises StoreError."""
        folder.mkdir(parents=True, exist_ok=True)
        self.lock = threading.Lock()
        self.tables = {name: DeltaSignal(folder, name, create=True) for name in records.TABLES}
        self._linker = Linker()
        self._seen = {
            name: SeenMinutes(self.tables[name], columns=LINKED_COLUMNS if name == "spans" else ())
            for name in IDENTITIES
        }
        self._known = {name: self._load_known(name) for name in REFERENCES}
        self._prepared: list[tuple[str, pa.Table]] | None = None

    def log_positions(self) -> dict[str, int]:
        """The write-ahead-log position of every table."""
        return {name: table.log_position() for name, table in self.tables.items()}

    def flush(self, batches: list[Mapping[str, pa.Table]], *, log_position: int) -> int:
        """Commit some batches as one; returns the number of records that were new.

        Raises StoreError when a commit fails; calling again with the same arguments goes on where it stopped.
        """
        if self._prepared is None:
            self._prepared = self._prepare(batches, log_position)
        fresh = 0
        for name, table in self._prepared:
            signal = self.tables[name]
            if signal.log_position() < log_position:
                final = table.num_rows >= FINAL_ROWS
                files = parquet.write(signal, table, compacted=final, level=LEVEL_FINAL if final else LEVEL_SMALL)
                with self.lock:
                    signal.commit(files, log_position=log_position)
            fresh += table.num_rows if name in RECORDS else 0
        self._prepared = None
        for seen in self._seen.values():
            seen.shrink()
        return fresh

    def _prepare(self, batches: list[Mapping[str, pa.Table]], log_position: int) -> list[tuple[str, pa.Table]]:
        found: dict[str, pa.Table] = {}
        for name in (*REFERENCES, *RECORDS):
            parts = [batch[name] for batch in batches if name in batch and batch[name].num_rows]
            if parts and self.tables[name].log_position() < log_position:
                table = pa.concat_tables(_same_types(parts))
                found[name] = self._unknown(name, table) if name in REFERENCES else self._fresh(name, table)
        if "spans" in found:
            self._linker.add(found["spans"])
            found.update(self._linker.take())
        if "logs" in found and found["logs"].num_rows:
            found["rollup_logs"] = count_lines(found["logs"])
        return [(name, found[name]) for name in COMMIT_ORDER if name in found and found[name].num_rows]

    def _fresh(self, name: str, table: pa.Table) -> pa.Table:
        seen = self._seen[name]
        stored = seen.load(table)
        if stored is not None and name == "spans":
            self._linker.absorb(stored)
        return seen.fresh(table)

    def _unknown(self, name: str, table: pa.Table) -> pa.Table:
        fresh = self._known[name].add(_identities(table[REFERENCES[name]]))
        return table.filter(pa.array(fresh))

    def _load_known(self, name: str) -> IdentitySet:
        known = IdentitySet()
        key = REFERENCES[name]
        for file in self.tables[name].files():
            known.add(_identities(parquet.read_columns(file, [key])[key]))
        return known


def _identities(column: pa.ChunkedArray) -> np.ndarray:
    values = column.to_numpy().view("uint64").copy()
    values[values == 0] = 1
    return values


def _same_types(parts: list[pa.Table]) -> list[pa.Table]:
    """Dictionary columns where any part has them, so that the parts can be put one behind the other."""
    wanted = parts[0].schema
    for part in parts[1:]:
        for place, field in enumerate(part.schema):
            if pa.types.is_dictionary(field.type) and not pa.types.is_dictionary(wanted.field(place).type):
                wanted = wanted.set(place, field)
    return [part if part.schema.equals(wanted) else part.cast(wanted) for part in parts]


def count_lines(logs: pa.Table) -> pa.Table:
    step = records.ROLLUP_STEP_NS
    slot = pc.multiply(pc.divide(logs["time_ns"], step), step)
    keys = pa.table(
        {
            "slot_ns": slot,
            "service": logs["service"],
            "severity": logs["severity"],
            "template_id": logs["template_id"],
        }
    ).unify_dictionaries()
    counted = keys.group_by(list(keys.column_names)).aggregate([([], "count_all")])
    counted = counted.rename_columns([*keys.column_names, "lines"])
    return counted.select(records.LOG_COUNTS.names).cast(records.LOG_COUNTS)


def unix_ns() -> int:
    """Now; the store's only clock, for the age of files."""
    return time.time_ns()
