"""Real servers and browsers for tests, each on an ephemeral loopback port in a folder of its own.

`require("alertmanager")` gives the program's path. Where it is missing the test is skipped with the reason,
or fails when `CAUSEWAY_REQUIRE_SERVERS=1` (as `.ci/run` sets it). `make servers` installs all of them.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

# Name -> the programs that will do, in order of preference.
PROGRAMS: dict[str, tuple[str, ...]] = {
    "alertmanager": ("prometheus-alertmanager", "alertmanager"),
    "chromium": ("chromium", "chromium-browser", "google-chrome"),
    "node": ("node", "nodejs"),
    "npm": ("npm",),
    "prometheus": ("prometheus",),
    "victoria-metrics": ("victoria-metrics",),
}


def find(name: str) -> Path | None:
    """The program that serves as `name`, or None."""
    for program in PROGRAMS[name]:
        if path := shutil.which(program):
            return Path(path)
    return None


def required() -> bool:
    """Whether a missing server is a failure rather than a skip."""
    return os.environ.get("CAUSEWAY_REQUIRE_SERVERS", "") == "1"


def missing(reason: str) -> None:
    """Skip the running test with that reason, or fail it when servers are required."""
    if required():
        pytest.fail(f"{reason} (CAUSEWAY_REQUIRE_SERVERS=1)", pytrace=False)
    pytest.skip(reason)


def require(name: str) -> Path:
    """The program that serves as `name`; the test is skipped or failed where there is none."""
    path = find(name)
    if path is None:
        missing(f"no {' or '.join(PROGRAMS[name])} on this machine: run `make servers`")
    assert path is not None
    return path
