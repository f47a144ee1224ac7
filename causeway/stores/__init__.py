"""Stores: `open_store` gives the one that a location names."""

from __future__ import annotations

from pathlib import Path

from causeway.stores.contract import Reader


def open_store(location: str | Path) -> Reader:
    """A reader of the store at that place: a folder is an embedded store. It may be written to meanwhile.

    Raises StoreError when there is no store at the place.
    """
    from causeway.stores.embedded import EmbeddedReader

    return EmbeddedReader(Path(location))
