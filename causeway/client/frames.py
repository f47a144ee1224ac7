"""Arrow tables and JSON documents as the pandas frames that people work with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

UTC_TIME = pa.timestamp("ns", tz="UTC")


def frame(table: pa.Table) -> pd.DataFrame:
    """The table with times as UTC instants, durations as float ms, ids as hex text, attributes as dicts.

    `start_ns` becomes `start`, `duration_ns` becomes `duration_ms`; other columns keep their names.
    """
    columns: dict[str, Any] = {}
    for name in table.column_names:
        shown, column = _column(name, table[name])
        columns[shown] = column
    return pa.table(columns).to_pandas(maps_as_pydicts="strict")


def rows(items: Sequence[Mapping[str, Any]], *, first: Sequence[str] = ()) -> pd.DataFrame:
    """One row per object; `{"fan_in": {"direct": 1}}` becomes the column `fan_in_direct`.

    The columns named `first` come first, and are there even when there is no row.
    """
    found = pd.json_normalize([dict(item) for item in items], sep="_") if items else pd.DataFrame()
    lacking = [name for name in first if name not in found.columns]
    found = found.assign(**{name: pd.Series(dtype=object) for name in lacking})
    return found[[*first, *(name for name in found.columns if name not in first)]]


def _column(name: str, column: pa.ChunkedArray) -> tuple[str, pa.ChunkedArray | pa.Array]:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _column(name, column.cast(kind.value_type))
    if pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind) or pa.types.is_large_binary(kind):
        return name, _hex(column)
    if name == "duration_ns":
        return "duration_ms", pc.divide(column.cast(pa.float64()), 1e6)
    if name.endswith("_ns") and pa.types.is_int64(kind) and not name.endswith("_step_ns"):
        return name.removesuffix("_ns"), column.cast(UTC_TIME)
    return name, column


def _hex(column: pa.ChunkedArray) -> pa.Array:
    """Ids of one width as hex text, null where there is none."""
    present = column.drop_null().combine_chunks()
    if len(present) == 0:
        return pa.nulls(len(column), pa.string())
    widths = pc.unique(pc.binary_length(present))
    if len(widths) > 1:
        raise ValueError(f"ids of several widths: {sorted(widths.to_pylist())}")
    width = widths[0].as_py()
    raw = b"".join(present.to_pylist()).hex().encode("ascii")
    texts = np.frombuffer(raw, dtype=f"S{2 * width}").astype(f"U{2 * width}")
    found = np.full(len(column), None, dtype=object)
    found[column.is_valid().to_numpy()] = texts
    return pa.array(found, type=pa.string())
