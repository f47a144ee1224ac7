"""Two sets of rollup files row by row: what adds up to something else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from causeway import records
from causeway.stores.embedded.delta import DataFile
from causeway.stores.embedded.maintenance import add_up
from causeway.stores.embedded.rebuild.build import overlapping
from causeway.stores.rollups import MEASURES, keys_of
from causeway.window import MINUTE_NS, Window

ROWS_AT_ONCE = 1_000_000
EXAMPLES_MAX = 5


@dataclass(frozen=True, slots=True)
class Difference:
    """How one rollup table differs from what its records make.

    rows: how many rows (by all their keys) differ, of `compared`. window: the slots of these. sums: by measure, what
    is stored less what it should be, over them. examples: the first of them, with the same differences.
    """

    table: str
    rows: int
    compared: int
    window: Window | None
    sums: dict[str, int]
    examples: tuple[dict[str, object], ...]


def compare(name: str, stored: Sequence[DataFile], made: Sequence[DataFile], window: Window) -> Difference:
    """Compare the rows of one rollup table in the window, exactly; a slice of time at once, in bounded memory."""
    found, compared = [], 0
    for part in _slices([*stored, *made], window):
        left, right = _read(name, stored, part), _read(name, made, part)
        compared += right.num_rows
        rest = add_up(pa.concat_tables([left, _negated(right, name)]), name)
        if rest.num_rows:
            found.append(rest)
    rest = pa.concat_tables(found) if found else records.TABLES[name][0].empty_table()
    rest = rest.sort_by([(key, "ascending") for key in ("slot_ns", *keys_of(name))])
    slots = pc.min_max(rest["slot_ns"]).as_py()
    return Difference(
        name,
        rest.num_rows,
        compared,
        Window(slots["min"], slots["max"] + records.ROLLUP_STEP_NS) if rest.num_rows else None,
        {measure: pc.sum(rest[measure]).as_py() or 0 for measure in MEASURES[name]},
        tuple(rest.slice(0, EXAMPLES_MAX).to_pylist()),
    )


def _slices(files: list[DataFile], window: Window) -> Iterator[Window]:
    """Parts of the window, whole minutes, of about ROWS_AT_ONCE rows."""
    inside = overlapping(files, window)
    if not inside:
        return
    first = max(window.start_ns, min(file.first_ns for file in inside)) // MINUTE_NS * MINUTE_NS
    last = min(window.end_ns, max(file.last_ns for file in inside) + 1)
    many = max(1, sum(file.rows for file in inside) // ROWS_AT_ONCE)
    step = max(MINUTE_NS, (last - first) // many // MINUTE_NS * MINUTE_NS)
    for start in range(first, last, step):
        begin, end = max(start, window.start_ns), min(start + step, window.end_ns)
        if begin < end:
            yield Window(begin, end)


def _read(name: str, files: Sequence[DataFile], window: Window) -> pa.Table:
    """Rows of the slots in the window, text dictionary-encoded, columns that a file lacks empty."""
    schema = records.TABLES[name][0]
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    parts = [schema.empty_table()]
    for file in overlapping(files, window):
        table = pq.ParquetFile(file.path, read_dictionary=texts).read()
        slots = table["slot_ns"].to_numpy()
        rows = np.flatnonzero((slots >= window.start_ns) & (slots < window.end_ns))
        parts.append(_complete(table.take(pa.array(rows)), schema))
    return pa.concat_tables([part.cast(_encoded(schema)) for part in parts]).unify_dictionaries()


def _complete(table: pa.Table, schema: pa.Schema) -> pa.Table:
    for field in schema:
        if field.name not in table.column_names:
            table = table.append_column(field, pa.nulls(table.num_rows, field.type))
    return table.select(schema.names)


def _encoded(schema: pa.Schema) -> pa.Schema:
    text = pa.dictionary(pa.int32(), pa.string())
    return pa.schema([pa.field(one.name, text if pa.types.is_string(one.type) else one.type) for one in schema])


def _negated(table: pa.Table, name: str) -> pa.Table:
    for measure in MEASURES[name]:
        column = pc.negate(pc.fill_null(table[measure], 0))
        table = table.set_column(table.schema.get_field_index(measure), measure, column)
    return table
