"""Prometheus keeps the store contract for samples."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from causeway.stores.contract import Store
from tests.contracts.samples_only import SamplesContract, samples_store
from tests.servers.prometheus import prometheus


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One server for all tests."""
    with prometheus(tmp_path_factory.mktemp("prometheus")) as server:
        yield server.url


class TestPrometheus(SamplesContract):
    """A real server, written by remote write and read by its query API."""

    @pytest.fixture
    def store(self, url: str) -> Iterator[Store]:
        with samples_store(url) as store:
            yield store
