"""An embedded store opened for reading and writing in one process: for tests, notebooks and small tools."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from causeway import records
from causeway.errors import StoreError
from causeway.stores.contract import Batch
from causeway.stores.embedded.journal import EmbeddedConfig, EmbeddedJournal
from causeway.stores.embedded.reader import EmbeddedReader
from causeway.stores.embedded.writer import RECORDS, REFERENCES


class EmbeddedStore(EmbeddedReader):
    """Reader and Writer of `causeway.stores.contract` over one folder."""

    def __init__(self, folder: Path, *, config: EmbeddedConfig | None = None) -> None:
        """Open or create. Raises StoreError when another process writes the store."""
        self.journal = EmbeddedJournal(folder, decode=decode_records, config=config)
        super().__init__(folder)

    def add(self, batch: Batch) -> None:
        """Log and sync the records; `flush` makes them visible. Raises StoreError for a table it does not know."""
        unknown = set(batch.tables) - {*RECORDS, *REFERENCES}
        if unknown:
            raise StoreError(f"no table for records: {', '.join(sorted(unknown))}")
        tables = {name: table.cast(records.TABLES[name][0]) for name, table in batch.tables.items()}
        for name, table in tables.items():
            self.journal.append([("records", "arrow", _encode(name, table))], {name: table})

    def flush(self) -> None:
        self.journal.flush()
        self.expire_listing()

    def close(self) -> None:
        self.journal.close()
        super().close()


def decode_records(signal: str, payloads: Sequence[tuple[bytes, str]]) -> dict[str, pa.Table]:
    """Tables from Arrow frames of the log. Raises StoreError for frames of a collector."""
    if signal != "records":
        raise StoreError(f"the log holds {signal} of a collector that was stopped: run `causeway collect` on it once")
    parts: dict[str, list[pa.Table]] = {}
    for payload, _ in payloads:
        table = pa.ipc.open_stream(payload).read_all()
        name = (table.schema.metadata or {})[b"table"].decode()
        parts.setdefault(name, []).append(table.replace_schema_metadata(None))
    return {name: pa.concat_tables(tables) for name, tables in parts.items()}


def _encode(name: str, table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    named = table.replace_schema_metadata({"table": name})
    with pa.ipc.new_stream(sink, named.schema) as stream:
        stream.write_table(named)
    return sink.getvalue().to_pybytes()
