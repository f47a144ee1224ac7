"""A running collector for tests that send to one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.collectors.receiver import Collector, running_collector


@pytest.fixture(scope="session")
def otlp_servers() -> Iterator[Collector]:
    """OTLP servers shared by all tests; use `collector`."""
    with running_collector() as servers:
        yield servers


@pytest.fixture
def collector(otlp_servers: Collector) -> Iterator[Collector]:
    """OTLP/gRPC and OTLP/HTTP servers on free ports, and the tables of what a test sent to them."""
    otlp_servers.forget()
    yield otlp_servers
    otlp_servers.forget()
