"""A place for a state: a folder, and an empty database of a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.postgresql import Postgresql, postgresql


@pytest.fixture(scope="session")
def server() -> Iterator[Postgresql]:
    """One PostgreSQL for all tests of the state."""
    with postgresql() as started:
        yield started


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a state may be made."""
    if request.param == "sqlite":
        return str(tmp_path / "state")
    found: Postgresql = request.getfixturevalue("server")
    return found.database()
