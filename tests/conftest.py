"""Fixtures for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of recorded telemetry: `CAUSEWAY_SHARED_DATA`, or `../shared/data` next to the checkout."""
    folder = Path(os.environ.get("CAUSEWAY_SHARED_DATA") or HOME.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no recorded telemetry at {folder} (set CAUSEWAY_SHARED_DATA)")
    return folder
