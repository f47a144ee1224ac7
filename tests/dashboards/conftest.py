"""The synthetic shop behind the dashboards, made once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from dashboards.app import create_app
from tests.dashboards.fakes import BrokenServices, EmptyServices, ShopServices

REPORT = "<html><body><h1>Patrol</h1><script>alert(1)</script></body></html>"


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder's reports, with a secret beside them."""
    folder = tmp_path_factory.mktemp("data") / "reports"
    folder.mkdir()
    (folder / "patrol-2.html").write_text(REPORT)
    (folder / "patrol-2.sh").write_text("echo")
    (folder.parent / "state.sqlite").write_text("secret")
    (folder.parent / "secret.html").write_text("secret")
    return folder


@pytest.fixture(scope="session")
def shop(reports: Path) -> ShopServices:
    """The shop with a bad release of payment."""
    return ShopServices(faults=["release"], reports=reports)


@pytest.fixture(scope="session")
def empty() -> EmptyServices:
    """A store that holds nothing."""
    return EmptyServices()


@pytest.fixture
def broken() -> BrokenServices:
    """A store that cannot be read."""
    return BrokenServices()


@pytest.fixture
def client(shop: ShopServices) -> Iterator[TestClient]:
    """An HTTP client of the application over the shop."""
    with TestClient(create_app(shop), base_url="http://127.0.0.1:8050") as opened:
        yield opened
