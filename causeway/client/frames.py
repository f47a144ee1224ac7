"""Arrow tables and JSON documents as the pandas frames that people work with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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

    The columns named `first` come first, and are there even when there is no row. Message ids are left out: the
    sentence itself is there.
    """
    plain = [{name: value for name, value in item.items() if not name.endswith("_message")} for item in items]
    found = pd.json_normalize(plain, sep="_") if plain else pd.DataFrame()
    lacking = [name for name in first if name not in found.columns]
    found = found.assign(**{name: pd.Series(dtype=object) for name in lacking})
    return found[[*first, *(name for name in found.columns if name not in first)]]


def _column(name: str, column: pa.ChunkedArray) -> tuple[str, pa.ChunkedArray | pa.Array]:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _column(name, column.cast(kind.value_type))
    if pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind) or pa.types.is_large_binary(kind):
        return name, pa.array([None if id_ is None else id_.hex() for id_ in column.to_pylist()], type=pa.string())
    if name == "duration_ns":
        return "duration_ms", pc.divide(column.cast(pa.float64()), 1e6)
    if name.endswith("_ns") and pa.types.is_int64(kind) and not name.endswith("_step_ns"):
        return name.removesuffix("_ns"), column.cast(UTC_TIME)
    return name, column
