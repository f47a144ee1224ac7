"""Stores: `open_store` gives the one that a location names."""

from __future__ import annotations

from pathlib import Path

from causeway.stores.contract import Reader


def open_store(location: str | Path) -> Reader:
    """A reader of the store at that place; it may be written to meanwhile.

    A folder is an embedded store; `elasticsearch://[user:password@]host:port[,...][/?layout=jaeger&namespace=x&...]`
    (`causeway.stores.elasticsearch.settings`) is a cluster. Raises StoreError when there is no store at the place,
    ConfigError for a location that cannot be understood.
    """
    if str(location).startswith("elasticsearch://"):
        from causeway.stores.elasticsearch.reader import ElasticsearchReader
        from causeway.stores.elasticsearch.settings import parse_location

        return ElasticsearchReader(parse_location(str(location)))
    from causeway.stores.embedded import EmbeddedReader

    return EmbeddedReader(Path(location))
