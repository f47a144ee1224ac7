import os
import subprocess
import sys
from pathlib import Path

import pytest

from causeway import guard
from causeway.errors import ConfigError


def test_our_own_packages_pass() -> None:
    """Installed as it should be, nothing is in the way."""
    guard.check()


def test_a_package_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half an installation is an error at start-up, not an ImportError later."""
    monkeypatch.setattr(guard, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="'collectors' of Causeway is not installed"):
        guard.check()


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("collectors", "collectors.py"),
        ("analytics", "analytics/__init__.py"),
        ("dashboards", "dashboards.py"),
    ],
)
def test_a_file_in_the_way_is_named(tmp_path: Path, name: str, file: str) -> None:
    """A module or package called like one of ours, found first, stops the start with its path."""
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_text("", encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-c", "from causeway import guard; guard.check()"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode != 0
    assert f"{path} stands in the way of our package {name!r}" in run.stderr
