"""Rows that were written before some columns of their table were there."""

from __future__ import annotations

import pyarrow as pa


def in_full(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with all columns of the schema, in its order; null where the rows are older than a column."""
    for column in schema:
        if column.name not in table.column_names:
            table = table.append_column(column, pa.nulls(table.num_rows, column.type))
    return table.select(schema.names)
