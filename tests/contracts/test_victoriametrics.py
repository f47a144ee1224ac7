"""VictoriaMetrics keeps the store contract for samples."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from causeway.stores.contract import Store
from tests.contracts.samples_only import SamplesContract, samples_store
from tests.servers.victoriametrics import victoria_metrics


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One server for all tests."""
    with victoria_metrics(tmp_path_factory.mktemp("victoriametrics")) as server:
        yield server.url


class TestVictoriaMetrics(SamplesContract):
    """A real server, written by remote write and read by its query API."""

    # It keeps values in decimal, to some twelve digits where they differ much within a block.
    value_tolerance = 1e-11

    @pytest.fixture
    def store(self, url: str) -> Iterator[Store]:
        with samples_store(url) as store:
            yield store
