"""DuckDB over Arrow tables: the SQL that the embedded store runs over its files, for stores that have none."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pyarrow as pa

from causeway.stores.rollups import rollup_query
from causeway.window import Window


class Summer:
    """Runs queries over tables in memory. Safe from many threads."""

    def __init__(self) -> None:
        self._duck = duckdb.connect(":memory:")

    def close(self) -> None:
        self._duck.close()

    def run(self, sql: str, values: Sequence[int | str], rows: pa.Table, schema: pa.Schema) -> pa.Table:
        """The answer of `sql` over the rows, which it names `{source}`."""
        cursor = self._duck.cursor()
        try:
            cursor.register("given_rows", rows)
            found = cursor.sql(sql.replace("{source}", "given_rows"), params=list(values)).to_arrow_table()
            return found.select(schema.names).cast(schema)
        finally:
            cursor.close()

    def sum(self, name: str, rows: pa.Table, window: Window, *, step_ns: int | None, service: str | None) -> pa.Table:
        """Rows of a rollup table summed as `Reader.edges` says. Raises StoreError for a step that does not fit."""
        query = rollup_query(name, window, step_ns=step_ns, service=service)
        return self.run(query.sql, query.values, rows, query.schema)
