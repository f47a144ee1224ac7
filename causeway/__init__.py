"""Causeway: open observability and deterministic root-cause analysis.

`causeway.open(folder)` and `causeway.connect(url)` give telemetry and analysis as pandas objects.
"""

from __future__ import annotations

from typing import Any

_CLIENT = {"open": "open_folder", "connect": "connect"}


def __getattr__(name: str) -> Any:
    """`open` and `connect`, loaded when first asked for: pandas is slow to import."""
    if name not in _CLIENT:
        raise AttributeError(f"module 'causeway' has no attribute {name!r}")
    from causeway import client

    return getattr(client, _CLIENT[name])
