"""Checks at start-up that our generic package names are ours: another `collectors` may stand in the way."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from causeway.errors import ConfigError

OURS = ("collectors", "analytics", "forwarders", "dashboards")


def check() -> None:
    """Raises ConfigError naming the file that shadows one of our packages."""
    home = Path(__file__).resolve().parent.parent
    for name in OURS:
        spec = find_spec(name)
        found = None if spec is None or spec.origin is None else Path(spec.origin).resolve()
        if found is None:
            raise ConfigError(f"the package {name!r} of Causeway is not installed; reinstall causeway")
        if not found.is_relative_to(home):
            raise ConfigError(f"{found} stands in the way of our package {name!r}; rename it or leave its folder")
