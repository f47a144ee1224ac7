"""The embedded store: a write-ahead log, Delta Lake tables, DuckDB. No server, open files."""

from causeway.stores.embedded.reader import EmbeddedReader

__all__ = ["EmbeddedReader"]
