"""Fixtures for all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.elasticsearch import Cluster, cluster
from tests.small_store import Shop, shop_batch

HOME = Path(__file__).resolve().parent.parent


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first, so that no worker is left alone with them at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of recorded telemetry: `CAUSEWAY_SHARED_DATA`, or `../shared/data` next to the checkout."""
    folder = Path(os.environ.get("CAUSEWAY_SHARED_DATA") or HOME.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no recorded telemetry at {folder} (set CAUSEWAY_SHARED_DATA)")
    return folder


@pytest.fixture(scope="session")
def elasticsearch() -> Iterator[Cluster]:
    """One real Elasticsearch node for all tests: each uses names of its own and deletes what it made."""
    with cluster() as found:
        yield found


# A quarter of an hour of baseline, then five minutes with a slow payment service.
SLOW_PAYMENT = Shop(minutes=20, fault_minute=15, slow="payment")


@pytest.fixture(scope="session")
def slow_payment() -> Shop:
    """What the shop of `shop_folder` lived through."""
    return SLOW_PAYMENT


@pytest.fixture(scope="session")
def shop_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the telemetry of `slow_payment`. Read it only: every test shares it."""
    from causeway.stores.embedded.store import EmbeddedStore

    folder = tmp_path_factory.mktemp("shop") / "data"
    store = EmbeddedStore(folder)
    try:
        store.add(shop_batch(SLOW_PAYMENT))
        store.flush()
    finally:
        store.close()
    return folder
