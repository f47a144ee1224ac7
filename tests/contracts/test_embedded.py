"""The embedded store keeps the store contract."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from causeway.stores.contract import Store
from causeway.stores.embedded.store import EmbeddedStore
from tests.contracts.store_contract import SHOP, StoreContract
from tests.small_store import shop_batch


class TestEmbedded(StoreContract):
    """Nothing is opted out of."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        """A store that holds the small shop, written in one flush."""
        store = EmbeddedStore(tmp_path)
        store.add(shop_batch(SHOP))
        store.flush()
        yield store
        store.close()


class TestEmbeddedAfterCompaction(TestEmbedded):
    """Compaction changes no answer."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        """A store that took the shop in several flushes, compacted and opened again."""
        whole = shop_batch(SHOP)
        store = EmbeddedStore(tmp_path)
        for name, table in whole.tables.items():
            for part in range(3):
                store.add(type(whole)({name: table.slice(part * table.num_rows // 3, table.num_rows // 3)}))
                store.flush()
            store.add(type(whole)({name: table}))
        store.flush()
        store.journal.maintenance.settle()
        store.close()
        store = EmbeddedStore(tmp_path)
        yield store
        store.close()
